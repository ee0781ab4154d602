//! [`JsonLines`]: one line of JSON for each durable event.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use serde::Serialize;
use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// Writes durable events to a writer and flushes after each batch. Live pieces are not written: every item comes
/// whole. The writer may block for as long as a file or a pipe does; put nothing slower behind it.
pub struct JsonLines<W> {
    writer: Mutex<W>,
}

/// An event, and whose it is.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    key: &'a ThreadKey,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write + Send> JsonLines<W> {
    /// Lines into this writer.
    pub fn new(writer: W) -> Self {
        Self { writer: Mutex::new(writer) }
    }

    /// The writer again.
    pub fn into_inner(self) -> W {
        self.writer.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &ThreadKey, events: &[Event]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, &Line { key, event })?;
            lines.push(b'\n');
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&lines)?;
        writer.flush()
    }
}

#[async_trait]
impl<W: Write + Send> EventSink for JsonLines<W> {
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        self.write(key, events)
            .map_err(|error| SinkError { message: format!("JSON lines cannot be written: {error}") })
    }

    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonLines")
    }
}

//! Export: a thread as a file for people or programs.

use crate::{Database, LocalError, ThreadReader};
use agent_core::{ExportFormat, StorageError, ThreadKey};
use std::io::{self, Write};

/// Events read at once.
const PAGE: usize = 256;

impl Database {
    /// Writes all there is of a thread, served or not.
    pub async fn export(
        &self,
        key: &ThreadKey,
        format: ExportFormat,
        writer: &mut (dyn Write + Send),
    ) -> Result<(), LocalError> {
        let summary = self.get(key).await?;
        let reader = ThreadReader::open(self, key).await?;
        write(writer, &format.heading(&summary))?;
        let mut after = 0;
        loop {
            let events = reader.events(after, PAGE).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            for event in &events {
                write(writer, &format.event(event).map_err(|error| write_failed(error.into()))?)?;
            }
        }
        writer.flush().map_err(write_failed)?;
        Ok(())
    }
}

fn write(writer: &mut (dyn Write + Send), text: &str) -> Result<(), StorageError> {
    writer.write_all(text.as_bytes()).map_err(write_failed)
}

fn write_failed(error: io::Error) -> StorageError {
    StorageError::Io {
        message: format!("the export cannot be written: {error}"),
        source: Some(Box::new(error)),
    }
}

//! Output as it is shown while the command runs.

use agent_core::{EventSink, Live, LiveKind, ThreadKey, ToolRequest};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Pieces come at most this often.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_millis(50);
/// Size of one piece.
const PIECE_BYTES: usize = 8 * 1024;
/// Size of all pieces of one call. A command that writes more is not watched line by line.
const TOTAL_BYTES: usize = 256 * 1024;

const CLOSING: &str = "\n… more output is not shown while the command runs …\n";

/// Shows the output of one call.
pub(crate) struct LiveOutput {
    sink: Arc<dyn EventSink>,
    key: ThreadKey,
    template: Live,
    waiting: String,
    left_bytes: usize,
    /// What is shown when the bytes are used up, until it has been.
    closing: Option<&'static str>,
    last: Option<Instant>,
}

impl LiveOutput {
    pub(crate) fn new(sink: Arc<dyn EventSink>, request: &ToolRequest) -> Self {
        let template = Live {
            turn: request.turn,
            item: request.call.item.clone(),
            attempt: request.attempt,
            kind: LiveKind::Output(String::new()),
        };
        Self::of(sink, request.key.clone(), template)
    }

    fn of(sink: Arc<dyn EventSink>, key: ThreadKey, template: Live) -> Self {
        Self {
            sink,
            key,
            template,
            waiting: String::new(),
            left_bytes: TOTAL_BYTES,
            closing: Some(CLOSING),
            last: None,
        }
    }

    #[cfg(test)]
    pub(super) fn of_item(sink: Arc<dyn EventSink>, key: ThreadKey, item: &str) -> Self {
        let item = agent_core::ItemId::new(item);
        let kind = LiveKind::Output(String::new());
        Self::of(sink, key, Live { turn: agent_core::TurnId(1), item, attempt: 1, kind })
    }

    /// Takes clean text, and shows it if the last piece is long enough ago.
    pub(crate) fn push(&mut self, text: &str) {
        let fits = text.floor_char_boundary(text.len().min(self.left_bytes));
        self.waiting.push_str(&text[..fits]);
        self.left_bytes -= fits;
        if fits < text.len()
            && let Some(closing) = self.closing.take()
        {
            self.left_bytes = 0;
            self.waiting.push_str(closing);
        }
        if self.last.is_none_or(|last| last.elapsed() >= FLUSH_EVERY) {
            self.flush();
        }
    }

    /// Nothing more will be shown.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_none()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Shows what waits.
    pub(crate) fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let cut = self.waiting.floor_char_boundary(PIECE_BYTES.min(self.waiting.len()));
            let piece: String = self.waiting.drain(..cut).collect();
            self.sink.live(&self.key, &Live { kind: LiveKind::Output(piece), ..self.template.clone() });
            self.last = Some(Instant::now());
        }
    }
}

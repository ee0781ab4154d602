//! [`Reading`]: a response while it is read.

use super::assembly::Assembly;
use crate::{
    provider::Provider,
    sse::{SseEvent, SseParser},
};
use agent_core::{ModelError, ModelErrorKind, ModelEvent, RateLimit};
use futures::{FutureExt, Stream, stream};
use reqwest::Response;
use std::collections::VecDeque;

pub(super) struct Reading<'a> {
    provider: &'a Provider,
    response: Response,
    parser: SseParser,
    assembly: Assembly,
    /// Parsed, not yet looked at.
    arrived: VecDeque<SseEvent>,
    /// To be given out.
    ready: VecDeque<ModelEvent>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(provider: &'a Provider, response: Response, rate_limits: Vec<RateLimit>) -> Self {
        Self {
            provider,
            response,
            parser: SseParser::default(),
            assembly: Assembly::new(rate_limits),
            arrived: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// The events, up to `Completed` or an error; what the socket does after that does not matter.
    pub(super) fn events(self) -> impl Stream<Item = Result<ModelEvent, ModelError>> + Send + 'a {
        stream::unfold(Some(self), |reading| async {
            let mut reading = reading?;
            match reading.next().await {
                Ok(event @ ModelEvent::Completed(_)) => {
                    reading.release().await;
                    Some((Ok(event), None))
                }
                Ok(event) => Some((Ok(event), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<ModelEvent, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match self.arrived.pop_front() {
                Some(event) => self.take(&event)?,
                None => self.read().await?,
            }
        }
    }

    fn take(&mut self, event: &SseEvent) -> Result<(), ModelError> {
        let taken = self.assembly.take(&event.data, &mut self.ready);
        taken.map_err(|error| {
            let message = format!("{}: {}", self.provider.host(), error.message);
            ModelError { retry_after_ms: error.retry_after_ms, ..self.provider.error(error.kind, message) }
        })
    }

    /// Reads a chunk; it is an error if there is none.
    async fn read(&mut self) -> Result<(), ModelError> {
        let chunk = tokio::time::timeout(self.provider.idle_timeout, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| self.provider.idle())?.map_err(|error| self.provider.broken(error))?;
        match chunk {
            Some(chunk) => {
                self.parser.push(&chunk, &mut self.arrived).map_err(|error| self.unreadable(&error))
            }
            None => {
                match std::mem::take(&mut self.parser).finish().map_err(|error| self.unreadable(&error))? {
                    Some(event) => self.take(&event),
                    None => {
                        let message =
                            format!("{} closed the response before it was completed", self.provider.host());
                        Err(self.provider.error(ModelErrorKind::Stream, message))
                    }
                }
            }
        }
    }

    fn unreadable(&self, error: &dyn std::error::Error) -> ModelError {
        let message = format!("the response of {} cannot be read: {error}", self.provider.host());
        self.provider.error(ModelErrorKind::Stream, message)
    }

    /// Gives the connection back. With HTTP/1.1 it can only be used again once the end of the body was read, which
    /// as a rule is there already: it is looked for, not waited for.
    async fn release(&mut self) {
        for _ in 0..2 {
            tokio::task::yield_now().await;
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(_))) | None => {}
                Some(Ok(None) | Err(_)) => return,
            }
        }
    }
}

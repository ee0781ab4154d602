//! [`Reading`]: a response while it is read, of whichever API. What its events mean is an [`Assembly`]'s matter.

use crate::{
    fault::ProviderFault,
    provider::{Form, Provider},
    sse::{MAX_EVENT_BYTES, SseEvent, SseParser},
};
use agent_core::{ModelError, ModelErrorKind, ModelEvent};
use futures::{FutureExt, Stream, stream};
use reqwest::Response;
use std::{collections::VecDeque, error::Error, time::Duration};

/// How long the end of the body is waited for once the response is whole, where the server does not send it.
const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(5);

/// Puts a response together. `Completed` comes last; after an error nothing more is to be taken.
pub(crate) trait Assembly: Send {
    /// Takes one event of the stream.
    fn take(&mut self, event: &SseEvent, ready: &mut VecDeque<ModelEvent>) -> Result<(), Trouble>;

    /// Takes a response that came whole, as JSON; `None` where it is none.
    fn take_whole(&mut self, body: &str, ready: &mut VecDeque<ModelEvent>) -> Option<Result<(), Trouble>>;

    /// Whether all that matters has come, so that the stream may end here in whichever way.
    fn may_end(&self) -> bool;

    /// The stream has ended where it may.
    fn end(&mut self, ready: &mut VecDeque<ModelEvent>) -> Result<(), Trouble>;
}

/// Why a response comes to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The provider says so.
    Fault(ProviderFault),
    /// It is no good.
    Wrong(ModelErrorKind, String),
}

impl Trouble {
    /// The response makes no sense; another may.
    pub(crate) fn nonsense(message: impl Into<String>) -> Self {
        Self::Wrong(ModelErrorKind::Stream, message.into())
    }
}

pub(crate) struct Reading<'a, A> {
    provider: &'a Provider,
    model: String,
    response: Response,
    form: Form,
    parser: SseParser,
    assembly: A,
    /// Parsed, not yet looked at.
    arrived: VecDeque<SseEvent>,
    /// To be given out.
    ready: VecDeque<ModelEvent>,
}

impl<'a, A: Assembly + 'a> Reading<'a, A> {
    pub(crate) fn new(
        provider: &'a Provider,
        model: String,
        (response, form): (Response, Form),
        assembly: A,
    ) -> Self {
        Self {
            provider,
            model,
            response,
            form,
            parser: SseParser::default(),
            assembly,
            arrived: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// What the response is put together by.
    pub(crate) fn assembly(&self) -> &A {
        &self.assembly
    }

    /// The events, up to `Completed` or an error; what the socket does after that does not matter.
    pub(crate) fn events(self) -> impl Stream<Item = Result<ModelEvent, ModelError>> + Send + 'a {
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

    /// The next event. After `Completed` or an error there is none.
    pub(crate) async fn next(&mut self) -> Result<ModelEvent, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match (self.arrived.pop_front(), self.form) {
                (Some(event), _) => self.take(&event)?,
                (None, Form::Events) => self.read().await?,
                (None, Form::Json) => self.read_whole().await?,
            }
        }
    }

    fn take(&mut self, event: &SseEvent) -> Result<(), ModelError> {
        let taken = self.assembly.take(event, &mut self.ready);
        taken.map_err(|trouble| self.error(trouble))
    }

    fn error(&self, trouble: Trouble) -> ModelError {
        match trouble {
            Trouble::Fault(fault) => self.provider.gave_up(&self.model, &fault),
            Trouble::Wrong(kind, message) => {
                self.provider.error(kind, format!("{}: {message}", self.provider.host()))
            }
        }
    }

    /// Reads a chunk; where there is none, the response ends or is an error.
    async fn read(&mut self) -> Result<(), ModelError> {
        let chunk = match self.chunk().await {
            Ok(chunk) => chunk,
            Err(_) if self.assembly.may_end() => None,
            Err(error) => return Err(error),
        };
        if let Some(chunk) = chunk {
            return self.parser.push(&chunk, &mut self.arrived).map_err(|error| self.unreadable(&error));
        }
        match std::mem::take(&mut self.parser).finish().map_err(|error| self.unreadable(&error))? {
            Some(event) => self.take(&event),
            None if self.assembly.may_end() => {
                self.assembly.end(&mut self.ready).map_err(|trouble| self.error(trouble))
            }
            None => {
                let message = format!("{} closed the response before it was completed", self.provider.host());
                Err(self.provider.error(ModelErrorKind::Stream, message))
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ModelError> {
        let idle = self.provider.idle_timeout;
        let patience = if self.assembly.may_end() { idle.min(LAST_WORD_TIMEOUT) } else { idle };
        let chunk = tokio::time::timeout(patience, self.response.chunk()).await;
        chunk.map_err(|_| self.provider.idle())?.map_err(|error| self.provider.broken(error))
    }

    /// Reads the body of a server that does not stream.
    async fn read_whole(&mut self) -> Result<(), ModelError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_EVENT_BYTES {
                return Err(self.unreadable(&crate::sse::TooLong));
            }
        }
        let text = String::from_utf8_lossy(&body);
        match self.assembly.take_whole(&text, &mut self.ready) {
            Some(taken) => taken.map_err(|trouble| self.error(trouble)),
            // Some servers answer an error with a status of success.
            None => match ProviderFault::of_success(&body) {
                Some(fault) => Err(self.provider.gave_up(&self.model, &fault)),
                None => Err(self.provider.no_stream("application/json")),
            },
        }
    }

    fn unreadable(&self, error: &dyn Error) -> ModelError {
        let message = format!("the response of {} cannot be read: {error}", self.provider.host());
        self.provider.error(ModelErrorKind::Stream, message)
    }

    /// Gives the connection back. With HTTP/1.1 it can only be used again once the end of the body was read, which
    /// as a rule is there already: it is looked for, not waited for.
    pub(crate) async fn release(&mut self) {
        for _ in 0..2 {
            tokio::task::yield_now().await;
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(_))) | None => {}
                Some(Ok(None) | Err(_)) => return,
            }
        }
    }
}

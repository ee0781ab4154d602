//! [`SchemaChecked`]: a model whose final messages are checked against the output schema of the request.

mod schema;

pub use schema::SchemaError;

use agent_core::{ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, ModelStreamer};
use futures::stream::{self, BoxStream, StreamExt};
use schema::Schema;
use serde_json::Value;

/// Wraps a model and fills [`Completion::misfit`](agent_core::Completion::misfit).
///
/// Checked is the last message of a response that asks for no tool, where the request has an output schema; every
/// other response passes untouched, and without a schema nothing is done at all. A message in a code fence is no JSON:
/// who asked for JSON parses what comes, so the model is told to leave the fence out.
///
/// A schema that is not valid ends the call before anything is sent, with [`ModelErrorKind::InvalidRequest`]: asking
/// again could not help. Clients check it earlier with [`check_schema`].
#[derive(Clone, Debug)]
pub struct SchemaChecked<M> {
    inner: M,
}

impl<M> SchemaChecked<M> {
    /// The same model, checked.
    pub fn new(inner: M) -> Self {
        Self { inner }
    }
}

/// Whether a JSON schema can be used as an output schema: drafts 4, 6, 7, 2019-09 and 2020-12, the last where it names
/// none. Nothing is fetched: a `$ref` may lead to another part of the schema only.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check_schema(schema: &Value) -> Result<(), SchemaError> {
    Schema::compile(schema).map(|_| ())
}

impl<M: ModelStreamer> ModelStreamer for SchemaChecked<M> {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        if request.output_schema.is_none() {
            return self.inner.stream(request);
        }
        stream::once(async move { self.checked(request) }).flatten().boxed()
    }
}

impl<M: ModelStreamer> SchemaChecked<M> {
    fn checked(&self, request: ModelRequest) -> BoxStream<'_, Result<ModelEvent, ModelError>> {
        let schema = match request.output_schema.as_ref().map(Schema::compile) {
            None => return self.inner.stream(request),
            Some(Ok(schema)) => schema,
            Some(Err(error)) => {
                let error = ModelError::new(ModelErrorKind::InvalidRequest, error.to_string());
                return stream::iter([Err(error)]).boxed();
            }
        };
        let mut check = Check { schema, last: Last::Nothing };
        self.inner.stream(request).map(move |event| event.map(|event| check.watch(event))).boxed()
    }
}

struct Check {
    schema: Schema,
    last: Last,
}

/// What the response would end with, as far as it has come.
enum Last {
    Nothing,
    Message(String),
    /// It asks for a tool, so its messages are not final.
    Call,
}

impl Check {
    fn watch(&mut self, event: ModelEvent) -> ModelEvent {
        match event {
            ModelEvent::Item(item) => {
                match &item {
                    ModelItem::Call { .. } => self.last = Last::Call,
                    ModelItem::Message { text } if !matches!(self.last, Last::Call) => {
                        self.last = Last::Message(text.clone());
                    }
                    _ => {}
                }
                ModelEvent::Item(item)
            }
            ModelEvent::Completed(mut completion) => {
                completion.misfit = match &self.last {
                    Last::Call => None,
                    Last::Message(text) => self.schema.misfit(text),
                    Last::Nothing => Some("there is no message".to_owned()),
                };
                ModelEvent::Completed(completion)
            }
            other => other,
        }
    }
}

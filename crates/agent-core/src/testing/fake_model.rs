//! [`FakeModel`]: answers by a function of the request.

use crate::{Completion, ModelError, ModelEvent, ModelItem, ModelRequest, ModelStreamer, TokenUsage};
use futures::stream::{self, BoxStream, StreamExt};
use std::fmt;

type Answer = dyn Fn(&ModelRequest) -> Vec<Result<ModelEvent, ModelError>> + Send + Sync;

/// A model whose response is a pure function of the request, so that it says the same again after a crash.
pub struct FakeModel {
    answer: Box<Answer>,
}

impl FakeModel {
    /// A model that answers so.
    pub fn new(
        answer: impl Fn(&ModelRequest) -> Vec<Result<ModelEvent, ModelError>> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Box::new(answer) }
    }
}

/// A whole response of these items, at a cost of ten tokens in and five out.
pub fn response(items: impl IntoIterator<Item = ModelItem>) -> Vec<Result<ModelEvent, ModelError>> {
    let tokens = Some(TokenUsage { input: 10, output: 5, ..TokenUsage::default() });
    let completion = Completion { tokens, ..Completion::default() };
    items.into_iter().map(ModelEvent::Item).chain([ModelEvent::Completed(completion)]).map(Ok).collect()
}

impl ModelStreamer for FakeModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        stream::iter((self.answer)(&request)).boxed()
    }
}

impl fmt::Debug for FakeModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeModel")
    }
}

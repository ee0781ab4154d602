//! [`HttpModel`]: a model behind a provider of any API.

use crate::{
    anthropic::AnthropicModel,
    catalogue::Catalogue,
    chat::ChatModel,
    endpoint::ProviderError,
    provider::{ProbeAnswer, ProbeError},
    provider_config::{ProviderConfig, WireApi},
    responses::ResponsesModel,
    web_search::WebSearch,
};
use agent_core::{BlobSource, ModelError, ModelEvent, ModelRequest, ModelStreamer};
use futures::stream::BoxStream;
use std::sync::Arc;

/// A model behind the API that its provider speaks. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpModel {
    /// The Responses API.
    Responses(ResponsesModel),
    /// Chat Completions.
    Chat(ChatModel),
    /// Anthropic's Messages.
    Anthropic(AnthropicModel),
}

impl HttpModel {
    /// Checks the settings; the HTTP client is made at the first request.
    ///
    /// # Errors
    /// The url or a header is malformed.
    pub fn new(config: &ProviderConfig) -> Result<Self, ProviderError> {
        match config.wire_api {
            WireApi::Responses => ResponsesModel::new(config).map(Self::Responses),
            WireApi::Chat => ChatModel::new(config).map(Self::Chat),
            WireApi::Anthropic => AnthropicModel::new(config).map(Self::Anthropic),
        }
    }

    /// The same model, for threads whose blobs are in `blobs`.
    #[must_use]
    pub fn with_blobs(&self, blobs: Arc<dyn BlobSource>) -> Self {
        match self {
            Self::Responses(model) => Self::Responses(model.with_blobs(blobs)),
            Self::Chat(model) => Self::Chat(model.with_blobs(blobs)),
            Self::Anthropic(model) => Self::Anthropic(model.with_blobs(blobs)),
        }
    }

    /// The same model, with another catalogue than the built-in one.
    #[must_use]
    pub fn with_catalogue(&self, catalogue: Catalogue) -> Self {
        match self {
            Self::Responses(model) => Self::Responses(model.with_catalogue(catalogue)),
            Self::Chat(model) => Self::Chat(model.with_catalogue(catalogue)),
            Self::Anthropic(model) => Self::Anthropic(model.with_catalogue(catalogue)),
        }
    }

    /// The same model, at a provider that has a web search or has none. Over Chat Completions it makes no difference:
    /// no search is asked for.
    #[must_use]
    pub fn with_web_search(&self, web_search: WebSearch) -> Self {
        match self {
            Self::Responses(model) => Self::Responses(model.with_web_search(web_search)),
            Self::Chat(model) => Self::Chat(model.clone()),
            Self::Anthropic(model) => Self::Anthropic(model.with_web_search(web_search)),
        }
    }

    /// Asks the provider, once and for seconds at most, which models it has: whether it is there and takes the key. This
    /// costs nothing.
    ///
    /// # Errors
    /// Nobody answers, or whoever does refuses the key or is no provider.
    pub async fn probe(&self) -> Result<ProbeAnswer, ProbeError> {
        match self {
            Self::Responses(model) => model.probe().await,
            Self::Chat(model) => model.probe().await,
            Self::Anthropic(model) => model.probe().await,
        }
    }
}

impl ModelStreamer for HttpModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        match self {
            Self::Responses(model) => model.stream(request),
            Self::Chat(model) => model.stream(request),
            Self::Anthropic(model) => model.stream(request),
        }
    }
}

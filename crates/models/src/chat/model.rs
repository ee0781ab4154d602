//! [`ChatModel`]: asks a provider of Chat Completions.

use super::{assembly::ChatAssembly, request};
use crate::{
    catalogue::Catalogue,
    connection::Connection,
    endpoint::ProviderError,
    freeform::FreeformTools,
    provider::{ProbeAnswer, ProbeError},
    provider_config::{ProviderConfig, WireApi},
    reading::Reading,
};
use agent_core::{BlobSource, ModelError, ModelEvent, ModelRequest, ModelStreamer};
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;

/// A model behind Chat Completions. Cheap to clone; clones share connections.
///
/// Blobs that items refer to are read from the source given by [`with_blobs`](Self::with_blobs); without one, the
/// model is told that there was something it cannot see.
#[derive(Clone, Debug)]
pub struct ChatModel(Connection);

impl ChatModel {
    /// Checks the settings; the HTTP client is made at the first request, which installs `ring` as rustls'
    /// process-wide crypto provider where there is none. The `wire_api` of the settings does not matter here.
    ///
    /// # Errors
    /// The url or a header is malformed.
    pub fn new(config: &ProviderConfig) -> Result<Self, ProviderError> {
        Connection::new(config, WireApi::Chat).map(Self)
    }

    /// The same model, for threads whose blobs are in `blobs`.
    #[must_use]
    pub fn with_blobs(&self, blobs: Arc<dyn BlobSource>) -> Self {
        Self(Connection { blobs: Some(blobs), ..self.0.clone() })
    }

    /// The same model, with another catalogue than the built-in one.
    #[must_use]
    pub fn with_catalogue(&self, catalogue: Catalogue) -> Self {
        Self(Connection { catalogue, ..self.0.clone() })
    }

    /// As of [`HttpModel::probe`](crate::HttpModel::probe).
    pub(crate) async fn probe(&self) -> Result<ProbeAnswer, ProbeError> {
        self.0.provider.probe().await
    }

    async fn open(&self, request: ModelRequest) -> Result<Reading<'_, ChatAssembly>, ModelError> {
        let info = self.0.catalogue.model(&request.model);
        let attachments = self.0.attachments(&request, &info).await?;
        let limit = self.0.configured_output_limit(&info);
        let body = request::body(&request, &info, limit, &attachments, self.0.provider.dialect);
        drop(attachments);
        let freeform = FreeformTools::of(&request.tools);
        let model = request.model.clone();
        let assembly = |limits| ChatAssembly::new(limits, model, freeform, limit);
        self.0.open(request.model, body, None, assembly).await
    }
}

impl ModelStreamer for ChatModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        stream::once(async move {
            match self.open(request).await {
                Ok(reading) => reading.events().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }
}

//! [`ResponsesModel`]: asks a provider of the Responses API.

use super::{attachments::Attachments, config::ResponsesConfig, request, stream::Reading};
use crate::{endpoint::ProviderError, provider::Provider, rate_limit::rate_limits};
use agent_core::{BlobSource, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStreamer};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use std::{fmt, sync::Arc};

/// A model behind the Responses API. Cheap to clone; clones share connections.
///
/// Blobs that items refer to are read from the source given by [`with_blobs`](Self::with_blobs); without one, the
/// model is told that there was something it cannot see.
#[derive(Clone)]
pub struct ResponsesModel {
    provider: Arc<Provider>,
    blobs: Option<Arc<dyn BlobSource>>,
}

impl ResponsesModel {
    /// Makes the HTTP client; nothing is sent yet. Installs `ring` as rustls' process-wide crypto provider where
    /// there is none.
    ///
    /// # Errors
    /// The url or a header is malformed, or the system's certificates cannot be read.
    pub fn new(config: &ResponsesConfig) -> Result<Self, ProviderError> {
        Ok(Self { provider: Arc::new(Provider::new(&config.provider())?), blobs: None })
    }

    /// The same model, for threads whose blobs are in `blobs`.
    #[must_use]
    pub fn with_blobs(&self, blobs: Arc<dyn BlobSource>) -> Self {
        Self { provider: Arc::clone(&self.provider), blobs: Some(blobs) }
    }

    async fn open(&self, request: &ModelRequest) -> Result<Reading<'_>, ModelError> {
        let attachments = Attachments::of(&request.conversation, self.blobs.as_deref()).await?;
        let body = request::body(request, &attachments).map_err(|error| {
            self.provider.error(ModelErrorKind::InvalidRequest, format!("the request is no JSON: {error}"))
        })?;
        drop(attachments);
        let response = self.provider.post(Bytes::from(body)).await?;
        let rate_limits = rate_limits(response.headers());
        Ok(Reading::new(&self.provider, response, rate_limits))
    }
}

impl ModelStreamer for ResponsesModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        stream::once(async move {
            match self.open(&request).await {
                Ok(reading) => reading.events().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }
}

impl fmt::Debug for ResponsesModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesModel").field("host", &self.provider.host()).finish_non_exhaustive()
    }
}

//! [`Connection`]: what the models of all APIs over HTTP are made of.

use crate::{
    attachments::Attachments,
    catalogue::{Catalogue, ModelInfo},
    endpoint::ProviderError,
    provider::{Message, Provider},
    provider_config::{ProviderConfig, WireApi},
    rate_limit::rate_limits,
    reading::{Assembly, Reading},
    web_search::WebSearch,
};
use agent_core::{BlobSource, ModelError, ModelErrorKind, ModelRequest, RateLimit};
use bytes::Bytes;
use std::{fmt, sync::Arc, time::SystemTime};

/// A provider, where its conversations' blobs are, and what is known of models. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) provider: Arc<Provider>,
    pub(crate) blobs: Option<Arc<dyn BlobSource>>,
    pub(crate) catalogue: Catalogue,
    pub(crate) web_search: WebSearch,
}

impl Connection {
    pub(crate) fn new(config: &ProviderConfig, api: WireApi) -> Result<Self, ProviderError> {
        let provider = Arc::new(Provider::new(config, api)?);
        Ok(Self { provider, blobs: None, catalogue: Catalogue::builtin(), web_search: WebSearch::default() })
    }

    pub(crate) async fn attachments(
        &self,
        request: &ModelRequest,
        model: &ModelInfo,
    ) -> Result<Attachments, ModelError> {
        Attachments::of(&request.conversation, self.blobs.as_deref(), model).await
    }

    /// The limit on a response that the user has set for the model. The model's own limit is not sent: it holds in
    /// any case, and servers that run the model with a smaller window refuse it.
    pub(crate) fn configured_output_limit(&self, model: &ModelInfo) -> Option<u64> {
        let own = Catalogue::builtin().model(&model.name).max_output_tokens;
        model.max_output_tokens.filter(|limit| own != Some(*limit))
    }

    /// Posts the body; the response is read by the assembly that is made for it.
    pub(crate) async fn open<'a, A: Assembly + 'a>(
        &'a self,
        model: String,
        body: Result<Vec<u8>, serde_json::Error>,
        beta: Option<&'static str>,
        assembly: impl FnOnce(Vec<RateLimit>) -> A,
    ) -> Result<Reading<'a, A>, ModelError> {
        let body = body.map_err(|error| {
            self.provider.error(ModelErrorKind::InvalidRequest, format!("the request is no JSON: {error}"))
        })?;
        let answer = self.provider.post(&model, Message { body: Bytes::from(body), beta }).await?;
        let limits = rate_limits(answer.0.headers(), SystemTime::now());
        Ok(Reading::new(&self.provider, model, answer, assembly(limits)))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("host", &self.provider.host()).finish_non_exhaustive()
    }
}

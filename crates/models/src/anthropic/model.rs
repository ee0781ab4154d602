//! [`AnthropicModel`]: asks a provider of the Messages API.

use super::{
    assembly::{AnthropicAssembly, Asked},
    messages::Begin,
    request,
};
use crate::{
    catalogue::Catalogue,
    citations::Citations,
    connection::Connection,
    endpoint::ProviderError,
    freeform::FreeformTools,
    provider::{ProbeAnswer, ProbeError},
    provider_config::{ProviderConfig, WireApi},
    reading::Reading,
    web_search::WebSearch,
};
use agent_core::{
    BlobSource, Item, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, ModelStreamer, Shared,
};
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;

/// How often a response that its provider paused is gone on with.
const MAX_PAUSES: u32 = 10;

/// A model behind Anthropic's Messages API. Cheap to clone; clones share connections.
///
/// Blobs that items refer to are read from the source given by [`with_blobs`](Self::with_blobs); without one, the
/// model is told that there was something it cannot see.
#[derive(Clone, Debug)]
pub struct AnthropicModel(Connection);

impl AnthropicModel {
    /// Checks the settings; the HTTP client is made at the first request, which installs `ring` as rustls'
    /// process-wide crypto provider where there is none. The `wire_api` of the settings does not matter here.
    ///
    /// # Errors
    /// The url or a header is malformed.
    pub fn new(config: &ProviderConfig) -> Result<Self, ProviderError> {
        Connection::new(config, WireApi::Anthropic).map(Self)
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

    /// The same model, at a provider that has a web search or has none.
    #[must_use]
    pub fn with_web_search(&self, web_search: WebSearch) -> Self {
        Self(Connection { web_search, ..self.0.clone() })
    }

    /// As of [`HttpModel::probe`](crate::HttpModel::probe).
    pub(crate) async fn probe(&self) -> Result<ProbeAnswer, ProbeError> {
        self.0.provider.probe().await
    }

    async fn open(
        &self,
        request: &ModelRequest,
        begin: Begin,
    ) -> Result<Reading<'_, AnthropicAssembly>, ModelError> {
        let info = self.0.catalogue.model(&request.model);
        let attachments = self.0.attachments(request, &info).await?;
        let search = self.0.web_search.offer(&request.tools, self.0.provider.url(), WireApi::Anthropic);
        let made = request::body(request, &info, &attachments, search, begin).map_err(|error| {
            self.0.provider.error(ModelErrorKind::InvalidRequest, format!("the request is no JSON: {error}"))
        })?;
        drop(attachments);
        let schema = request.output_schema.is_some();
        let asked = Asked {
            model: request.model.clone(),
            prefix: made.prefix,
            max_tokens: made.max_tokens,
            freeform: FreeformTools::of(&request.tools),
            citations: if schema { Citations::LeaveOut } else { Citations::PutUnder },
        };
        let assembly = |limits| AnthropicAssembly::new(limits, asked);
        self.0.open(request.model.clone(), Ok(made.bytes), made.beta, assembly).await
    }
}

impl ModelStreamer for AnthropicModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let response =
            Response { model: self, request, reading: None, pauses: 0, before: 0, here: 0, output: 0 };
        stream::unfold(Some(response), |response| async {
            let mut response = response?;
            match response.next().await {
                Ok(event @ ModelEvent::Completed(_)) => Some((Ok(event), None)),
                Ok(event) => Some((Ok(event), Some(response))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// A response, of which the provider may have sent a part: where it searches the web for long it pauses, and goes on
/// once it is sent what it said (Anthropic, "Stop reasons", section "pause_turn").
struct Response<'a> {
    model: &'a AnthropicModel,
    /// With what the parts before this one said.
    request: ModelRequest,
    reading: Option<Reading<'a, AnthropicAssembly>>,
    pauses: u32,
    /// How many items the parts before this one had, and this one has so far.
    before: usize,
    here: usize,
    /// How many tokens the parts before this one cost.
    output: u64,
}

impl<'a> Response<'a> {
    async fn next(&mut self) -> Result<ModelEvent, ModelError> {
        loop {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                None => {
                    let begin = if self.pauses == 0 { Begin::Anew } else { Begin::WhereItPaused };
                    self.reading.insert(self.model.open(&self.request, begin).await?)
                }
            };
            match reading.next().await? {
                ModelEvent::Delta { index, kind } => {
                    return Ok(ModelEvent::Delta { index: index + self.before, kind });
                }
                ModelEvent::Item(item) => {
                    self.here += 1;
                    self.keep(&item);
                    return Ok(ModelEvent::Item(item));
                }
                ModelEvent::Completed(mut completion) => {
                    reading.release().await;
                    let paused = reading.assembly().has_paused();
                    let output = completion.tokens.map_or(0, |tokens| tokens.output);
                    if paused && self.pauses < MAX_PAUSES {
                        self.pauses += 1;
                        self.before += std::mem::take(&mut self.here);
                        self.output += output;
                        self.reading = None;
                        continue;
                    }
                    // What was sent last is what is in the window; what was received adds up.
                    if let Some(tokens) = &mut completion.tokens {
                        tokens.output += self.output;
                    }
                    return Ok(ModelEvent::Completed(completion));
                }
                other => return Ok(other),
            }
        }
    }

    /// Adds an item to what is sent again where the provider pauses.
    fn keep(&mut self, item: &ModelItem) {
        let provider = Some(self.request.provider.clone());
        let item = match item.clone() {
            ModelItem::Message { text } => Item::Agent { text, cut: false },
            ModelItem::Reasoning { provider_id, summary, text, encrypted } => {
                Item::Reasoning { provider_id, summary, text, encrypted, provider }
            }
            ModelItem::WebSearch { query, sealed } => Item::WebSearch { query, sealed, provider },
            // A response that calls does not pause.
            _ => return,
        };
        let conversation = &mut self.request.conversation;
        let told =
            if conversation.tail.is_empty() { &mut conversation.items } else { &mut conversation.tail };
        told.push(Shared::new(item));
    }
}

//! What a model is asked and what it answers, free of any provider's wire format.

use super::EffectId;
use super::{
    Effort, Item, LiveKind, Payload, RateLimit, Shared, Summary, ThreadKey, TokenUsage, ToolSpec, TurnId,
};
use crate::thread::Archived;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One model call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// What the answer is for.
    #[serde(default, skip_serializing_if = "Purpose::is_answer")]
    pub purpose: Purpose,
    /// The thread; its id is the prompt-cache key.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The effect; with the attempt, the name of this call.
    pub effect: EffectId,
    /// Counted from 1.
    pub attempt: u32,
    /// Which entry of the host's provider table is asked; empty for its default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The model.
    pub model: String,
    /// Reasoning effort.
    pub effort: Option<Effort>,
    /// Reasoning summary.
    pub summary: Option<Summary>,
    /// The system prompt.
    pub instructions: Shared<String>,
    /// The tools the model may call.
    pub tools: Shared<Vec<ToolSpec>>,
    /// What was said so far.
    pub conversation: Conversation,
    /// A JSON schema the final message must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// The W3C trace context of the submission that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What the answer of a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// It goes on with the conversation.
    #[default]
    Answer,
    /// It takes the conversation's place. Its pieces are not shown while they come.
    Summary,
}

impl Purpose {
    fn is_answer(&self) -> bool {
        *self == Self::Answer
    }
}

/// The items of a conversation. Within one epoch it only grows, so (epoch, length) names its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Changes whenever earlier items do.
    pub epoch: u32,
    /// What comes before the items and is kept elsewhere. Empty wherever a model is asked: the host puts the items back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archived: Vec<Archived>,
    /// The items.
    pub items: Vec<Shared<Item>>,
    /// So many of the thread's first items, archived ones included, are left out here: they do not fit.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub skipped: u64,
    /// What is said after the items in this request only. It does not enter the thread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Shared<Item>>,
}

impl Conversation {
    /// Everything the model is told, in order, where nothing is kept elsewhere.
    pub fn told(&self) -> impl DoubleEndedIterator<Item = &Shared<Item>> {
        self.items.iter().chain(&self.tail)
    }

    /// A conversation of which nothing is kept elsewhere.
    pub fn of(epoch: u32, items: Vec<Shared<Item>>) -> Self {
        Self { epoch, archived: Vec::new(), items, skipped: 0, tail: Vec::new() }
    }
}

/// What a model's response is made of while it comes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelEvent {
    /// A piece of the `index`-th item of the response.
    Delta {
        /// Which item of this response, from 0.
        index: usize,
        /// The piece.
        kind: LiveKind,
    },
    /// A whole item; they come in order.
    Item(ModelItem),
    /// The response is complete. Nothing follows; a stream that ends without it was cut.
    Completed(Completion),
}

/// What is known of a complete response besides its items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Tokens, where the provider counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenUsage>,
    /// Limits seen in the response's headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_limits: Vec<RateLimit>,
    /// How the final message misses [`ModelRequest::output_schema`], in words for the model and the user; `None` where
    /// it fits or none was asked for. The streamer judges it, so that the verdict is recorded and no later version of a
    /// validator can decide otherwise in a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misfit: Option<String>,
}

/// A whole item of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelItem {
    /// A message.
    Message {
        /// Its text.
        text: String,
    },
    /// Reasoning; fields as in [`Item::Reasoning`].
    Reasoning {
        /// The provider's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
        /// The summary.
        #[serde(default)]
        summary: Vec<String>,
        /// The thoughts themselves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The thoughts sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encrypted: Option<String>,
    },
    /// A tool call. The provider's own id for it is not kept: the thread numbers its calls.
    Call {
        /// The tool.
        name: String,
        /// What it is called with.
        payload: Payload,
    },
    /// The provider searched the web by itself; fields as in [`Item::WebSearch`].
    WebSearch {
        /// For what.
        query: String,
        /// The provider's record of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
}

/// The last word of a model call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelAnswer {
    /// The response is whole.
    Completed {
        /// Its items.
        items: Vec<ModelItem>,
        /// What else is known of it.
        #[serde(flatten)]
        completion: Completion,
    },
    /// There is no whole response.
    Failed {
        /// Why.
        error: ModelError,
    },
    /// It was stopped on request.
    Cancelled {
        /// The text of the message in the making; empty where there was none.
        partial: String,
        /// Which item of the response that message would have been.
        #[serde(default)]
        index: usize,
    },
}

/// Why a model call failed, after the streamer's own retries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// What happened and what to do about it, without secrets.
    pub message: String,
    /// How long the provider asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Kinds of model failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The response broke off or made no sense; the thread asks again.
    Stream,
    /// The provider could not be reached, or answered 429 or 5xx, until the streamer gave up.
    Unavailable,
    /// 401 or 403: the key is missing, wrong, or may not do this.
    Auth,
    /// The account has nothing left.
    Quota,
    /// The provider does not take the request.
    InvalidRequest,
    /// The conversation does not fit the model's window.
    ContextWindowExceeded,
    /// The worker that asked is gone, and the answer with it. The driver makes [`crate::Input::Lost`] of it: asked again
    /// as another attempt, which no limit of retries counts.
    Lost,
}

impl ModelError {
    /// An error without a wish to wait.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None }
    }

    /// Whether the thread may ask again.
    pub fn retry(&self) -> bool {
        match self.kind {
            ModelErrorKind::Stream | ModelErrorKind::Lost => true,
            ModelErrorKind::Unavailable
            | ModelErrorKind::Auth
            | ModelErrorKind::Quota
            | ModelErrorKind::InvalidRequest
            | ModelErrorKind::ContextWindowExceeded => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ModelErrorKind::Stream => "stream",
            ModelErrorKind::Unavailable => "unavailable",
            ModelErrorKind::Auth => "auth",
            ModelErrorKind::Quota => "quota",
            ModelErrorKind::InvalidRequest => "invalid_request",
            ModelErrorKind::ContextWindowExceeded => "context_window_exceeded",
            ModelErrorKind::Lost => "lost",
        }
    }
}

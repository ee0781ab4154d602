//! [`WireApi`]: which of the APIs a request speaks; [`Asked`]: what a reply must know of its request.

use crate::{dialect::Dialect, prompt_cache::Prompt};
use agent_core::TokenUsage;
use serde_json::Value;
use std::collections::BTreeSet;

/// The APIs that the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireApi {
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/chat/completions`.
    Chat,
    /// Anthropic's Messages, `POST /v1/messages`.
    Anthropic,
}

impl WireApi {
    /// All of them, for tests that go through them.
    pub const ALL: [Self; 3] = [Self::Responses, Self::Chat, Self::Anthropic];
}

/// What the shape of an answer depends on.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) api: WireApi,
    pub(crate) dialect: Dialect,
    /// Chat only: `stream_options.include_usage`.
    pub(crate) include_usage: bool,
    /// The tools that the request offers as functions: a freeform tool may be among them.
    pub(crate) functions: BTreeSet<String>,
    pub(crate) search: SearchOffer,
    /// What the server counts where it keeps account of a prompt cache.
    pub(crate) prompt: Option<Prompt>,
}

/// Whether a request lets the provider search the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchOffer {
    Made,
    NotMade,
    /// The request was not looked at.
    Unseen,
}

impl Asked {
    /// For a request whose body was not looked at: usage is wanted, and freeform tools are offered as such.
    pub(crate) fn unseen(api: WireApi, dialect: Dialect) -> Self {
        let search = match api {
            WireApi::Responses | WireApi::Anthropic => SearchOffer::Unseen,
            WireApi::Chat => SearchOffer::NotMade,
        };
        Self { api, dialect, include_usage: true, functions: BTreeSet::new(), search, prompt: None }
    }

    pub(crate) fn of(api: WireApi, dialect: Dialect, body: &Value) -> Self {
        let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |tool: &Value| {
            let place = if api == WireApi::Chat { &tool["function"] } else { tool };
            place["name"].as_str().map(str::to_owned)
        };
        let kind = |tool: &Value| tool["type"].as_str().unwrap_or_default().to_owned();
        let is_search = |tool: &Value| match api {
            WireApi::Responses => kind(tool) == "web_search",
            WireApi::Chat => false,
            WireApi::Anthropic => kind(tool).starts_with("web_search_"),
        };
        let is_function = |tool: &&Value| match api {
            WireApi::Responses | WireApi::Chat => kind(tool) == "function",
            WireApi::Anthropic => matches!(kind(tool).as_str(), "" | "custom"),
        };
        let offered = tools.iter().any(is_search);
        Self {
            api,
            dialect,
            search: if offered { SearchOffer::Made } else { SearchOffer::NotMade },
            include_usage: body["stream_options"]["include_usage"] == true,
            functions: tools.iter().filter(is_function).filter_map(name).collect(),
            prompt: None,
        }
    }

    /// What the response cost: as the reply says, but for what the server counted itself.
    pub(crate) fn usage(&self, told: TokenUsage) -> TokenUsage {
        match self.prompt {
            Some(Prompt { input, cached, .. }) => TokenUsage { input, cached, ..told },
            None => told,
        }
    }
}

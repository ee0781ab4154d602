//! [`WireApi`]: which of the two APIs a request speaks; [`Asked`]: what a reply must know of its request.

use crate::dialect::Dialect;
use serde_json::Value;
use std::collections::BTreeSet;

/// The APIs that the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireApi {
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/chat/completions`.
    Chat,
}

impl WireApi {
    /// Both, for tests that go through them.
    pub const ALL: [Self; 2] = [Self::Responses, Self::Chat];
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
            WireApi::Responses => SearchOffer::Unseen,
            WireApi::Chat => SearchOffer::NotMade,
        };
        Self { api, dialect, include_usage: true, functions: BTreeSet::new(), search }
    }

    pub(crate) fn of(api: WireApi, dialect: Dialect, body: &Value) -> Self {
        let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |tool: &Value| {
            let place = if api == WireApi::Chat { &tool["function"] } else { tool };
            place["name"].as_str().map(str::to_owned)
        };
        let offered = api == WireApi::Responses && tools.iter().any(|tool| tool["type"] == "web_search");
        Self {
            api,
            dialect,
            search: if offered { SearchOffer::Made } else { SearchOffer::NotMade },
            include_usage: body["stream_options"]["include_usage"] == true,
            functions: tools.iter().filter(|tool| tool["type"] == "function").filter_map(name).collect(),
        }
    }
}

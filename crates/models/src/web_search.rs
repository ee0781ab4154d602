//! [`WebSearch`]: whether a provider's own web search may be asked for, and the tool that asks for it.
//!
//! The search is the provider's: it runs there, in the midst of a response, and no sandbox of this machine is between it
//! and the web. The thread has a tool whose calls the provider serves ([`ServedBy::Provider`]); whoever speaks to a
//! provider translates it, or leaves it out. It is left out
//!
//! * over Chat Completions, where next to nobody has it and those who do disagree how it is asked for;
//! * over the other two, where the provider is not known to have it, see [`WebSearch::WhereKnown`];
//! * with the effort `minimal`, with which OpenAI refuses it (openai/codex issue 3559).
//!
//! The catalogue does not say which models have it: all that it knows of these providers do.

use crate::provider_config::WireApi;
use agent_core::{ServedBy, ToolKind, ToolSpec};
use reqwest::Url;
use serde_json::{Map, Value, json};

/// The name of the tool, of ours and of the Responses API.
const NAME: &str = "web_search";
/// What may be said of a search beside its type, over the Responses API.
const OPTIONS: [&str; 4] = [LIVE, "filters", "search_context_size", "user_location"];
/// The option that says whether pages are fetched.
const LIVE: &str = "external_web_access";
/// Whose servers have it, over the Responses API.
const KNOWN: [&str; 2] = ["openai.com", "x.ai"];
/// Whose servers have it, over Anthropic's API.
const KNOWN_TO_ANTHROPIC: [&str; 1] = ["anthropic.com"];
/// Which of them can do so without fetching pages.
const KNOWN_TO_INDEX: [&str; 1] = ["openai.com"];

/// Whether a provider of the Responses API or of Anthropic's is asked to search the web where a thread has the tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebSearch {
    /// At OpenAI, xAI and Anthropic ("Web search" in the documentation of each), by the host of the base url; not at the
    /// last two for [`WebPages::Indexed`], which they do not know.
    ///
    /// Not elsewhere, because llama.cpp and vLLM refuse a request for a tool of a type that they do not know
    /// (ggml-org/llama.cpp issue 20156) and OpenRouter has another one (OpenRouterTeam/ai-sdk-provider issue 482). Not
    /// at Azure, because there a search leaves what Microsoft's data protection terms cover (Microsoft, "Web search with
    /// the Responses API"): that is for the user to say.
    #[default]
    WhereKnown,
    /// Always: the user says that the provider has it.
    On,
    /// Never.
    Off,
}

impl WebSearch {
    /// The options of the search, as the Responses API calls them, for a provider at this url; `None` where it is not told
    /// of it.
    pub(crate) fn offer(self, tools: &[ToolSpec], url: &Url, api: WireApi) -> Option<Map<String, Value>> {
        let options = options(tools.iter().find(|spec| is_web_search(spec))?);
        let indexed = options.get(LIVE) == Some(&Value::Bool(false));
        let known: &[&str] = match (api, indexed) {
            // No word of the user's can make it search an index that it has not.
            (WireApi::Chat, _) | (WireApi::Anthropic, true) => return None,
            (WireApi::Anthropic, false) => &KNOWN_TO_ANTHROPIC,
            (WireApi::Responses, true) => &KNOWN_TO_INDEX,
            (WireApi::Responses, false) => &KNOWN,
        };
        let host = url.host_str().unwrap_or_default();
        let is = |domain: &&str| {
            host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let has_it = match self {
            Self::WhereKnown => known.iter().any(is),
            Self::On => true,
            Self::Off => false,
        };
        has_it.then_some(options)
    }
}

/// Which pages a search may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebPages {
    /// As they are now: the provider fetches them.
    Live,
    /// As the provider has indexed them. Nothing is fetched, so that an address cannot carry anything out.
    Indexed,
}

/// The tool of a thread that may search the web. Options of OpenAI's tool can be added to its parameters:
/// `filters`, `search_context_size` and `user_location` are passed on as well.
pub fn web_search_tool(pages: WebPages) -> ToolSpec {
    let parameters = match pages {
        WebPages::Live => json!({}),
        WebPages::Indexed => json!({ LIVE: false }),
    };
    let spec = ToolSpec::new(NAME, "Searches the web.", ToolKind::Function { parameters });
    ToolSpec { served_by: ServedBy::Provider, ..spec }
}

/// Whether this is the tool.
pub(crate) fn is_web_search(spec: &ToolSpec) -> bool {
    spec.served_by == ServedBy::Provider && spec.name == NAME
}

/// What the tool says of the search.
fn options(spec: &ToolSpec) -> Map<String, Value> {
    let ToolKind::Function { parameters: Value::Object(parameters) } = &spec.kind else { return Map::new() };
    let known = parameters.iter().filter(|(name, _)| OPTIONS.contains(&name.as_str()));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(choice: WebSearch, pages: WebPages, url: &str) -> Option<Value> {
        offer_over(WireApi::Responses, choice, pages, url)
    }

    fn offer_over(api: WireApi, choice: WebSearch, pages: WebPages, url: &str) -> Option<Value> {
        choice.offer(&[web_search_tool(pages)], &Url::parse(url).unwrap(), api).map(Value::Object)
    }

    #[test]
    fn anthropic_searches_the_web_as_it_is() {
        let offer = |choice, pages, url| offer_over(WireApi::Anthropic, choice, pages, url);
        let (anthropic, other) =
            ("https://api.anthropic.com/v1/messages", "http://localhost:11434/v1/messages");
        let found = [
            offer(WebSearch::WhereKnown, WebPages::Live, anthropic),
            offer(WebSearch::WhereKnown, WebPages::Live, other),
            offer(WebSearch::On, WebPages::Live, other),
            offer(WebSearch::On, WebPages::Indexed, anthropic),
            offer(WebSearch::Off, WebPages::Live, anthropic),
        ];
        assert_eq!(found, [Some(json!({})), None, Some(json!({})), None, None]);
        assert_eq!(offer_over(WireApi::Chat, WebSearch::On, WebPages::Live, other), None);
    }

    #[test]
    fn search_is_asked_of_those_who_are_known_to_have_it() {
        let table = [
            ("https://api.openai.com/v1/responses", true, true),
            ("https://api.x.ai/v1/responses", true, false),
            ("https://acme.openai.azure.com/openai/v1/responses", false, false),
            ("https://openrouter.ai/api/v1/responses", false, false),
            ("https://notx.ai/v1/responses", false, false),
            ("https://openai.com.example.org/v1/responses", false, false),
            ("http://localhost:11434/v1/responses", false, false),
        ];
        for (url, live, indexed) in table {
            for (pages, known, options) in [
                (WebPages::Live, live, json!({})),
                (WebPages::Indexed, indexed, json!({ "external_web_access": false })),
            ] {
                let expected = Some(options);
                let usual = offer(WebSearch::WhereKnown, pages, url);
                assert_eq!(usual, expected.clone().filter(|_| known), "{url} {pages:?}");
                assert_eq!(offer(WebSearch::On, pages, url), expected, "{url} {pages:?}");
                assert_eq!(offer(WebSearch::Off, pages, url), None, "{url} {pages:?}");
            }
        }
    }

    #[test]
    fn options_are_passed_on_and_nothing_else_is() {
        let mut spec = web_search_tool(WebPages::Indexed);
        let ToolKind::Function { parameters } = &mut spec.kind else { panic!("{spec:?}") };
        parameters["search_context_size"] = json!("low");
        parameters["type"] = json!("object");
        let expected = json!({ "external_web_access": false, "search_context_size": "low" });
        assert_eq!(Value::Object(options(&spec)), expected);
    }

    #[test]
    fn only_the_providers_own_tool_is_meant() {
        let spec = web_search_tool(WebPages::Live);
        assert!(is_web_search(&spec));
        assert!(!is_web_search(&ToolSpec { served_by: ServedBy::Host, ..spec.clone() }));
        assert!(!is_web_search(&ToolSpec { name: "image_generation".to_owned(), ..spec }));
    }
}

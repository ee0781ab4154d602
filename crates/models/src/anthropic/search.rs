//! A search of the web by the provider: how it is asked for, what the thread keeps of it, and how it goes back.
//!
//! It is two blocks, what was looked for and what was found, which the provider seals. They go back together, word for
//! word (Anthropic, "Web search tool").

use super::fingerprint::Fingerprint;
use agent_core::ModelItem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The oldest of the tools, which every model has and which keeps nothing at the provider.
const TOOL: &str = "web_search_20250305";
/// The name of the tool, which is not ours to choose.
pub(super) const NAME: &str = "web_search";
/// How the record begins, so that it is not taken for that of another API.
const MARK: &str = "anthropic:";
/// A record of more is not kept.
const MAX_RECORD_BYTES: usize = 64 * 1024;

/// The tool, with what of OpenAI's options it knows.
pub(super) fn tool(mut options: Map<String, Value>) -> Map<String, Value> {
    let mut tool = Map::from_iter([("type".to_owned(), json!(TOOL)), ("name".to_owned(), json!(NAME))]);
    if let Some(domains) =
        options.remove("filters").and_then(|mut filters| filters.get_mut("allowed_domains").map(Value::take))
    {
        tool.insert("allowed_domains".to_owned(), domains);
    }
    tool.extend(options.remove_entry("user_location"));
    tool
}

/// What the thread keeps.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The `server_tool_use` block.
    searched: Map<String, Value>,
    /// The `web_search_tool_result` block; none where the provider paused in the midst of the search.
    found: Option<Map<String, Value>>,
    /// The fingerprint of both: what the thread keeps of them may have lost what looks like a secret.
    content: u64,
}

impl Record {
    fn of(searched: Map<String, Value>, found: Option<Map<String, Value>>) -> Option<Self> {
        let content = Fingerprint::of(&(&searched, &found)).ok()?;
        Some(Self { searched, found, content })
    }

    /// Reads what was kept; `None` where it is another's, or no longer what it was.
    pub(super) fn read(text: &str) -> Option<Self> {
        let record: Self = serde_json::from_str(text.strip_prefix(MARK)?).ok()?;
        let content = Fingerprint::of(&(&record.searched, &record.found)).ok()?;
        (content == record.content).then_some(record)
    }

    /// The blocks that go back; `None` for a search that came to nothing, unless the provider is to take it up again.
    pub(super) fn blocks(self, is_last: bool) -> Option<impl Iterator<Item = Map<String, Value>>> {
        let whole = self.found.is_some() || is_last;
        whole.then(|| std::iter::once(self.searched).chain(self.found))
    }
}

/// A search in the making.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) id: String,
    /// The JSON of what it looks for.
    pub(super) input: String,
    pub(super) found: Option<Map<String, Value>>,
}

impl Search {
    /// The item that it becomes, and whether all of it is kept.
    pub(super) fn into_item(self) -> (ModelItem, bool) {
        let input: Value = serde_json::from_str(&self.input).unwrap_or_else(|_| json!({}));
        let query = input["query"].as_str().unwrap_or_default().to_owned();
        let searched = json!({ "type": "server_tool_use", "id": self.id, "name": NAME, "input": input });
        let Value::Object(searched) = searched else {
            return (ModelItem::WebSearch { query, sealed: None }, false);
        };
        let record = Record::of(searched, self.found);
        let record = record.and_then(|record| serde_json::to_string(&record).ok());
        let sealed =
            record.map(|record| format!("{MARK}{record}")).filter(|text| text.len() <= MAX_RECORD_BYTES);
        let kept = sealed.is_some();
        (ModelItem::WebSearch { query, sealed }, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(found: Option<Value>) -> Search {
        let found = found.and_then(|found| found.as_object().cloned());
        Search { id: "srvtoolu_1".to_owned(), input: r#"{"query":"rust"}"#.to_owned(), found }
    }

    #[test]
    fn search_goes_back_as_it_was() {
        let found = json!({ "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{ "encrypted_content": "x" }] });
        let (ModelItem::WebSearch { query, sealed: Some(record) }, true) =
            search(Some(found.clone())).into_item()
        else {
            panic!()
        };
        assert_eq!(query, "rust");
        let searched = json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": { "query": "rust" } });
        let blocks: Vec<Value> =
            Record::read(&record).unwrap().blocks(false).unwrap().map(Value::Object).collect();
        assert_eq!(blocks, [searched, found]);
        assert!(Record::read(&record.replace("rust", "[redacted]")).is_none(), "no longer what it was");
    }

    #[test]
    fn search_without_findings_goes_back_only_to_be_taken_up() {
        let (ModelItem::WebSearch { sealed: Some(record), .. }, true) = search(None).into_item() else {
            panic!()
        };
        assert!(Record::read(&record).unwrap().blocks(false).is_none());
        assert_eq!(Record::read(&record).unwrap().blocks(true).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_kept_of_what_is_too_long_and_nothing_is_read_of_another_api() {
        let huge = json!({ "content": "x".repeat(MAX_RECORD_BYTES) });
        let (ModelItem::WebSearch { sealed: None, .. }, false) = search(Some(huge)).into_item() else {
            panic!()
        };
        for record in ["", "{}", "anthropic:", r#"{"type":"web_search_call","action":{}}"#] {
            assert!(Record::read(record).is_none(), "{record}");
        }
    }

    #[test]
    fn options_are_those_that_it_knows() {
        let options = json!({
            "external_web_access": true, "search_context_size": "low",
            "filters": { "allowed_domains": ["rust-lang.org"] }, "user_location": { "type": "approximate" },
        });
        let expected = json!({
            "type": TOOL, "name": "web_search", "allowed_domains": ["rust-lang.org"],
            "user_location": { "type": "approximate" },
        });
        assert_eq!(Value::Object(tool(options.as_object().unwrap().clone())), expected);
    }
}

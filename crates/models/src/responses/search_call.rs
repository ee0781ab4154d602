//! A search of the web by the provider: what the thread keeps of a `web_search_call`, and how it goes back.
//!
//! It goes back without its id. With `store: false` the provider has nothing under that id, and where it sees ids it
//! demands that each is accompanied by what it came with. What it needs is in the action.

use agent_core::ModelItem;
use serde_json::{Map, Value};

/// The type of the item.
pub(super) const TYPE: &str = "web_search_call";
/// A record of more is not kept; a search has as a rule some hundred bytes.
const MAX_RECORD_BYTES: usize = 16 * 1024;
/// What of an action goes back to nobody: what was found, which is long, and which the model has told of.
const FOUND: [&str; 2] = ["sources", "results"];

/// The item that a search becomes.
pub(super) fn model_item(mut call: Value) -> ModelItem {
    let query = query(&call["action"]);
    ModelItem::WebSearch { query, sealed: record(&mut call) }
}

/// The fields of the item that goes back, without its type; `None` where this is no record of this API.
pub(super) fn fields(record: &str) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(record) else { return None };
    (fields.remove("type")? == TYPE).then_some(fields)
}

/// What was looked for, in a line: the words, the address of a page, or what was looked for on it.
fn query(action: &Value) -> String {
    let text = |field: &str| action[field].as_str().filter(|text| !text.is_empty());
    if let Some(pattern) = text("pattern") {
        return match text("url") {
            Some(url) => format!("'{pattern}' in {url}"),
            None => format!("'{pattern}'"),
        };
    }
    // `query` is the old field, and the first of `queries` where both are there.
    let queries = action["queries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let queries: Vec<&str> = queries.iter().filter_map(Value::as_str).collect();
    if queries.is_empty() {
        return text("query").or_else(|| text("url")).unwrap_or_default().to_owned();
    }
    queries.join("; ")
}

fn record(call: &mut Value) -> Option<String> {
    let Value::Object(mut action) = call["action"].take() else { return None };
    for found in FOUND {
        action.remove(found);
    }
    let status = call["status"].as_str().unwrap_or("completed");
    let record = serde_json::json!({ "type": TYPE, "status": status, "action": action }).to_string();
    (record.len() <= MAX_RECORD_BYTES).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn search_is_told_in_a_line() {
        let table = [
            (json!({ "type": "search", "query": "rust 1.95" }), "rust 1.95"),
            (json!({ "type": "search", "query": "a", "queries": ["a", "b"] }), "a; b"),
            (json!({ "type": "search", "query": "a", "queries": [] }), "a"),
            (json!({ "type": "open_page", "url": "https://a.org/" }), "https://a.org/"),
            (json!({ "type": "open_page", "url": null }), ""),
            (
                json!({ "type": "find_in_page", "url": "https://a.org/", "pattern": "ABI" }),
                "'ABI' in https://a.org/",
            ),
            (json!({ "type": "find_in_page", "pattern": "ABI" }), "'ABI'"),
            (json!({ "type": "dream" }), ""),
            (Value::Null, ""),
        ];
        for (action, expected) in table {
            assert_eq!(query(&action), expected, "{action}");
        }
    }

    #[test]
    fn record_goes_back_without_id_and_findings() {
        let call = json!({
            "id": "ws_1", "type": "web_search_call", "status": "failed",
            "action": { "type": "search", "query": "q", "sources": [{ "type": "url", "url": "https://a.org/" }] },
        });
        let ModelItem::WebSearch { query, sealed: Some(record) } = model_item(call) else { panic!() };
        assert_eq!(query, "q");
        let expected = json!({ "status": "failed", "action": { "type": "search", "query": "q" } });
        assert_eq!(fields(&record).map(Value::Object), Some(expected));
    }

    #[test]
    fn nothing_is_kept_of_what_could_not_go_back() {
        let huge = "x".repeat(MAX_RECORD_BYTES);
        for action in [json!({ "type": "search", "query": huge }), json!(null), json!("search")] {
            let ModelItem::WebSearch { sealed, .. } = model_item(json!({ "action": action })) else {
                panic!()
            };
            assert_eq!(sealed, None);
        }
        for record in ["", "[]", "{}", "chat:{}", r#"{"type":"web_search_tool_result"}"#] {
            assert_eq!(fields(record), None, "{record}");
        }
    }
}

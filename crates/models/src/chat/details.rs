//! OpenRouter's `reasoning_details`: thoughts as the model's maker seals them, which come in pieces like the rest and
//! have to go back with the message they came with (OpenRouter, "Reasoning Tokens", section "Preserving Reasoning
//! Blocks").

use crate::seal::Detail;
use serde_json::Value;

/// The details of a response in the making.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Value>);

impl Details {
    /// Takes a piece; the number of bytes by which the details grew.
    pub(super) fn take(&mut self, piece: Value) -> usize {
        let key = match piece["type"].as_str() {
            Some("reasoning.text") => "text",
            Some("reasoning.summary") => "summary",
            _ => "",
        };
        let grown = piece.to_string().len();
        match self.0.last_mut() {
            Some(last)
                if !key.is_empty() && last["type"] == piece["type"] && last["index"] == piece["index"] =>
            {
                merge(last, piece, key);
            }
            _ => self.0.push(piece),
        }
        grown
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has to go back: everything where something is sealed, else nothing, for the words alone are known
    /// elsewhere. `call` says which call has this id: the thread has ids of its own.
    pub(super) fn sealed(&self, call: impl Fn(&str) -> Option<usize>) -> Vec<Detail> {
        let is_sealed =
            |detail: &Value| detail["type"] == "reasoning.encrypted" || detail["signature"].is_string();
        if !self.0.iter().any(is_sealed) {
            return Vec::new();
        }
        let detail =
            |detail: &Value| Detail { call: detail["id"].as_str().and_then(&call), detail: detail.clone() };
        self.0.iter().map(detail).collect()
    }
}

/// Appends the text under `key`, and takes over what the earlier piece did not have.
fn merge(into: &mut Value, piece: Value, key: &str) {
    let (Value::Object(into), Value::Object(piece)) = (into, piece) else { return };
    for (name, value) in piece {
        match (into.get_mut(&name), value) {
            (Some(Value::String(text)), Value::String(more)) if name == key => text.push_str(&more),
            (Some(Value::Null) | None, value) => {
                into.insert(name, value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn details(pieces: &[Value]) -> Details {
        let mut details = Details::default();
        for piece in pieces {
            assert!(details.take(piece.clone()) > 0);
        }
        details
    }

    #[test]
    fn pieces_become_whole_details() {
        let pieces = [
            json!({ "type": "reasoning.text", "text": "Let ", "index": 0, "format": "anthropic-claude-v1" }),
            json!({ "type": "reasoning.text", "text": "me.", "index": 0, "signature": null }),
            json!({ "type": "reasoning.text", "index": 0, "signature": "ErUB" }),
            json!({ "type": "reasoning.text", "text": "More.", "index": 1 }),
            json!({ "type": "reasoning.encrypted", "data": "AAA", "id": "a", "index": 2 }),
            json!({ "type": "reasoning.encrypted", "data": "BBB", "id": "b", "index": 2 }),
        ];
        let sealed = details(&pieces).sealed(|id| (id == "b").then_some(1));
        let whole = json!({
            "type": "reasoning.text", "text": "Let me.", "index": 0, "format": "anthropic-claude-v1",
            "signature": "ErUB",
        });
        let expected = [
            Detail { call: None, detail: whole },
            Detail { call: None, detail: pieces[3].clone() },
            Detail { call: None, detail: pieces[4].clone() },
            Detail { call: Some(1), detail: pieces[5].clone() },
        ];
        assert_eq!(sealed, expected);
    }

    #[test]
    fn words_alone_are_not_kept() {
        let words = json!({ "type": "reasoning.text", "text": "Hm.", "index": 0, "format": "unknown" });
        assert_eq!(details(&[words]).sealed(|_| None), []);
    }
}

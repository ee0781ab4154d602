//! [`CallDraft`]: a tool call in the making, and which of several a piece belongs to.
//!
//! As documented, a piece names its call by `index`; the first has the id and the name, the others only more of the
//! arguments. What servers do instead (their issue trackers):
//! * Gemini and Ollama before 0.5 leave `index` out (ollama/ollama issue 7881); Ollama and Gemini send each call whole;
//! * SGLang and LMDeploy gave every call the index 0, with ids of its own (InternLM/lmdeploy issue 3412), and repeat
//!   the id on each piece;
//! * some repeat the name on each piece, or send it in pieces or anew each time it grew.

use super::wire::{CallPiece, CustomPiece, FunctionPiece};
use crate::freeform::FreeformTools;
use agent_core::{ModelItem, Payload};
use serde_json::Value;

#[derive(Debug, Default)]
pub(super) struct CallDraft {
    index: Option<u64>,
    pub(super) id: Option<String>,
    name: String,
    /// The arguments, or the input of a custom tool.
    text: String,
    form: Form,
    pub(super) extra_content: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Function,
    Custom,
}

/// Where a piece belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To this call of those that there are.
    At(usize),
    /// To a new one.
    New,
    /// To none: it says nothing.
    Nowhere,
}

/// Where a piece belongs among the calls so far, given in their order.
pub(super) fn place(piece: &CallPiece, calls: &[&CallDraft]) -> Place {
    let name = piece.name();
    let last = |is: &dyn Fn(&CallDraft) -> bool| calls.iter().rposition(|call| is(call));
    let named = match (piece.index, piece.id()) {
        (Some(index), _) => last(&|call| call.index == Some(index)),
        (None, Some(id)) => last(&|call| call.id.as_deref() == Some(id)),
        (None, None) => None,
    };
    let other_call = |at: usize| match (calls.get(at).and_then(|call| call.id.as_deref()), piece.id()) {
        (Some(known), Some(id)) => known != id,
        _ => false,
    };
    match (named, name) {
        (Some(at), Some(_)) if other_call(at) => Place::New,
        (Some(at), _) => Place::At(at),
        (None, Some(_)) => Place::New,
        // Neither a name nor a call of this index or id: more of the last one, where that has no index to differ in.
        (None, None) => match last(&|call| piece.index.is_none() || call.index.is_none()) {
            Some(at) => Place::At(at),
            None if piece.says_something() => Place::New,
            None => Place::Nowhere,
        },
    }
}

impl CallDraft {
    pub(super) fn of(piece: &CallPiece) -> Self {
        Self { index: piece.index, ..Self::default() }
    }

    /// Takes a piece; the number of bytes by which the call grew.
    pub(super) fn take(&mut self, piece: CallPiece) -> usize {
        let before = self.name.len() + self.text.len();
        if self.id.is_none() {
            self.id = piece.id().map(str::to_owned);
        }
        if let Some(name) = piece.name() {
            self.take_name(name);
        }
        if let Some(CustomPiece { input: Some(input), .. }) = &piece.custom {
            self.form = Form::Custom;
            self.text.push_str(input);
        }
        match piece.function.map(|function| function.arguments) {
            Some(Value::String(text)) => self.text.push_str(&text),
            Some(whole @ (Value::Object(_) | Value::Array(_))) => self.text = whole.to_string(),
            _ => {}
        }
        if !piece.extra_content.is_null() {
            self.extra_content = Some(piece.extra_content);
        }
        (self.name.len() + self.text.len()).saturating_sub(before)
    }

    fn take_name(&mut self, name: &str) {
        if name.starts_with(&self.name) {
            name.clone_into(&mut self.name);
        } else if self.text.is_empty() {
            self.name.push_str(name);
        }
    }

    /// The call, whole.
    pub(super) fn into_item(self, freeform: &FreeformTools) -> ModelItem {
        let payload = match self.form {
            Form::Function => Payload::Function { arguments: self.text },
            Form::Custom => Payload::Freeform { input: self.text },
        };
        match freeform.restore(ModelItem::Call { name: self.name, payload }) {
            // A call without arguments has none of them, not broken ones.
            ModelItem::Call { name, payload: Payload::Function { arguments } }
                if arguments.trim().is_empty() =>
            {
                ModelItem::Call { name, payload: Payload::Function { arguments: "{}".to_owned() } }
            }
            item => item,
        }
    }
}

impl CallPiece {
    pub(super) fn of_function(function: FunctionPiece) -> Self {
        Self { index: Some(0), function: Some(function), ..Self::default() }
    }

    fn id(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| !id.is_empty())
    }

    fn name(&self) -> Option<&str> {
        let function = self.function.as_ref().and_then(|function| function.name.as_deref());
        let custom = self.custom.as_ref().and_then(|custom| custom.name.as_deref());
        function.or(custom).filter(|name| !name.is_empty())
    }

    fn says_something(&self) -> bool {
        let arguments = self.function.as_ref().map(|function| &function.arguments);
        self.id().is_some()
            || arguments.is_some_and(|arguments| !arguments.is_null() && arguments != "")
            || self
                .custom
                .as_ref()
                .is_some_and(|custom| custom.input.as_ref().is_some_and(|input| !input.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a stream of such pieces comes to: names and arguments.
    fn calls(pieces: &[Value]) -> Vec<(String, String)> {
        let mut drafts: Vec<CallDraft> = Vec::new();
        for piece in pieces {
            let piece: CallPiece = serde_json::from_value(piece.clone()).unwrap();
            let refs: Vec<&CallDraft> = drafts.iter().collect();
            match place(&piece, &refs) {
                Place::At(at) => drafts[at].take(piece),
                Place::New => {
                    drafts.push(CallDraft::of(&piece));
                    drafts.last_mut().unwrap().take(piece)
                }
                Place::Nowhere => 0,
            };
        }
        drafts.into_iter().map(|draft| (draft.name, draft.text)).collect()
    }

    fn piece(index: impl Into<Option<u64>>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
        json!({ "index": index.into(), "id": id, "function": { "name": name, "arguments": arguments } })
    }

    #[test]
    fn pieces_find_their_call_on_every_server() {
        const TWO: &[(&str, &str)] = &[("a", "{\"x\":1}"), ("b", "{}")];
        type Case = (&'static str, Vec<Value>, &'static [(&'static str, &'static str)]);
        let table: [Case; 12] = [
            (
                "as documented",
                vec![
                    piece(0, Some("c0"), Some("a"), ""),
                    piece(0, None, None, "{\"x\""),
                    piece(0, None, None, ":1}"),
                    piece(1, Some("c1"), Some("b"), ""),
                    piece(1, None, None, "{}"),
                ],
                TWO,
            ),
            (
                "interleaved",
                vec![
                    piece(0, Some("c0"), Some("a"), ""),
                    piece(1, Some("c1"), Some("b"), "{"),
                    piece(0, None, None, "{\"x\":1}"),
                    piece(1, None, None, "}"),
                ],
                TWO,
            ),
            (
                "no index, whole",
                vec![
                    piece(None, Some("c0"), Some("a"), "{\"x\":1}"),
                    piece(None, Some("c1"), Some("b"), "{}"),
                ],
                TWO,
            ),
            (
                "no index, no id, whole",
                vec![piece(None, None, Some("a"), "{\"x\":1}"), piece(None, None, Some("b"), "{}")],
                TWO,
            ),
            (
                "no index, arguments in pieces",
                vec![
                    piece(None, Some("c0"), Some("a"), "{\"x\""),
                    piece(None, None, None, ":1}"),
                    piece(None, Some("c1"), Some("b"), "{"),
                    piece(None, Some(""), None, "}"),
                ],
                TWO,
            ),
            (
                "always index 0, id only at first",
                vec![
                    piece(0, Some("c0"), Some("a"), ""),
                    piece(0, Some(""), None, "{\"x\":1}"),
                    piece(0, Some("c1"), Some("b"), ""),
                    piece(0, Some(""), None, "{}"),
                ],
                TWO,
            ),
            (
                "always index 0, id repeated",
                vec![
                    piece(0, Some("c0"), Some("a"), ""),
                    piece(0, Some("c0"), None, "{\"x\":1}"),
                    piece(0, Some("c1"), Some("b"), ""),
                    piece(0, Some("c1"), None, "{}"),
                ],
                TWO,
            ),
            (
                "name repeated",
                vec![
                    piece(0, Some("c0"), Some("a"), "{\"x\""),
                    piece(0, Some("c0"), Some("a"), ":1}"),
                    piece(1, Some("c1"), Some("b"), "{}"),
                ],
                TWO,
            ),
            (
                "another id on each piece",
                vec![
                    piece(0, Some("c0"), Some("a"), ""),
                    piece(0, Some("d0"), None, "{\"x\":1}"),
                    piece(1, Some("c1"), Some("b"), "{}"),
                ],
                TWO,
            ),
            (
                "name in pieces",
                vec![
                    piece(0, Some("c0"), Some("exec_"), ""),
                    piece(0, None, Some("command"), ""),
                    piece(0, None, None, "{}"),
                ],
                &[("exec_command", "{}")],
            ),
            (
                "name that grows",
                vec![piece(0, Some("c0"), Some("exec_"), ""), piece(0, None, Some("exec_command"), "{}")],
                &[("exec_command", "{}")],
            ),
            ("nothing", vec![piece(0, None, None, ""), json!({})], &[]),
        ];
        for (name, pieces, expected) in table {
            let expected: Vec<_> =
                expected.iter().map(|(name, text)| (String::from(*name), String::from(*text))).collect();
            assert_eq!(calls(&pieces), expected, "{name}");
        }
    }

    #[test]
    fn arguments_may_be_an_object() {
        let whole = json!({ "index": 0, "function": { "name": "a", "arguments": { "x": 1 } } });
        assert_eq!(calls(&[whole]), [("a".to_owned(), "{\"x\":1}".to_owned())]);
    }
}

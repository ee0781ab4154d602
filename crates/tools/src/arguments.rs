//! The arguments of a tool: one table of fields gives the schema the model sees and the checks of what it sends.

use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A field of a tool's arguments.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// For the model.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Texts,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number between these, both included.
    Whole {
        min: u64,
        max: u64,
    },
    /// A list of objects with a text and one of some words.
    Entries {
        text: &'static str,
        word: &'static str,
        words: &'static [&'static str],
    },
}

/// Whether a field may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// The JSON schema of these fields.
pub(crate) fn schema(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut property = field.shape.schema();
        property["description"] = field.about.into();
        properties.insert(field.name.to_owned(), property);
    }
    let required: Vec<&str> =
        fields.iter().filter(|field| field.need == Need::Required).map(|field| field.name).collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

/// Arguments that are as they should be.
#[derive(Debug, PartialEq)]
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads what the model sent. The error tells the model which field is wrong and what would be right.
    pub(crate) fn read(tool: &str, fields: &[Field], text: &str) -> Result<Self, String> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("{tool}: the arguments are not JSON: {error}. {}", expected(fields)))?;
        let Value::Object(mut given) = value else {
            return Err(format!(
                "{tool}: the arguments are {}, not an object. {}",
                shown(&value),
                expected(fields)
            ));
        };
        given.retain(|_, value| !value.is_null());
        let mut faults = Vec::new();
        for (name, value) in &given {
            match fields.iter().find(|field| field.name == name) {
                None => faults.push(format!("there is no field `{name}`")),
                Some(field) => {
                    if let Some(should) = field.shape.fault(value) {
                        faults.push(format!("`{name}` must be {should}, but is {}", shown(value)));
                    }
                }
            }
        }
        for field in fields.iter().filter(|field| field.need == Need::Required) {
            if !given.contains_key(field.name) {
                faults.push(format!("`{}` is missing", field.name));
            }
        }
        if faults.is_empty() {
            return Ok(Self(given));
        }
        Err(format!("{tool}: {}. {}", faults.join("; "), expected(fields)))
    }

    /// A text, where given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A text that is always there.
    pub(crate) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A list of texts, empty where not given.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// Whether a flag is given and true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A number, where given.
    pub(crate) fn whole(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(whole)
    }

    /// A number that has a default and is used as a count.
    pub(crate) fn count(&self, name: &str, default: usize) -> usize {
        self.whole(name).map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// The entries of a list: text and word of each.
    pub(crate) fn entries(&self, name: &str, text: &str, word: &str) -> Vec<(&str, &str)> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.get(text)?.as_str()?, entry.get(word)?.as_str()?)))
            .collect()
    }
}

impl Shape {
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Texts => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::Entries { text, word, words } => json!({
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { text: { "type": "string" }, word: { "type": "string", "enum": words } },
                    "required": [text, word],
                    "additionalProperties": false,
                },
            }),
        }
    }

    /// What the value should be, where it is something else.
    fn fault(self, value: &Value) -> Option<String> {
        let fine = match self {
            Self::Text => value.as_str().is_some_and(|text| !text.contains('\0')),
            Self::Texts => value.as_array().is_some_and(|list| {
                !list.is_empty()
                    && list.iter().all(|text| text.as_str().is_some_and(|text| !text.contains('\0')))
            }),
            Self::Flag => value.is_boolean(),
            Self::Word(words) => value.as_str().is_some_and(|given| words.contains(&given)),
            Self::Whole { min, max } => whole(value).is_some_and(|number| (min..=max).contains(&number)),
            Self::Entries { text, word, words } => value.as_array().is_some_and(|list| {
                list.iter().all(|entry| {
                    let is_word = |value: &Value| value.as_str().is_some_and(|given| words.contains(&given));
                    entry.as_object().is_some_and(|object| object.len() == 2)
                        && entry.get(text).is_some_and(Value::is_string)
                        && entry.get(word).is_some_and(is_word)
                })
            }),
        };
        (!fine).then(|| self.wanted())
    }

    fn wanted(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Texts => "a list of strings, not empty".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Word(words) => format!("one of \"{}\"", words.join("\", \"")),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Entries { text, word, words } => {
                format!(
                    "a list of objects with `{text}` (a string) and `{word}` (one of \"{}\")",
                    words.join("\", \"")
                )
            }
        }
    }
}

/// The number, also where it is written as `100.0`.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        format!("{number:.0}").parse().ok().filter(|_| exact)
    })
}

fn expected(fields: &[Field]) -> String {
    let mut text = String::from("Expected: ");
    for (index, field) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let optional = if field.need == Need::Optional { ", optional" } else { "" };
        let _ = write!(text, "{comma}`{}` ({}{optional})", field.name, field.shape.wanted());
    }
    text
}

/// A value in a message, cut where long.
fn shown(value: &Value) -> String {
    const SHOWN_CHARS: usize = 80;
    let text = value.to_string();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((cut, _)) => format!("{kind}, `{}…`", &text[..cut]),
        None => format!("{kind}, `{text}`"),
    }
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;

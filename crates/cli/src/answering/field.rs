//! [`Field`]: one thing that an MCP server wants filled in, from the JSON schema that it sends.
//!
//! The schemas are those of <https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation>: one object of texts,
//! numbers, switches and choices. What a schema says beyond that is left to the server, which checks what it gets.

use serde_json::{Map, Value};
use std::fmt;

/// One thing to fill in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// What the answer calls it.
    pub(crate) name: String,
    /// What it is about.
    pub(crate) about: String,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    /// What it is where nothing is said.
    pub(crate) default: Option<Value>,
}

/// Whether it has to be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// What it is filled in with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Switch,
    One(Vec<Choice>),
    Several(Vec<Choice>),
}

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) title: String,
}

/// The fields of a schema, in its order where that is known.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required.as_str() == Some(name)))
    };
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        about: about(property),
        kind: Kind::of(property),
        need: if required(name) { Need::Required } else { Need::Optional },
        default: property.get("default").cloned(),
    };
    properties.iter().map(field).collect()
}

fn about(property: &Value) -> String {
    let text = |key: &str| property.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("title"), text("description")) {
        (title, "") => title.to_owned(),
        ("", description) => description.to_owned(),
        (title, description) => format!("{title}: {description}"),
    }
}

impl Kind {
    fn of(property: &Value) -> Self {
        if let Some(choices) = choices(property) {
            return Self::One(choices);
        }
        match property.get("type").and_then(Value::as_str) {
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Switch,
            Some("array") => Self::Several(property.get("items").and_then(choices).unwrap_or_default()),
            _ => Self::Text,
        }
    }

    fn choices(&self) -> &[Choice] {
        match self {
            Self::One(choices) | Self::Several(choices) => choices,
            Self::Text | Self::Integer | Self::Number | Self::Switch => &[],
        }
    }
}

/// `enum`, with `enumNames` as its titles, or `oneOf` and `anyOf` of constants.
fn choices(schema: &Value) -> Option<Vec<Choice>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let title = |at: usize| schema.get("enumNames")?.get(at)?.as_str();
        let choice = |(at, value): (usize, &Value)| {
            let value = value.as_str()?.to_owned();
            Some(Choice { title: title(at).unwrap_or(&value).to_owned(), value })
        };
        return values.iter().enumerate().map(choice).collect();
    }
    let titled = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let choice = |constant: &Value| {
        let value = constant.get("const")?.as_str()?.to_owned();
        let title = constant.get("title").and_then(Value::as_str).unwrap_or(&value).to_owned();
        Some(Choice { title, value })
    };
    titled.iter().map(choice).collect()
}

impl Field {
    /// The value that typed text means, or what would have been one.
    pub(crate) fn read(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let wanted = || format!("`{}` takes {}", self.name, self.kind);
        match &self.kind {
            Kind::Text => Ok(text.into()),
            Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wanted()),
            Kind::Number => {
                let number: serde_json::Number = text.parse().map_err(|_| wanted())?;
                Ok(number.into())
            }
            Kind::Switch => match text.to_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(true.into()),
                "n" | "no" | "false" => Ok(false.into()),
                _ => Err(wanted()),
            },
            Kind::One(choices) => chosen(choices, text).map(Value::from).ok_or_else(wanted),
            Kind::Several(choices) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                words.map(|word| chosen(choices, word).map(Value::from).ok_or_else(wanted)).collect()
            }
        }
    }

    /// What it is where nothing is typed; a failure where it has to be filled in.
    pub(crate) fn unsaid(&self) -> Result<Option<Value>, String> {
        match (&self.default, self.need) {
            (Some(default), _) => Ok(Some(default.clone())),
            (None, Need::Optional) => Ok(None),
            (None, Need::Required) => Err(format!("`{}` has to be filled in: {}", self.name, self.kind)),
        }
    }

    /// How it reads in a list of fields.
    pub(crate) fn line(&self) -> String {
        let about = if self.about.is_empty() { String::new() } else { format!(" {}", self.about) };
        let need = match (self.need, &self.default) {
            (_, Some(default)) => format!(", else {}", plain(default)),
            (Need::Required, None) => String::new(),
            (Need::Optional, None) => ", may be left out".into(),
        };
        format!("{}:{about} ({}{need})", self.name, self.kind)
    }
}

/// The value of the choice that a number, a value or a title means. Where nothing is known to choose from, any text is.
fn chosen(choices: &[Choice], text: &str) -> Option<String> {
    if choices.is_empty() {
        return Some(text.to_owned());
    }
    let same = |choice: &&Choice| {
        choice.value == text
            || choice.value.eq_ignore_ascii_case(text)
            || choice.title.eq_ignore_ascii_case(text)
    };
    let by_name = choices.iter().find(|choice| choice.value == text).or_else(|| choices.iter().find(same));
    let by_number = || text.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
    by_name.or_else(by_number).map(|choice| choice.value.clone())
}

/// A value as it is typed.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

impl fmt::Display for Kind {
    /// What it takes.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = || {
            let title = |choice: &Choice| {
                if choice.title == choice.value {
                    choice.value.clone()
                } else {
                    format!("{} ({})", choice.value, choice.title)
                }
            };
            self.choices().iter().map(title).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Text => out.write_str("text"),
            Self::Integer => out.write_str("a whole number"),
            Self::Number => out.write_str("a number"),
            Self::Switch => out.write_str("yes or no"),
            Self::One(_) => write!(out, "one of {}", titles()),
            Self::Several(choices) if choices.is_empty() => out.write_str("several, with commas between"),
            Self::Several(_) => write!(out, "several of {}, with commas between", titles()),
        }
    }
}

/// What was filled in, as the answer has it.
pub(crate) fn content(filled: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(filled.into_iter().collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({ "type": "object", "required": ["age", "name"], "properties": {
            "age": { "type": "integer", "title": "Age", "description": "in years" },
            "colour": { "type": "string", "enum": ["r", "g"], "enumNames": ["red", "green"], "default": "g" },
            "name": { "type": "string" },
            "share": { "type": "number" },
            "size": { "type": "string", "oneOf": [{ "const": "s", "title": "small" }, { "const": "l", "title": "large" }] },
            "sure": { "type": "boolean", "default": false },
            "tags": { "type": "array", "items": { "anyOf": [{ "const": "a", "title": "A" }, { "const": "b", "title": "B" }] } },
        } })
    }

    #[test]
    fn every_kind_of_field_says_what_it_takes() {
        let lines: Vec<String> = fields(&schema()).iter().map(Field::line).collect();
        assert_eq!(
            lines,
            [
                "age: Age: in years (a whole number)",
                "colour: (one of r (red), g (green), else g)",
                "name: (text)",
                "share: (a number, may be left out)",
                "size: (one of s (small), l (large), may be left out)",
                "sure: (yes or no, else false)",
                "tags: (several of a (A), b (B), with commas between, may be left out)",
            ]
        );
        assert_eq!(fields(&json!(null)), []);
    }

    #[test]
    fn typed_text_is_read_as_the_field_wants_it() {
        let all = fields(&schema());
        let read = |name: &str, text: &str| {
            all.iter().find(|field| field.name == name).unwrap().read(text).map_err(|_| "refused")
        };
        assert_eq!(read("age", " 42 "), Ok(json!(42)));
        assert_eq!(read("age", "4.2"), Err("refused"));
        assert_eq!(read("share", "0.5"), Ok(json!(0.5)));
        assert_eq!(read("share", "half"), Err("refused"));
        assert_eq!(read("colour", "Red"), Ok(json!("r")));
        assert_eq!(read("colour", "2"), Ok(json!("g")));
        assert_eq!(read("colour", "3"), Err("refused"));
        assert_eq!(read("size", "large"), Ok(json!("l")));
        assert_eq!(read("sure", "Yes"), Ok(json!(true)));
        assert_eq!(read("sure", "maybe"), Err("refused"));
        assert_eq!(read("tags", "b, 1"), Ok(json!(["b", "a"])));
        assert_eq!(read("tags", "b, c"), Err("refused"));
        assert_eq!(read("name", "0"), Ok(json!("0")));
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_required_cannot_be() {
        let unsaid: Vec<Result<Option<Value>, String>> =
            fields(&schema()).iter().map(Field::unsaid).collect();
        assert_eq!(unsaid[1], Ok(Some(json!("g"))));
        assert_eq!(unsaid[3], Ok(None));
        assert_eq!(unsaid[2], Err("`name` has to be filled in: text".into()));
    }
}

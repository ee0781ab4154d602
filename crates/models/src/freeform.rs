//! Freeform tools where a server or an API only knows functions: a function with one text stands for the tool, and
//! its calls are turned back, so that the thread never sees the difference.

use agent_core::{ModelItem, Payload, ServedBy, ToolKind, ToolSpec};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The one parameter of the function.
const INPUT: &str = "input";

/// What the function takes: `{"input": "…"}`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StandInParameters {
    r#type: &'static str,
    properties: StandInProperties,
    required: [&'static str; 1],
    additional_properties: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StandInProperties {
    input: StandInInput,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StandInInput {
    r#type: &'static str,
    description: &'static str,
}

/// The parameters of every such function.
pub(crate) const PARAMETERS: StandInParameters = StandInParameters {
    r#type: "object",
    properties: StandInProperties {
        input: StandInInput { r#type: "string", description: "The whole text, as it is." },
    },
    required: [INPUT],
    additional_properties: false,
};

/// The parameters of a function that is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameters<'a> {
    Own(&'a Value),
    StandIn,
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(schema) => schema.serialize(serializer),
            Self::StandIn => PARAMETERS.serialize(serializer),
        }
    }
}

/// A tool as a function: what it is described as, and what it takes. `None` for tools of later versions, and for those
/// of the provider: nobody here could answer their calls.
pub(crate) fn as_function(spec: &ToolSpec) -> Option<(Cow<'_, str>, Parameters<'_>)> {
    if spec.served_by == ServedBy::Provider {
        return None;
    }
    let description = spec.description.as_str();
    match &spec.kind {
        ToolKind::Function { parameters } => Some((Cow::Borrowed(description), Parameters::Own(parameters))),
        ToolKind::Freeform { grammar } => {
            let mut description = format!(
                "{description}\n\nPut the whole text into `{INPUT}`, with nothing before or after it."
            );
            if let Some(grammar) = grammar {
                description.push_str(" It has the form of this grammar, in Lark's notation:\n");
                description.push_str(grammar);
            }
            Some((Cow::Owned(description), Parameters::StandIn))
        }
        _ => None,
    }
}

/// The arguments that a call of the function would have had.
pub(crate) fn arguments(input: &str) -> String {
    Value::Object(Map::from_iter([(INPUT.to_owned(), Value::from(input))])).to_string()
}

/// The freeform tools of a request, by name.
#[derive(Debug, Default)]
pub(crate) struct FreeformTools(Vec<String>);

impl FreeformTools {
    pub(crate) fn of(tools: &[ToolSpec]) -> Self {
        let freeform = tools.iter().filter(|tool| matches!(tool.kind, ToolKind::Freeform { .. }));
        Self(freeform.map(|tool| tool.name.clone()).collect())
    }

    /// The item, where a call of a function that stands for one of these tools is a call of the tool itself.
    pub(crate) fn restore(&self, item: ModelItem) -> ModelItem {
        match item {
            ModelItem::Call { name, payload: Payload::Function { arguments } } if self.0.contains(&name) => {
                ModelItem::Call { name, payload: Payload::Freeform { input: input(arguments) } }
            }
            other => other,
        }
    }
}

/// The text of a call. Arguments that are not what was asked for go to the tool as they stand: models forget the
/// wrapping and write the text itself, and where that is no use either, the tool says what it expects.
fn input(arguments: String) -> String {
    match serde_json::from_str(&arguments) {
        Ok(Value::Object(mut fields)) => match fields.remove(INPUT) {
            Some(Value::String(text)) => text,
            _ => arguments,
        },
        Ok(Value::String(text)) => text,
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_way_there_and_back() {
        for text in ["", "*** Begin Patch\n+\"a\\b\"\n", "{\"input\":\"x\"}", "é🦀\u{0}"] {
            assert_eq!(input(arguments(text)), text);
        }
    }

    #[test]
    fn arguments_of_another_form_go_through_as_they_are() {
        let table = [
            ("*** Begin Patch", "*** Begin Patch"),
            ("\"*** Begin Patch\"", "*** Begin Patch"),
            ("{\"input\": \"cut", "{\"input\": \"cut"),
            ("{\"input\": 7}", "{\"input\": 7}"),
            ("{\"patch\": \"x\"}", "{\"patch\": \"x\"}"),
            ("", ""),
        ];
        for (arguments, expected) in table {
            assert_eq!(input(arguments.to_owned()), expected);
        }
    }

    #[test]
    fn parameters_are_a_schema_of_one_text() {
        let expected = serde_json::json!({
            "type": "object",
            "properties": { "input": { "type": "string", "description": "The whole text, as it is." } },
            "required": ["input"],
            "additionalProperties": false,
        });
        assert_eq!(serde_json::to_value(PARAMETERS).unwrap(), expected);
    }
}

//! [`Offered`]: a tool of a server as the model is offered it.

use super::{name::tool_name, settings::McpServer};
use agent_core::{ToolKind, ToolSpec};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

/// A description is cut to so many characters.
const MAX_DESCRIPTION_CHARS: usize = 8_000;
/// A tool whose arguments need more to be described is left out, in bytes.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// A tool of a server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) spec: ToolSpec,
    /// As the server calls it.
    pub(super) tool: String,
    pub(super) hints: Hints,
}

/// What a server says of a tool. Nobody checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    pub(super) reach: Reach,
    pub(super) again: Again,
}

/// How far a tool reaches, by its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// It only looks.
    ReadOnly,
    /// It adds to what is its own, and destroys nothing.
    Additive,
    /// It may do anything. This is so where a server says nothing.
    #[default]
    Anything,
}

/// Whether calling a tool twice is calling it once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Again {
    Same,
    #[default]
    Another,
}

impl Offered {
    /// The tool as it is offered; why it is not, where it is not.
    pub(super) fn of(server: &McpServer, tool: &Tool) -> Result<Self, String> {
        let name = tool_name(&server.name, &tool.name);
        let parameters = parameters(tool);
        let bytes = parameters.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            return Err(format!(
                "The MCP server `{}` has a tool `{}` whose arguments take {bytes} bytes to describe. It is left out: at \
                 most {MAX_SCHEMA_BYTES} are told to a model.",
                server.name, tool.name
            ));
        }
        let about = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
        let about: String = about.chars().take(MAX_DESCRIPTION_CHARS).collect();
        let spec = ToolSpec::new(name, about, ToolKind::Function { parameters });
        let hints = tool.annotations.as_ref().map_or_else(Hints::default, Hints::of);
        Ok(Self { spec, tool: tool.name.clone().into_owned(), hints })
    }
}

impl Hints {
    fn of(annotations: &ToolAnnotations) -> Self {
        let yes = |hint: Option<bool>| hint == Some(true);
        let no = |hint: Option<bool>| hint == Some(false);
        let reach = if yes(annotations.destructive_hint) && !yes(annotations.read_only_hint) {
            Reach::Anything
        } else if yes(annotations.read_only_hint) {
            Reach::ReadOnly
        } else if no(annotations.destructive_hint) && no(annotations.open_world_hint) {
            Reach::Additive
        } else {
            Reach::Anything
        };
        let again = if yes(annotations.idempotent_hint) { Again::Same } else { Again::Another };
        Self { reach, again }
    }
}

/// A schema that every provider takes: that of an object, with properties.
fn parameters(tool: &Tool) -> Value {
    let mut schema: Map<String, Value> = (*tool.input_schema).clone();
    schema.entry("type").or_insert_with(|| json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn tool(value: Value) -> Tool {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_server_does_not_say_is_taken_for_the_worst() {
        let of = |hints: Value| {
            let tool = tool(json!({ "name": "t", "inputSchema": {}, "annotations": hints }));
            let hints = Offered::of(&McpServer::stdio("s", "c", &[]), &tool).unwrap().hints;
            (hints.reach, hints.again)
        };
        let table = [
            (json!({}), Reach::Anything, Again::Another),
            (json!({ "readOnlyHint": true }), Reach::ReadOnly, Again::Another),
            (json!({ "readOnlyHint": true, "destructiveHint": true }), Reach::ReadOnly, Again::Another),
            (json!({ "readOnlyHint": false }), Reach::Anything, Again::Another),
            (json!({ "destructiveHint": false }), Reach::Anything, Again::Another),
            (json!({ "destructiveHint": false, "openWorldHint": false }), Reach::Additive, Again::Another),
            (json!({ "destructiveHint": true, "idempotentHint": true }), Reach::Anything, Again::Same),
        ];
        for (hints, reach, again) in table {
            assert_eq!(of(hints.clone()), (reach, again), "{hints}");
        }
    }

    #[test]
    fn a_schema_is_made_one_of_an_object() {
        let server = McpServer::stdio("s", "c", &[]);
        let offered = Offered::of(&server, &tool(json!({ "name": "t", "inputSchema": {} }))).unwrap();
        let kind = ToolKind::Function { parameters: json!({ "type": "object", "properties": {} }) };
        assert_eq!(offered.spec, ToolSpec::new("mcp__s__t", "", kind));
    }

    #[test]
    fn a_tool_too_long_to_describe_is_left_out_with_a_word() {
        let mut huge = tool(json!({ "name": "t", "inputSchema": {} }));
        huge.input_schema = Arc::new(Map::from_iter([("title".to_owned(), json!("x".repeat(70_000)))]));
        let refused = Offered::of(&McpServer::stdio("s", "c", &[]), &huge).unwrap_err();
        assert!(refused.contains("`t`") && refused.contains("65536"), "{refused}");
    }
}

//! How strictly a provider can be asked to hold the model to an output schema.

use serde_json::Value;

/// Whether a schema has the form that OpenAI's strict mode demands: in every object all properties are required and
/// no others allowed (OpenAI, "Structured outputs", section "Supported schemas"). Other schemas are sent as a wish,
/// and the message is checked when it has come.
pub(crate) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(schemas) => schemas.iter().all(is_strict),
        Value::Object(keys) => {
            let closed = match keys.get("properties") {
                Some(Value::Object(properties)) => {
                    let required = keys.get("required").and_then(Value::as_array);
                    keys.get("additionalProperties") == Some(&Value::Bool(false))
                        && properties.keys().all(|name| {
                            required
                                .is_some_and(|required| required.iter().any(|known| known == name.as_str()))
                        })
                }
                _ => keys.get("type").is_none_or(|kind| kind != "object"),
            };
            closed && keys.values().all(is_strict)
        }
        _ => true,
    }
}

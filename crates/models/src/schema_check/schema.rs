//! [`Schema`]: a JSON schema made ready, and what a text misses of it.

use crate::fault::capped;
use boon::{CompileError, Compiler, ErrorKind, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;
use std::error::Error;

/// How many of the places where a message does not fit are named.
const MAX_PLACES: usize = 3;
/// How much of a value, a place or an explanation is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 200;
/// The name of the schema itself; no scheme that anything could be fetched by.
const NAME: &str = "schema:///output";

pub(super) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It breaks the rules of JSON Schema.
    #[error("the output schema is no valid JSON schema: {why}; correct it")]
    Invalid {
        /// Where, as a JSON pointer, and what is wrong there.
        why: String,
    },
    /// It needs another document.
    #[error(
        "the output schema refers to {url}, and nothing is fetched: put that schema under `$defs` of this one"
    )]
    Elsewhere {
        /// Which one.
        url: String,
    },
}

impl SchemaError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_schema",
            Self::Elsewhere { .. } => "schema_elsewhere",
        }
    }
}

impl Schema {
    pub(super) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let mut compiler = Compiler::new();
        // The crate's own loader reads files.
        compiler.use_loader(Box::new(NoLoader));
        let mut schemas = Schemas::new();
        let refused = |error: CompileError| schema_error(&error, schema);
        compiler.add_resource(NAME, schema.clone()).map_err(refused)?;
        let index = compiler.compile(NAME, &mut schemas).map_err(refused)?;
        Ok(Self { schemas, index })
    }

    /// How a message misses the schema; `None` where it fits.
    pub(super) fn misfit(&self, message: &str) -> Option<String> {
        if message.trim_start().starts_with("```") {
            return Some("the message is in a code fence; it has to be JSON and nothing else".to_owned());
        }
        let value = match serde_json::from_str::<Value>(message) {
            Ok(value) => value,
            Err(error) => {
                return Some(format!("the message is no JSON: {error}; it begins {}", shown(message)));
            }
        };
        let error = self.schemas.validate(&value, self.index).err()?;
        Some(places(&error, &value))
    }
}

struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("nothing is fetched".into())
    }
}

fn schema_error(error: &CompileError, schema: &Value) -> SchemaError {
    match error {
        CompileError::LoadUrlError { url, .. } | CompileError::UnsupportedUrlScheme { url } => {
            SchemaError::Elsewhere { url: shown(url) }
        }
        CompileError::ValidationError { src, .. } => SchemaError::Invalid { why: places(src, schema) },
        other => SchemaError::Invalid { why: shown(&format!("{other:#}").replace(NAME, "")) },
    }
}

/// Where a value is not as it should be: the first few places, each with what was wrong and what was found.
fn places(error: &ValidationError<'_, '_>, value: &Value) -> String {
    let mut leaves = Vec::new();
    collect_leaves(error, &mut leaves);
    let mut text =
        leaves.iter().take(MAX_PLACES).map(|leaf| place(leaf, value)).collect::<Vec<_>>().join("; ");
    if let Some(more) = leaves.len().checked_sub(MAX_PLACES + 1) {
        text.push_str(&format!("; and {} more", more + 1));
    }
    text
}

fn place(leaf: &ValidationError<'_, '_>, value: &Value) -> String {
    let pointer = leaf.instance_location.to_string();
    let what = if is_choice(leaf) {
        let branches: Vec<String> =
            leaf.causes.iter().map(|branch| branch_misfit(branch, &pointer)).collect();
        format!("{} ({})", leaf.kind, branches.join("; "))
    } else {
        leaf.kind.to_string()
    };
    let at = if pointer.is_empty() { "the top" } else { &pointer };
    let found = value.pointer(&pointer).map(|found| format!(", found {}", shown(&found.to_string())));
    format!("at {}: {}{}", shown(at), shown(&what), found.unwrap_or_default())
}

/// Why one branch of a choice does not fit, in a few words.
fn branch_misfit(branch: &ValidationError<'_, '_>, base: &str) -> String {
    let mut leaves = Vec::new();
    collect_leaves(branch, &mut leaves);
    let words = leaves.iter().map(|leaf| {
        let pointer = leaf.instance_location.to_string();
        match pointer.strip_prefix(base) {
            Some(below) if !below.is_empty() => format!("{below}: {}", leaf.kind),
            _ => leaf.kind.to_string(),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The errors at the tips of the tree. A choice of which no branch fits is one error.
fn collect_leaves<'e, 's, 'v>(
    error: &'e ValidationError<'s, 'v>,
    leaves: &mut Vec<&'e ValidationError<'s, 'v>>,
) {
    if is_choice(error) || error.causes.is_empty() {
        leaves.push(error);
    } else {
        error.causes.iter().for_each(|cause| collect_leaves(cause, leaves));
    }
}

fn is_choice(error: &ValidationError<'_, '_>) -> bool {
    matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(None))
}

fn shown(text: &str) -> String {
    capped(text, MAX_SHOWN_BYTES)
}

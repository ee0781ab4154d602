//! `docs/config.schema.json`: JSON Schema, draft 2020-12.

use std::collections::BTreeMap;

use anyhow::Result;
use config::{Blank, HOOK_PHASES, KEYS, Key, Kind, MAX_HOOK_TIMEOUT_MS, UNSERVED, Unserved, Value, Word};
use serde::Serialize;

/// Keys of the top level that a profile does not have.
const NOT_IN_PROFILES: [&str; 2] = ["profile", "profiles"];

/// The text of the schema.
pub(super) fn schema() -> Result<String> {
    let mut root = Node::default();
    KEYS.iter().for_each(|key| root.at(key.path).key = Some(key));
    UNSERVED.iter().for_each(|key| root.at(key.path).unserved = Some(key));
    let mut schema = root.schema();
    let profile = Schema {
        kind: Some("object"),
        properties: schema
            .properties
            .keys()
            .filter(|name| !NOT_IN_PROFILES.contains(&name.as_str()))
            .map(|name| (name.clone(), Schema::reference(name)))
            .collect(),
        additional: Some(Additional::None(false)),
        ..Schema::default()
    };
    let profiles = Schema {
        description: Some(
            "Settings under a name, chosen by `--profile`, `EVERTURN_PROFILE` or `profile`.".into(),
        ),
        kind: Some("object"),
        additional: Some(Additional::Any(Box::new(profile))),
        ..Schema::default()
    };
    schema.properties.insert("profiles".to_owned(), profiles);
    schema.draft = Some("https://json-schema.org/draft/2020-12/schema");
    schema.title = Some("config.toml of Everturn");
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// What is at one place of the configuration.
#[derive(Default)]
struct Node {
    key: Option<&'static Key>,
    unserved: Option<&'static Unserved>,
    below: BTreeMap<&'static str, Node>,
}

impl Node {
    fn at(&mut self, path: &'static str) -> &mut Self {
        path.split('.').fold(self, |node, name| node.below.entry(name).or_default())
    }

    fn schema(&self) -> Schema {
        match (self.key, self.unserved, self.below.is_empty()) {
            (Some(key), _, true) => leaf(key),
            (None, Some(unserved), _) => Schema {
                description: Some(format!("It has no effect {}.", unserved.why)),
                deprecated: Some(true),
                ..Schema::default()
            },
            // A value or a table.
            (Some(key), _, false) => Schema { any_of: vec![leaf(key), self.table()], ..Schema::default() },
            (None, None, _) => self.table(),
        }
    }

    fn table(&self) -> Schema {
        let named = self.below.iter().filter(|(name, _)| **name != "*");
        let additional = match self.below.get("*") {
            Some(any) => Additional::Any(Box::new(any.schema())),
            None => Additional::None(false),
        };
        Schema {
            kind: Some("object"),
            properties: named.map(|(name, node)| ((*name).to_owned(), node.schema())).collect(),
            additional: Some(additional),
            ..Schema::default()
        }
    }
}

fn leaf(key: &Key) -> Schema {
    let mut about = key.about.to_owned();
    if !key.variables.is_empty() {
        about.push_str(&format!(" Environment: {}.", key.variables.join(", ")));
    }
    let default = key.default.value().map(|value| json(&value));
    let mut schema = Schema { description: Some(about), default, ..typed(key.kind) };
    if key.blank == Blank::Refused {
        schema.pattern = Some("\\S");
    }
    schema
}

fn typed(kind: Kind) -> Schema {
    let of = |name| Schema { kind: Some(name), ..Schema::default() };
    match kind {
        Kind::Text | Kind::Secret | Kind::Guarded | Kind::Path => of("string"),
        Kind::Variable => Schema { pattern: Some("^[A-Za-z_][A-Za-z0-9_]*$"), ..of("string") },
        Kind::Url => Schema { pattern: Some("^https?://[^/@?#\\s]+(/[^?#\\s]*)?$"), ..of("string") },
        Kind::Endpoint => Schema { pattern: Some("^https?://[^/@?#\\s]+([/?#][^\\s]*)?$"), ..of("string") },
        Kind::Bus => Schema { pattern: Some("^(nats|tls)://[^\\s]+$"), ..of("string") },
        Kind::Bool => of("boolean"),
        Kind::Count(least) => Schema { minimum: Some(least), ..of("integer") },
        Kind::Percent => Schema { minimum: Some(0), maximum: Some(100), ..of("integer") },
        Kind::Hooks => hooks(),
        Kind::Dollars => Schema { minimum: Some(0), ..of("number") },
        Kind::Word(words) => Schema { one_of: words.iter().map(word).collect(), ..Schema::default() },
        Kind::Paths | Kind::Texts | Kind::Words(_) => {
            Schema { items: kind.item().map(|item| Box::new(typed(item))), ..of("array") }
        }
    }
}

/// The one key whose value is an array of tables.
fn hooks() -> Schema {
    let of = |name| Schema { kind: Some(name), ..Schema::default() };
    let texts = || Schema { items: Some(Box::new(of("string"))), ..of("array") };
    let phase = Schema { one_of: HOOK_PHASES.iter().map(word).collect(), ..Schema::default() };
    let parts = [
        ("phase", phase),
        ("command", Schema { any_of: vec![of("string"), texts()], ..Schema::default() }),
        ("name", Schema { pattern: Some("\\S"), ..of("string") }),
        ("tools", texts()),
        ("cwd_prefix", of("string")),
        ("timeout_ms", Schema { minimum: Some(1), maximum: Some(MAX_HOOK_TIMEOUT_MS), ..of("integer") }),
    ];
    let hook = Schema {
        properties: parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect(),
        additional: Some(Additional::None(false)),
        required: vec!["phase", "command"],
        ..of("object")
    };
    Schema { items: Some(Box::new(hook)), ..of("array") }
}

fn word(known: &Word) -> Schema {
    Schema { constant: Some(known.word), description: Some(known.about.to_owned()), ..Schema::default() }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Bool(yes) => (*yes).into(),
        Value::List(items) => items.iter().map(json).collect(),
        _ => serde_json::Value::Null,
    }
}

/// The parts of JSON Schema that are needed, in the order in which they are written.
#[derive(Default, Serialize)]
struct Schema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    draft: Option<&'static str>,
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    constant: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<bool>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Schema>>,
    #[serde(rename = "oneOf", skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Schema>,
    #[serde(rename = "anyOf", skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<Schema>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Schema>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<&'static str>,
    #[serde(rename = "additionalProperties", skip_serializing_if = "Option::is_none")]
    additional: Option<Additional>,
}

impl Schema {
    fn reference(name: &str) -> Self {
        Self { reference: Some(format!("#/properties/{name}")), ..Self::default() }
    }
}

/// What else may be in a table.
#[derive(Serialize)]
#[serde(untagged)]
enum Additional {
    /// Nothing, always `false`.
    None(bool),
    /// Anything of this shape, under any name.
    Any(Box<Schema>),
}

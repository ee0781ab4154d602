//! `docs/config.md`.

use std::fmt::Write;

use config::{
    BUILT_IN, FEATURES, Fallback, KEYS, Key, Kind, NOT_FOR_PROJECTS, ONLY_AT_THE_ROOT, Stage, UNSERVED,
    VARIABLES,
};

const INTRO: &str = include_str!("intro.md");

/// Not in the file with the rest: the link is one of the reference, not of that file.
const SCHEMA: &str = "\nEditors that know JSON schemas complete and check the file with [config.schema.json](config.schema.json).\n";

/// The text of the reference.
pub(super) fn reference() -> String {
    let mut out = INTRO.to_owned();
    out.push_str(SCHEMA);
    out.push_str("\n## Keys\n\n`NAME` stands for a name of your choice.\n");
    for key in KEYS {
        entry(&mut out, key);
    }
    features(&mut out);
    projects(&mut out);
    providers(&mut out);
    variables(&mut out);
    unserved(&mut out);
    out
}

fn entry(out: &mut String, key: &Key) {
    line(out, &format!("\n### `{}`\n\n{}\n", key.path.replace('*', "NAME"), key.about));
    line(out, &format!("* takes: {}", takes(key)));
    if let Kind::Word(words) | Kind::Words(words) = key.kind {
        for known in words {
            line(out, &format!("  * `\"{}\"`: {}", known.word, known.about));
        }
    }
    match key.default {
        Fallback::Unset => {}
        Fallback::Depends(on) => line(out, &format!("* default: {on}")),
        default => {
            if let Some(value) = default.value() {
                line(out, &format!("* default: `{value}`"));
            }
        }
    }
    let set_by: Vec<String> = key.flag.iter().chain(key.variables).map(|name| format!("`{name}`")).collect();
    if !set_by.is_empty() {
        line(out, &format!("* set by: {}", set_by.join(", ")));
    }
}

/// Words are listed one by one below.
fn takes(key: &Key) -> String {
    match key.kind {
        Kind::Word(_) => "one of".to_owned(),
        Kind::Words(_) => "an array of".to_owned(),
        Kind::Path | Kind::Paths => {
            format!("{}; `~/` is your home, and what is relative is so to the file that says it", key.kind)
        }
        _ => key.takes(),
    }
}

fn features(out: &mut String) {
    line(out, "\n## Features\n");
    line(out, "Switched in the table `[features]`, or by `--enable NAME` and `--disable NAME`.\n");
    line(out, "| feature | stage | default | what it is |\n|---|---|---|---|");
    for info in FEATURES {
        let stage = match info.stage {
            Stage::Deprecated(instead) | Stage::Removed(instead) => {
                format!("{}: {instead}", info.stage.word())
            }
            stage => stage.word().to_owned(),
        };
        let default = if info.default { "on" } else { "off" };
        line(out, &format!("| `{}` | {stage} | {default} | {} |", info.name, info.about));
    }
}

fn projects(out: &mut String) {
    line(out, "\n## Keys that are never a project's\n");
    let listed = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    line(
        out,
        &format!(
            "In the file of a project these, and the tables with all that is in them, have no effect, whether it is trusted \
             or not: {}. `openai_base_url` is one of `model_providers`, and profiles are the user's own.\n\n\
             These have an effect only in the file at the root of a project, not in folders below it, which an agent may be \
             able to write: {}.",
            listed(NOT_FOR_PROJECTS),
            listed(ONLY_AT_THE_ROOT)
        ),
    );
}

fn providers(out: &mut String) {
    line(out, "\n## Built-in providers\n");
    line(out, "A table of the same name goes over the built-in one, key by key.\n");
    line(out, "| `model_provider` | `base_url` | `wire_api` | `env_key` | needs a key |");
    line(out, "|---|---|---|---|---|");
    for provider in BUILT_IN {
        let wire_api = match provider.wire_api {
            config::WireApi::Responses => "responses",
            config::WireApi::Chat => "chat",
            config::WireApi::Anthropic => "anthropic",
        };
        let env_key = provider.env_key.map(|name| format!("`{name}`")).unwrap_or_default();
        let needs = if provider.requires_key { "yes" } else { "no" };
        line(
            out,
            &format!("| `{}` | `{}` | `{wire_api}` | {env_key} | {needs} |", provider.id, provider.base_url),
        );
    }
    line(
        out,
        "\nAt an address of your own no provider is taken to need a key, unless `requires_key` says so.",
    );
}

fn variables(out: &mut String) {
    line(out, "\n## Environment variables\n\n| variable | what it does |\n|---|---|");
    for variable in VARIABLES {
        line(out, &format!("| `{}` | {} |", variable.name, variable.about));
    }
}

fn unserved(out: &mut String) {
    line(out, "\n## Keys of Codex without effect\n");
    line(out, "They are known, and each is a warning. A table is meant with all that is in it.\n");
    line(out, "| key | it has no effect … |\n|---|---|");
    for key in UNSERVED {
        line(out, &format!("| `{}` | {} |", key.path.replace('*', "NAME"), key.why));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

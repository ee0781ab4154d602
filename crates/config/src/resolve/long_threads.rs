//! What belongs to long threads: budgets, compaction, modes, hooks, prompt history.

use super::{Remarks, Values};
use crate::{
    Feature, Features, HistorySettings, HookCommand, HookEntry, Layer, ModeEntry, Problem, Value,
    choice::{Choice, HistoryPersistence},
    load::HOOKS,
};
use agent_core::{Budget, CompactAt, HookPhase, Mode};
use std::{collections::BTreeMap, path::PathBuf};

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_MINUTE: u64 = 60_000;
/// How long a hook is waited for where nothing is said.
const HOOK_TIMEOUT_MS: u64 = 5_000;
/// Where hooks of a layer count whether hooks are switched on or not.
const ALWAYS: Layer = Layer::Managed;

pub(super) fn budget(top: &Values<'_>, problems: &mut Vec<Problem>) -> Budget {
    let table = top.table("budget");
    let turn = match table.strongest(&["max_turn_ms", "turn_seconds"], problems) {
        Some("turn_seconds") => {
            table.count("turn_seconds").map(|seconds| seconds.saturating_mul(MS_PER_SECOND))
        }
        _ => table.count("max_turn_ms"),
    };
    Budget {
        tokens: table.count("max_tokens"),
        tool_calls: table.count("max_tool_calls"),
        turn_ms: turn,
        cost_microusd: table.micro_dollars("max_cost_usd"),
        work_ms: table.count("max_work_minutes").map(|minutes| minutes.saturating_mul(MS_PER_MINUTE)),
    }
}

/// Of tokens and hundredths the stronger layer's; of one layer the tokens.
pub(super) fn compact_at(top: &Values<'_>, remarks: &mut Remarks) -> CompactAt {
    const TOKENS: &str = "model_auto_compact_token_limit";
    const PERCENT: &str = "compact_at_percent";
    let (tokens, percent) = (top.count(TOKENS), top.count(PERCENT));
    let (of_tokens, of_percent) = (top.origin(TOKENS), top.origin(PERCENT));
    if tokens.is_some() && percent.is_some() && of_tokens.layer() == of_percent.layer() {
        remarks
            .notices
            .push(format!("{of_percent}: `{PERCENT}` has no effect beside `{TOKENS}` ({of_tokens})"));
    }
    match (tokens, percent) {
        (Some(tokens), None) => CompactAt::Tokens(tokens),
        (Some(tokens), Some(_)) if of_tokens.layer() >= of_percent.layer() => CompactAt::Tokens(tokens),
        (_, Some(0)) => CompactAt::Never,
        (_, Some(percent)) => CompactAt::Percent(u8::try_from(percent).unwrap_or(100)),
        (None, None) => CompactAt::default(),
    }
}

/// What is said of modes; those of which nothing is are left out.
pub(super) fn modes(top: &Values<'_>) -> BTreeMap<Mode, ModeEntry> {
    let all = top.table("modes");
    let entry = |mode: &Mode| {
        let table = all.table(mode.word()?);
        let entry = ModeEntry {
            model: table.text("model"),
            effort: table.choice("effort"),
            instructions: table.text("instructions").filter(|text| !text.trim().is_empty()),
            tools: table.has("tools").then(|| table.texts("tools")),
        };
        (entry != ModeEntry::default()).then_some((*mode, entry))
    };
    Mode::VALUES.iter().filter_map(entry).collect()
}

pub(super) fn history(top: &Values<'_>) -> HistorySettings {
    let table = top.table("history");
    HistorySettings {
        persistence: table.choice("persistence").unwrap_or(HistoryPersistence::SaveAll),
        max_bytes: table.count("max_bytes").unwrap_or(u64::MAX),
    }
}

/// The hooks of all layers, the weakest layer's first.
pub(super) fn hooks(top: &Values<'_>, features: &Features) -> Vec<HookEntry> {
    let table = top.table(HOOKS);
    let mut layers: Vec<(Layer, &[Value])> =
        table.names().map(|layer| (table.origin(layer).layer(), table.items(layer))).collect();
    layers.sort_by_key(|(layer, _)| *layer);
    let counts = |layer: &Layer| features.is_on(Feature::Hooks) || *layer == ALWAYS;
    let layers = layers.into_iter().filter(|(layer, _)| counts(layer));
    layers.flat_map(|(layer, items)| items.iter().filter_map(move |item| hook(item, layer))).collect()
}

fn hook(item: &Value, layer: Layer) -> Option<HookEntry> {
    let Value::Table(table) = item else { return None };
    let text = |key: &str| match table.get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let texts = |value: &Value| match value {
        Value::List(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    let command = match table.get("command")? {
        Value::Text(line) => HookCommand::Line(line.clone()),
        words => HookCommand::Argv(texts(words)),
    };
    let timeout_ms = match table.get("timeout_ms") {
        Some(Value::Integer(ms)) => u64::try_from(*ms).unwrap_or(HOOK_TIMEOUT_MS),
        _ => HOOK_TIMEOUT_MS,
    };
    Some(HookEntry {
        name: text("name").unwrap_or_else(|| command.name()),
        phase: HookPhase::of(&text("phase")?)?,
        tools: table.get("tools").map(texts).unwrap_or_default(),
        cwd_prefix: text("cwd_prefix").map(PathBuf::from),
        timeout_ms,
        command,
        layer,
    })
}

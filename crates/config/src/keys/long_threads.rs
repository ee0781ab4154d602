//! The keys of long threads: budgets, compaction, modes, reviews, undo, features, hooks, prompt history, trust.

use super::{Blank, Fallback, Key, Kind, key};
use crate::choice::{Choice, HistoryPersistence, Personality, TrustLevel};
use agent_core::{Effort, Mode};

/// A key of one mode.
const fn model(path: &'static str) -> Key {
    let about = "The model while this mode is on; its provider is the thread's.";
    Key { blank: Blank::Refused, ..key(path, Kind::Text, Fallback::Depends("`model`"), about) }
}

const fn effort(path: &'static str) -> Key {
    let about = "How much a reasoning model thinks while this mode is on.";
    key(path, Kind::Word(Effort::WORDS), Fallback::Depends("`model_reasoning_effort`"), about)
}

const fn instructions(path: &'static str) -> Key {
    let about = "Told to the model while this mode is on, in place of what the mode says by itself.";
    key(path, Kind::Text, Fallback::Depends("the mode's own"), about)
}

const fn tools(path: &'static str) -> Key {
    let about = "The tools that are offered while this mode is on, by name or by a beginning with `*` such as `mcp__docs__*`. \
                 An empty array offers none.";
    key(path, Kind::Texts, Fallback::Depends("all that the mode allows"), about)
}

/// Another way to write a key of a budget.
const fn budget(path: &'static str, means: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { means: Some(means), ..key(path, kind, Fallback::Unset, about) }
}

/// Every key of them, in the order of the reference.
pub(super) const LONG_THREADS: &[Key] = &[
    Key {
        flag: Some("--max-tokens"),
        ..key(
            "budget.max_tokens",
            Kind::Count(0),
            Fallback::Unset,
            "The thread stops after so many tokens. 0 lets it say nothing at all; a limit can be raised later.",
        )
    },
    Key {
        flag: Some("--max-tool-calls"),
        ..key(
            "budget.max_tool_calls",
            Kind::Count(0),
            Fallback::Unset,
            "The thread stops after so many tool calls.",
        )
    },
    Key {
        flag: Some("--max-cost"),
        ..key(
            "budget.max_cost_usd",
            Kind::Dollars,
            Fallback::Unset,
            "The thread stops after it has cost so many dollars, by the price that is known of the model or said with \
             `models.NAME.price`. Without a price nothing is asked of the model.",
        )
    },
    Key {
        flag: Some("--max-work"),
        ..key(
            "budget.max_work_minutes",
            Kind::Count(0),
            Fallback::Unset,
            "The thread stops after so many minutes of work. The time in which it only waits for an answer does not count.",
        )
    },
    Key {
        flag: Some("--max-time"),
        ..key(
            "budget.max_turn_ms",
            Kind::Count(0),
            Fallback::Unset,
            "A turn stops after so many milliseconds. Looked at before each request to the model and each tool call.",
        )
    },
    key(
        "budget.turn_seconds",
        Kind::Count(0),
        Fallback::Unset,
        "The same in seconds; one layer says one of the two.",
    ),
    budget("budget.tokens", "budget.max_tokens", Kind::Count(0), "Short for `budget.max_tokens`."),
    budget(
        "budget.tool_calls",
        "budget.max_tool_calls",
        Kind::Count(0),
        "Short for `budget.max_tool_calls`.",
    ),
    budget("budget.cost_usd", "budget.max_cost_usd", Kind::Dollars, "Short for `budget.max_cost_usd`."),
    budget(
        "budget.work_minutes",
        "budget.max_work_minutes",
        Kind::Count(0),
        "Short for `budget.max_work_minutes`.",
    ),
    key(
        "compact_at_percent",
        Kind::Percent,
        Fallback::Depends("`80`"),
        "The conversation is summarised when it fills so many hundredths of the model's window; 0 leaves it to the user and \
         to where a provider says that it does not fit.",
    ),
    key(
        "model_auto_compact_token_limit",
        Kind::Count(1),
        Fallback::Unset,
        "The same as a number of tokens. Goes before `compact_at_percent` where one layer sets both.",
    ),
    Key {
        blank: Blank::Refused,
        ..key(
            "review_model",
            Kind::Text,
            Fallback::Depends("`model`"),
            "The model that reviews; its provider is the thread's.",
        )
    },
    key(
        "undo",
        Kind::Bool,
        Fallback::Bool(true),
        "Whether turns can be taken back with their changes of files. The workspace is then kept, as it was before a turn, in \
         the data folder.",
    ),
    Key {
        flag: Some("--personality"),
        ..key(
            "personality",
            Kind::Word(Personality::WORDS),
            Fallback::Unset,
            "The manner in which the agent speaks. Where nothing is said the model has its own.",
        )
    },
    Key {
        flag: Some("--mode"),
        ..key(
            "mode",
            Kind::Word(Mode::WORDS),
            Fallback::Text("code"),
            "How the agent works when a thread begins.",
        )
    },
    model("modes.plan.model"),
    effort("modes.plan.effort"),
    instructions("modes.plan.instructions"),
    tools("modes.plan.tools"),
    model("modes.code.model"),
    effort("modes.code.effort"),
    instructions("modes.code.instructions"),
    tools("modes.code.tools"),
    model("modes.pair.model"),
    effort("modes.pair.effort"),
    instructions("modes.pair.instructions"),
    tools("modes.pair.tools"),
    model("modes.execute.model"),
    effort("modes.execute.effort"),
    instructions("modes.execute.instructions"),
    tools("modes.execute.tools"),
    Key {
        means: Some("modes.plan.effort"),
        ..key(
            "plan_mode_reasoning_effort",
            Kind::Word(Effort::WORDS),
            Fallback::Unset,
            "Codex's name of `modes.plan.effort`.",
        )
    },
    key(
        "features.*",
        Kind::Bool,
        Fallback::Depends("the feature, see below"),
        "Whether a feature is on. `--enable NAME` and `--disable NAME` say it for one run.",
    ),
    key(
        "hooks",
        Kind::Hooks,
        Fallback::Unset,
        "Programs that run at points of a turn, written as `[[hooks]]`; see docs/hooks.md. Those of all layers run, the weaker \
         layer's first: no layer takes those of another away.",
    ),
    key(
        "notify",
        Kind::Texts,
        Fallback::Texts(&[]),
        "A program and its arguments, started when a turn has ended, with what happened as JSON in a last argument. Nobody \
         waits for it.",
    ),
    key(
        "history.persistence",
        Kind::Word(HistoryPersistence::WORDS),
        Fallback::Text("save-all"),
        "Whether prompts are remembered in `history.jsonl` in the data folder.",
    ),
    key(
        "history.max_bytes",
        Kind::Count(1),
        Fallback::Integer(4_194_304),
        "The largest that the file gets; the oldest prompts go first. The newest one is always kept.",
    ),
    key(
        "projects.*.trust_level",
        Kind::Word(TrustLevel::WORDS),
        Fallback::Unset,
        "Whether the project in this folder is trusted; `everturn trust` writes it. NAME is the full path of the folder.",
    ),
];

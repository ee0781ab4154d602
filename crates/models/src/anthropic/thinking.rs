//! How much a model is to think, in the words that it takes.
//!
//! Models up to 4.5 think where they are given a budget of tokens, later ones as they see fit, within an effort; each
//! refuses the other's words, and some cannot be kept from thinking (Anthropic, "Thinking", "Effort", "Thinking
//! troubleshooting" and the migration guides of Sonnet 5.5 and Opus 5.5).

use super::wire::Thinking;
use crate::{catalogue::ModelInfo, effort::effort_name};
use agent_core::{Effort, Summary};

/// Lets a model think between two calls as well, where that depends on a budget (Anthropic, "Extended thinking", section
/// "Interleaved thinking"). Other servers do not know it.
const INTERLEAVED: &str = "interleaved-thinking-2025-05-14";
/// The smallest budget that there is, in tokens, and what is left at least for the answer.
const LEAST_TOKENS: u64 = 1024;

/// The models that think within a budget, by what their names hold.
const WITHIN_BUDGET: [&str; 9] = [
    "claude-3",
    "opus-4-0",
    "opus-4-1",
    "opus-4-2025",
    "opus-4-5",
    "sonnet-4-0",
    "sonnet-4-2025",
    "sonnet-4-5",
    "haiku-4",
];
/// Later models, by what their names hold, and how they are kept from thinking; the first that fits counts.
const KEPT_FROM_THINKING: [(&str, Off); 8] = [
    ("opus-4-", Off::Unsaid),
    ("sonnet-4-", Off::Unsaid),
    ("sonnet-5-5", Off::BetweenTools),
    ("opus-5-5", Off::Never),
    ("haiku-5", Off::Disabled),
    ("sonnet-5", Off::Disabled),
    ("opus-5", Off::Disabled),
    ("claude", Off::Never),
];

/// What is asked of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    pub(super) beta: Option<&'static str>,
}

/// How a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    WithinBudget,
    AsItSeesFit(Off),
}

/// How a model is kept from thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Off {
    /// It does not think unless it is asked to.
    Unsaid,
    Disabled,
    /// But for notes between calls.
    BetweenTools,
    /// It is not: it can only be asked to think little.
    Never,
}

/// What to ask of this model, which may answer with so many tokens.
pub(super) fn asked(
    info: &ModelInfo,
    effort: Option<Effort>,
    summary: Option<Summary>,
    max_tokens: u64,
) -> Asked {
    if !info.reasoning {
        return Asked::default();
    }
    let name = info.name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('.', "-");
    let adaptive = Some(Thinking::Adaptive {
        // What they think is sealed in either case, and newer ones show none of it unless they are asked to.
        display: if summary == Some(Summary::None) { "omitted" } else { "summarized" },
    });
    match (manner(&name), effort) {
        (Manner::WithinBudget, Some(Effort::None)) => Asked::default(),
        (Manner::WithinBudget, effort) => Asked {
            thinking: budget(effort, max_tokens),
            effort: level(effort.filter(|_| !info.efforts.is_empty()), info),
            beta: name.contains("claude").then_some(INTERLEAVED),
        },
        (Manner::AsItSeesFit(off), Some(Effort::None)) => match off {
            Off::Unsaid => Asked::default(),
            Off::Disabled => Asked { thinking: Some(Thinking::Disabled), ..Asked::default() },
            Off::BetweenTools => Asked { thinking: Some(Thinking::BetweenTools), ..Asked::default() },
            Off::Never => Asked { thinking: adaptive, effort: level(Some(Effort::Low), info), beta: None },
        },
        (Manner::AsItSeesFit(_), effort) => {
            Asked { thinking: adaptive, effort: level(effort, info), beta: None }
        }
    }
}

fn manner(name: &str) -> Manner {
    if WITHIN_BUDGET.iter().any(|part| name.contains(part)) {
        return Manner::WithinBudget;
    }
    let off = KEPT_FROM_THINKING.iter().find(|(part, _)| name.contains(part));
    // Others that speak this API, DeepSeek and Z.ai among them, took over the budget.
    off.map_or(Manner::WithinBudget, |(_, off)| Manner::AsItSeesFit(*off))
}

/// A budget of tokens; `None` where there is no room for one.
fn budget(effort: Option<Effort>, max_tokens: u64) -> Option<Thinking> {
    let wanted: u64 = match effort {
        Some(Effort::Minimal) => LEAST_TOKENS,
        Some(Effort::Low) => 4_096,
        Some(Effort::High) => 24_000,
        Some(Effort::XHigh) => 32_000,
        Some(Effort::Max) => 48_000,
        _ => 10_000,
    };
    let room = max_tokens.saturating_sub(LEAST_TOKENS);
    (room >= LEAST_TOKENS).then(|| Thinking::Enabled { budget_tokens: wanted.min(room) })
}

/// The name of an effort. One that is known to be too much for the model is the most that it takes: settings go from
/// model to model, and the API refuses a word that the model does not know.
fn level(effort: Option<Effort>, info: &ModelInfo) -> Option<&'static str> {
    let effort = match effort? {
        Effort::Minimal => Effort::Low,
        other => other,
    };
    let rank = |effort: &Effort| {
        [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max]
            .iter()
            .position(|known| known == effort)
    };
    let most =
        info.efforts.iter().filter(|known| rank(known) <= rank(&effort)).max_by_key(|known| rank(known));
    effort_name(*most.unwrap_or(&effort))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn of(model: &str, effort: Option<Effort>) -> Asked {
        let info = Catalogue::builtin().model(model);
        asked(&info, effort, None, info.max_output_tokens.unwrap_or(8_000))
    }

    #[test]
    fn each_model_is_asked_in_its_own_words() {
        let adaptive = Some(Thinking::Adaptive { display: "summarized" });
        let budget = |budget_tokens| Some(Thinking::Enabled { budget_tokens });
        let nothing = Asked::default();
        let as_it_sees_fit = |effort| Asked { thinking: adaptive, effort, beta: None };
        let within = |tokens, effort| Asked { thinking: budget(tokens), effort, beta: Some(INTERLEAVED) };
        let off = |thinking| Asked { thinking: Some(thinking), ..nothing };
        let table = [
            ("claude-opus-5-5", None, as_it_sees_fit(None)),
            ("claude-opus-5-5", Some(Effort::Max), as_it_sees_fit(Some("max"))),
            ("claude-opus-5-5", Some(Effort::None), as_it_sees_fit(Some("low"))),
            ("claude-sonnet-5-5", Some(Effort::None), off(Thinking::BetweenTools)),
            ("claude-haiku-5-5", Some(Effort::None), off(Thinking::Disabled)),
            ("claude-opus-5", Some(Effort::None), off(Thinking::Disabled)),
            ("anthropic/claude-opus-4.6", Some(Effort::XHigh), as_it_sees_fit(Some("high"))),
            ("claude-opus-4-6", Some(Effort::Max), as_it_sees_fit(Some("max"))),
            ("claude-opus-4-8", Some(Effort::None), nothing),
            ("claude-sonnet-4-6", Some(Effort::Minimal), as_it_sees_fit(Some("low"))),
            ("claude-opus-4-5-20251101", Some(Effort::Max), within(48_000, Some("high"))),
            ("claude-sonnet-4-5", Some(Effort::Low), within(4_096, None)),
            ("claude-haiku-4-5-20251001", None, within(10_000, None)),
            ("claude-haiku-4-5", Some(Effort::None), nothing),
            ("nobody-knows", Some(Effort::High), nothing),
        ];
        for (model, effort, expected) in table {
            assert_eq!(of(model, effort), expected, "{model} {effort:?}");
        }
    }

    #[test]
    fn budget_leaves_room_for_the_answer() {
        let info = Catalogue::builtin().model("claude-haiku-4-5");
        let thinking = |max| asked(&info, Some(Effort::High), None, max).thinking;
        assert_eq!(thinking(6_000), Some(Thinking::Enabled { budget_tokens: 4_976 }));
        assert_eq!(thinking(2_048), Some(Thinking::Enabled { budget_tokens: 1_024 }));
        assert_eq!(thinking(2_047), None);
    }

    #[test]
    fn thoughts_are_shown_unless_nobody_wants_them() {
        let info = Catalogue::builtin().model("claude-opus-5-5");
        let thinking = asked(&info, None, Some(Summary::None), 8_000).thinking;
        assert_eq!(thinking, Some(Thinking::Adaptive { display: "omitted" }));
    }
}

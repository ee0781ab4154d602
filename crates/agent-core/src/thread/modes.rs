//! Modes and manners: what the model is told of them, which model and tools they mean, and plans that are proposed.

use super::{machine::Machine, rules::MODES_ARE_TOLD};
use crate::protocol::{
    Access, Containment, Effort, ItemDetail, ItemId, Mask, Mode, ModelChoice, Preparation, Price,
    SandboxPolicy, Settings, Shared, Subject, ToolSpec,
};

const PLAN: &str = include_str!("../prompts/plan.md");
const PAIR: &str = include_str!("../prompts/pair.md");
const EXECUTE: &str = include_str!("../prompts/execute.md");
const CODE: &str = "Code mode is on: do the work that the user asks for.";
/// Around a plan in a message of the model.
const PLAN_BEGINS: &str = "<proposed_plan>";
const PLAN_ENDS: &str = "</proposed_plan>";

/// The model that is asked, with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) effort: Option<Effort>,
    pub(super) context_window: Option<u64>,
    pub(super) price: Option<Price>,
}

impl Settings {
    fn mask(&self) -> Option<&Mask> {
        self.masks.get(&self.mode)
    }

    /// Who is asked under these settings, the mode considered.
    pub(super) fn asked(&self) -> Asked<'_> {
        let mask = self.mask();
        let effort = mask.and_then(|mask| mask.effort).or(self.effort);
        match mask.and_then(|mask| mask.model.as_ref()) {
            Some(ModelChoice { provider, model, context_window, price }) => Asked {
                provider: provider.as_deref().unwrap_or(&self.provider),
                model,
                effort,
                context_window: *context_window,
                price: *price,
            },
            None => Asked {
                provider: &self.provider,
                model: &self.model,
                effort,
                context_window: self.context_window,
                price: self.price,
            },
        }
    }

    /// Of these tools the ones that the mode offers.
    pub(super) fn offered(&self, tools: &Shared<Vec<ToolSpec>>) -> Shared<Vec<ToolSpec>> {
        let Some(wanted) = self.mask().and_then(|mask| mask.tools.as_ref()) else { return tools.clone() };
        let fits = |name: &str| {
            wanted.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
        };
        Shared::new(tools.iter().filter(|tool| fits(&tool.name)).cloned().collect())
    }

    /// What calls may touch, the mode considered: nothing is changed while a plan is made.
    pub(crate) fn bounds(&self) -> &SandboxPolicy {
        match self.mode {
            Mode::Plan => &SandboxPolicy::ReadOnly,
            Mode::Code | Mode::Pair | Mode::Execute => &self.sandbox,
        }
    }

    /// What the mode tells the model; `None` for the usual one without words of its own.
    pub(super) fn mode_in_words(&self) -> Option<String> {
        let own = self.mask().and_then(|mask| mask.instructions.as_deref());
        let text = match self.mode {
            Mode::Plan => own.unwrap_or(PLAN),
            Mode::Pair => own.unwrap_or(PAIR),
            Mode::Execute => own.unwrap_or(EXECUTE),
            Mode::Code => own?,
        };
        Some(text.trim().to_owned())
    }
}

/// What a model that has heard of another mode is told in the usual one.
pub(super) fn usual_mode() -> String {
    CODE.to_owned()
}

/// How a manner of speaking is told.
pub(super) fn personality_in_words(name: &str) -> String {
    match name {
        "friendly" => {
            "Speak warmly and plainly; explain what helps, and cheer where something works.".to_owned()
        }
        "pragmatic" => "Speak briefly and to the point: results first, no small talk.".to_owned(),
        other => format!("Speak in this manner: {other}."),
    }
}

/// Why a call does not run while a plan is made. A command may look, because the sandbox holds it to that.
pub(crate) fn refused_by_plan(mode: Mode, call: &Preparation) -> Option<String> {
    (mode == Mode::Plan && !only_looks(call)).then(|| {
        "Not run: plan mode is on, and this would change something. Put it into the plan instead.".to_owned()
    })
}

/// Whether a call changes nothing in a read-only sandbox.
pub(super) fn only_looks(call: &Preparation) -> bool {
    let is_held = matches!(call.subject, Subject::Command { .. })
        && call.justification.is_none()
        && call.containment == Containment::Contained;
    call.access == Access::ReadOnly || matches!(call.subject, Subject::Questions { .. }) || is_held
}

impl Machine<'_> {
    /// Shows a plan that a message proposes.
    pub(super) fn propose(&mut self, id: &ItemId, text: &str) {
        if self.thread.rules < MODES_ARE_TOLD || self.turn_settings().mode != Mode::Plan {
            return;
        }
        let Some((_, rest)) = text.split_once(PLAN_BEGINS) else { return };
        let plan = rest.rsplit_once(PLAN_ENDS).map_or(rest, |(plan, _)| plan).trim();
        if !plan.is_empty() {
            self.completed(id.beside("plan"), ItemDetail::ProposedPlan { text: plan.to_owned() });
        }
    }
}

//! What long threads need of the configuration: prices, what modes change, who reviews, when hooks run.

use super::Wishes;
use agent_core::{HookPhase, Mask, Mode, ModelChoice, Price};
use config::ModeEntry;
use std::collections::{BTreeMap, BTreeSet};

impl Wishes {
    /// What a model costs, where that is known.
    pub(crate) fn price(&self, model: &str) -> Option<Price> {
        self.catalogue().model(model).price.map(|price| Price {
            input: price.input,
            cached: price.cached_input,
            output: price.output,
        })
    }

    /// What modes change.
    pub(super) fn masks(&self) -> BTreeMap<Mode, Mask> {
        let mask = |(mode, entry): (&Mode, &ModeEntry)| {
            let ModeEntry { model, effort, instructions, tools } = entry.clone();
            let model = model.map(|model| self.choice(model));
            (*mode, Mask { instructions, model, effort, tools })
        };
        self.config().modes.iter().map(mask).collect()
    }

    /// Who reviews, where it is not the thread's own model.
    pub(super) fn review_model(&self) -> Option<ModelChoice> {
        self.config().review_model.clone().map(|model| self.choice(model))
    }

    /// The phases of which the owner of the workspace is told.
    pub(super) fn hook_phases(&self) -> BTreeSet<HookPhase> {
        let config = self.config();
        // Whoever is notified hears of the end of a turn as hooks do.
        let notified = (!config.notify.is_empty()).then_some(HookPhase::PostTurn);
        config.hooks.iter().map(|hook| hook.phase).chain(notified).collect()
    }

    /// A model of the thread's provider, with what is known of it.
    fn choice(&self, model: String) -> ModelChoice {
        ModelChoice {
            provider: None,
            context_window: self.context_window(&model),
            price: self.price(&model),
            model,
        }
    }
}

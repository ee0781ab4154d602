//! [`Catalogue`]: what is known of models: how much fits, what they can do, what they cost.
//!
//! The figures are in `catalogue/models.toml`, each with its source and the day it was read.

mod info;
mod name;
mod table;

pub use info::{ModelInfo, ModelOverrides, Price, PriceOverrides};

use std::{collections::BTreeMap, sync::Arc};

/// What is known of models, with what the user's settings say about them on top. Cheap to clone.
///
/// A name is looked up as it is, then without what a gateway or a server adds to it: `vendor/` before it, `:tag` after
/// it, the date of a snapshot, the size and the packing of open weights. `openai/gpt-5`, `gpt-5-2025-08-07` and `gpt-5`
/// are one model; `gpt-5-something` is not, because a successor's figures are not its predecessor's.
///
/// What is known of a model is not always true of the server that runs it: Ollama and its kind give a model the window
/// they were started with, often a small part of what it could take. So a name with a tag such as `gpt-oss:20b` has no
/// window here; who runs models at home sets `context_window` for them, under other names as well.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    overrides: Arc<BTreeMap<String, ModelOverrides>>,
    of_all: Arc<ModelOverrides>,
}

impl Catalogue {
    /// The models that this version knows.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The same catalogue, where what `overrides` says goes before what is known. It holds for exactly this name; a
    /// second call for the same name adds to the first.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, overrides: ModelOverrides) -> Self {
        let entry = Arc::make_mut(&mut self.overrides).entry(name.into()).or_default();
        *entry = overrides.over(entry);
        self
    }

    /// The same catalogue, where this goes before what is known of any model. What was said of one by its name goes before
    /// this.
    #[must_use]
    pub fn with_all(self, overrides: ModelOverrides) -> Self {
        Self { of_all: Arc::new(overrides.over(&self.of_all)), ..self }
    }

    /// What is known of a model; see [`ModelInfo`] for what is assumed of an unknown one.
    pub fn model(&self, name: &str) -> ModelInfo {
        let known = table::find(name);
        let configured = self.overrides.get(name).cloned().unwrap_or_default().over(&self.of_all);
        match known {
            Some(known) => configured.over(&known).info(name, true),
            None => configured.info(name, false),
        }
    }

    /// The names in the catalogue, by maker and from new to old, without those that only the user's settings know.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::names()
    }
}

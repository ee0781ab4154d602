//! [`HostLibrary`]: what clients of a thread look up: prompts that were said, skills, custom prompts, models, MCP servers.

use super::SkillSource;
use crate::{
    providers::Providers,
    settings::Wishes,
    view::{dollars_exactly, number},
};
use agent_core::{
    Asked, Entropy, HistoryEntry, Library, Listing, ModelInfo, PromptInfo, Query, Refusal, SkillInfo,
};
use async_trait::async_trait;
use config::{CustomPrompts, Feature, PromptHistory};
use models::Catalogue;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Looks things up for the threads of this process.
pub(crate) struct HostLibrary {
    wishes: Arc<Wishes>,
    providers: Arc<Providers>,
    skills: Arc<SkillSource>,
    home: PathBuf,
}

impl HostLibrary {
    pub(crate) fn new(
        wishes: &Arc<Wishes>,
        providers: &Arc<Providers>,
        skills: &Arc<SkillSource>,
        home: &Path,
    ) -> Self {
        Self {
            wishes: Arc::clone(wishes),
            providers: Arc::clone(providers),
            skills: Arc::clone(skills),
            home: home.to_owned(),
        }
    }

    /// The directory that is worked in.
    fn cwd(&self) -> PathBuf {
        self.wishes.directory()
    }

    fn history(&self) -> PromptHistory {
        PromptHistory::new(&self.home, self.wishes.config().history)
    }

    fn remember(&self, thread: &str, text: &str) -> Result<Listing, Refusal> {
        let entry = HistoryEntry {
            thread: thread.to_owned(),
            at_ms: local_backend::SystemEntropy.now_ms(),
            text: self.providers.redactor.scrub(text),
        };
        let meta = self.history().add(&entry).map_err(unavailable)?;
        Ok(Listing::Remembered { log_id: meta.log_id, entries: meta.entries })
    }

    fn entry(&self, log_id: u64, offset: u64) -> Result<Listing, Refusal> {
        let entry = self.history().entry(log_id, offset).map_err(unavailable)?;
        Ok(Listing::HistoryEntry { log_id, offset, entry })
    }

    fn skills(&self) -> Vec<SkillInfo> {
        self.skills.at(&self.cwd()).infos()
    }

    fn prompts(&self) -> Vec<PromptInfo> {
        custom_prompts(&self.wishes, &self.home).infos()
    }

    fn models(&self) -> Vec<ModelInfo> {
        let config = self.wishes.config();
        let named = std::iter::once(config.model.clone()).chain(config.models.keys().cloned());
        let names = named.chain(Catalogue::names().map(str::to_owned));
        let mut seen = BTreeSet::new();
        names.filter(|name| seen.insert(name.clone())).map(|name| self.model(&name)).collect()
    }

    fn model(&self, name: &str) -> ModelInfo {
        let (config, known) = (self.wishes.config(), self.providers.catalogue.model(name));
        let window = known.context_window.map(|window| format!("{} tokens", number(window)));
        let price = known.price.map(|price| {
            let [input, output] = [price.input, price.output].map(dollars_exactly);
            format!("{input} in and {output} out for a million tokens")
        });
        let current = name == config.model;
        let provider = current.then(|| format!("at {}", config.model_provider));
        ModelInfo {
            name: name.to_owned(),
            context_window: known.context_window,
            description: provider.into_iter().chain(window).chain(price).collect::<Vec<_>>().join(", "),
            current,
        }
    }
}

#[async_trait]
impl Library for HostLibrary {
    async fn answer(&self, asked: Asked) -> Result<Listing, Refusal> {
        match asked.query {
            Query::AddToHistory { text } => self.remember(asked.key.thread.as_str(), &text),
            Query::HistoryEntry { log_id, offset } => self.entry(log_id, offset),
            Query::Skills => Ok(Listing::Skills { skills: self.skills() }),
            Query::CustomPrompts => Ok(Listing::CustomPrompts { prompts: self.prompts() }),
            Query::Models => Ok(Listing::Models { models: self.models() }),
            #[cfg(feature = "mcp")]
            Query::McpTools => {
                let (cwd, redactor) = (self.cwd(), &self.providers.redactor);
                let servers = super::mcp_servers::look(&self.wishes, &self.home, &cwd, redactor).await;
                Ok(Listing::McpTools { servers })
            }
            _ => Err(Refusal::NotServed { what: "this query".into() }),
        }
    }
}

/// The custom prompts of the directory that is worked in.
pub(crate) fn custom_prompts(wishes: &Wishes, home: &Path) -> CustomPrompts {
    if !wishes.config().features.is_on(Feature::CustomPrompts) {
        return CustomPrompts::default();
    }
    let trust = wishes.loaded.project.as_ref().map(|project| project.trust).unwrap_or_default();
    CustomPrompts::find(home, Some(&wishes.directory()), trust)
}

fn unavailable(error: config::HistoryError) -> Refusal {
    Refusal::Unavailable { why: error.to_string() }
}

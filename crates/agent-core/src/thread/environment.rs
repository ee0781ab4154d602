//! What the model is told of where it works: everything at first, later only what changed.

use super::{
    machine::Machine,
    modes::{personality_in_words, usual_mode},
    rules::{MODES_ARE_TOLD, TOLD_BY_THE_THREAD},
};
use crate::protocol::{ApprovalPolicy, GranularPolicy, Item, NetworkAccess, Route, SandboxPolicy, Settings};
use serde::{Deserialize, Serialize};

/// What the model was told last of where it works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    facts: Vec<Fact>,
    developer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    personality: Option<String>,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fact {
    name: String,
    value: String,
}

impl Machine<'_> {
    /// Tells what the model does not know yet.
    pub(super) fn tell(&mut self) {
        if self.thread.rules < TOLD_BY_THE_THREAD {
            return;
        }
        let mut now = Told::of(self.turn_settings());
        let before = &self.thread.told;
        if self.thread.rules < MODES_ARE_TOLD {
            (now.mode, now.personality) = (None, None);
        }
        let news = [
            now.environment_since(before),
            now.developer_since(before),
            now.mode_since(before),
            now.personality_since(before),
        ];
        for text in news.into_iter().flatten() {
            self.push(Item::Context { text });
        }
        self.thread.told = now;
    }
}

impl Told {
    fn of(settings: &Settings) -> Self {
        let surroundings = &settings.surroundings;
        let facts = [
            ("working directory", Some(settings.cwd.clone())),
            ("sandbox", Some(sandbox(settings.bounds()))),
            ("approval policy", Some(approval(settings.approval))),
            ("shell", surroundings.shell.clone()),
            ("date", surroundings.date.clone()),
            ("git", surroundings.git.clone()),
        ];
        let fact =
            |(name, value): (&str, Option<String>)| Some(Fact { name: name.to_owned(), value: value? });
        let developer = settings.developer_instructions.clone().filter(|text| !text.trim().is_empty());
        Self {
            facts: facts.into_iter().filter_map(fact).collect(),
            developer,
            mode: settings.mode_in_words(),
            personality: settings.personality.clone().filter(|name| !name.is_empty() && name != "none"),
        }
    }

    /// The facts that are new or gone since `before`; `None` where there are none.
    fn environment_since(&self, before: &Self) -> Option<String> {
        let gone = before.facts.iter().filter(|fact| self.value(&fact.name).is_none());
        let gone = gone.map(|fact| format!("{}: no longer known\n", fact.name));
        let news = self.facts.iter().filter(|fact| before.value(&fact.name) != Some(&fact.value));
        let news: String = news.map(|fact| format!("{}: {}\n", fact.name, fact.value)).chain(gone).collect();
        let tag = if before.facts.is_empty() { "environment" } else { "environment_change" };
        (!news.is_empty()).then(|| format!("<{tag}>\n{news}</{tag}>"))
    }

    fn developer_since(&self, before: &Self) -> Option<String> {
        let text = match (&self.developer, &before.developer) {
            (now, before) if now == before => return None,
            (Some(now), _) => now.trim(),
            (None, _) => "The instructions given here before no longer apply.",
        };
        Some(format!("<developer_instructions>\n{text}\n</developer_instructions>"))
    }

    fn mode_since(&self, before: &Self) -> Option<String> {
        let text = match &self.mode {
            mode if *mode == before.mode => return None,
            Some(mode) => mode.clone(),
            None => usual_mode(),
        };
        Some(format!("<mode>\n{text}\n</mode>"))
    }

    fn personality_since(&self, before: &Self) -> Option<String> {
        let text = match &self.personality {
            manner if *manner == before.personality => return None,
            Some(manner) => personality_in_words(manner),
            None => "Speak as you usually do.".to_owned(),
        };
        Some(format!("<personality>\n{text}\n</personality>"))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
    }
}

fn sandbox(policy: &SandboxPolicy) -> String {
    match policy {
        SandboxPolicy::ReadOnly => "read-only: files may be read, nothing may be changed".to_owned(),
        SandboxPolicy::WorkspaceWrite { writable_roots, network } => {
            let roots = match writable_roots.join(", ") {
                roots if roots.is_empty() => roots,
                roots => format!(" and {roots}"),
            };
            let network = match network {
                NetworkAccess::Off => "",
                NetworkAccess::On => "; commands reach the network",
            };
            format!("workspace-write: files below the working directory{roots} may be changed{network}")
        }
        SandboxPolicy::DangerFullAccess => "full access".to_owned(),
    }
}

fn approval(policy: ApprovalPolicy) -> String {
    let text = match policy {
        ApprovalPolicy::Untrusted => "untrusted: the user is asked about everything not known to be safe",
        ApprovalPolicy::OnFailure => "on-failure: the user is asked when something fails in the sandbox",
        ApprovalPolicy::OnRequest => "on-request: the user is asked about what the sandbox does not allow",
        ApprovalPolicy::Never => "never: what would need an answer is refused",
        ApprovalPolicy::Granular(GranularPolicy { commands, patches, tools }) => {
            let route = |route| match route {
                Route::Ask => "the user is asked",
                Route::Refuse => "refused",
            };
            return format!(
                "granular: what the sandbox does not allow of commands: {}; of changes of files: {}; of other tools: {}",
                route(commands),
                route(patches),
                route(tools)
            );
        }
    };
    text.to_owned()
}

//! What the command line changes of a thread that there is already, and what has changed around it.

use super::{Wishes, directory};
use crate::{exit::Failure, output};
use agent_core::{Budget, SandboxPolicy, Settings, TurnOverrides};
use config::{Layer, SandboxMode};

/// What a thread takes when it begins and keeps.
const KEPT: [&str; 4] =
    ["instructions", "model_instructions_file", "project_doc_max_bytes", "project_doc_fallback_filenames"];

impl Wishes {
    /// What changes of a thread that runs under `before`. The files and the environment were heard when it began: what
    /// they say by now changes nothing.
    pub(crate) fn overrides(&self, before: &Settings) -> Result<TurnOverrides, Failure> {
        for key in KEPT.into_iter().filter(|key| self.is_said(key)) {
            output::warn(&format!("`{key}` is for new threads; this one keeps what it began with"));
        }
        let config = self.config();
        let said = |key: &str| self.is_said(key).then_some(());
        let model =
            if self.is_scripted() { Some(self.model()) } else { said("model").map(|()| self.model()) };
        let model = model.filter(|model| *model != before.model);
        let provider = said("model_provider")
            .map(|()| config.model_provider.clone())
            .filter(|provider| *provider != before.provider);
        let cwd = self.cwd(before)?;
        let surroundings = self.surroundings(&cwd);
        Ok(TurnOverrides {
            sandbox: self.sandbox_now(before)?.filter(|sandbox| *sandbox != before.sandbox),
            cwd: (cwd != before.cwd).then_some(cwd),
            approval: config
                .approval_policy
                .filter(|policy| self.is_said("approval_policy") && *policy != before.approval),
            context_window: match said("model_context_window") {
                Some(()) => config.model_context_window,
                None if provider.is_none() && model.is_none() => None,
                None => self.context_window(model.as_deref().unwrap_or(&before.model)),
            },
            stream_retries: provider.as_ref().map(|_| self.stream_retries()),
            provider,
            model,
            effort: config.model_reasoning_effort.filter(|_| self.is_said("model_reasoning_effort")),
            summary: config.model_reasoning_summary.filter(|_| self.is_said("model_reasoning_summary")),
            budget: Some(self.budget_now(before.budget)).filter(|budget| *budget != before.budget),
            developer_instructions: config
                .developer_instructions
                .clone()
                .filter(|_| self.is_said("developer_instructions")),
            surroundings: (surroundings != before.surroundings).then_some(surroundings),
            ..TurnOverrides::default()
        })
    }

    /// Whether the command line says this, itself or by the profile that it names.
    fn is_said(&self, key: &str) -> bool {
        let mut found =
            self.loaded.provenance.find(key).into_iter().map(|(_, setting)| setting.origin.layer());
        found.any(|layer| layer >= Layer::Override || self.has_profile && layer == Layer::Profile)
    }

    /// The limits that are said now, and where nothing is said those of before.
    fn budget_now(&self, before: Budget) -> Budget {
        let now = self.config().budget;
        let limit =
            |key: &str, now: Option<u64>, before: Option<u64>| if self.is_said(key) { now } else { before };
        Budget {
            tokens: limit("budget.max_tokens", now.tokens, before.tokens),
            tool_calls: limit("budget.max_tool_calls", now.tool_calls, before.tool_calls),
            turn_ms: limit("budget.max_turn_ms", now.turn_ms, before.turn_ms),
        }
    }

    fn sandbox_now(&self, before: &Settings) -> Result<Option<SandboxPolicy>, Failure> {
        if let Some(mode) = self.config().sandbox_mode.filter(|_| self.is_said("sandbox_mode")) {
            return self.sandbox(mode).map(Some);
        }
        let has_roots = self.is_said("sandbox_workspace_write.writable_roots");
        match &before.sandbox {
            SandboxPolicy::WorkspaceWrite { .. } if has_roots => {
                self.sandbox(SandboxMode::WorkspaceWrite).map(Some)
            }
            SandboxPolicy::WorkspaceWrite { writable_roots } => {
                let mut roots = writable_roots.clone();
                for added in &self.add_dir {
                    let added = directory(added)?;
                    if !roots.contains(&added) {
                        roots.push(added);
                    }
                }
                Ok(Some(SandboxPolicy::WorkspaceWrite { writable_roots: roots }))
            }
            _ if self.add_dir.is_empty() && !has_roots => Ok(None),
            _ => Err(Failure::usage(
                "other directories can be changed only under workspace-write: add --sandbox workspace-write",
            )),
        }
    }
}

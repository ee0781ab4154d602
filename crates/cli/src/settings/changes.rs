//! What the command line changes of a thread that there is already, and what has changed around it.

use super::Wishes;
use crate::{exit::Failure, output, router::is_scripted};
use agent_core::{Budget, SandboxPolicy, Settings, TurnOverrides};
use config::{Layer, SandboxMode};

/// What a thread takes when it begins and keeps.
const KEPT: [&str; 4] =
    ["instructions", "model_instructions_file", "project_doc_max_bytes", "project_doc_fallback_filenames"];

impl Wishes {
    /// What changes of a thread that runs under `before`. The files and the environment were heard when it began: what
    /// they say by now changes nothing.
    pub(crate) fn overrides(&self, before: &Settings) -> Result<TurnOverrides, Failure> {
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
        // It is unknown after a change of model that does not say it.
        let is_other = model.is_some() || provider.is_some();
        let asked = model.as_deref().unwrap_or(&before.model);
        let price = if is_other {
            self.price(asked)
        } else {
            self.price(asked).filter(|now| Some(*now) != before.price)
        };
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
            // An empty text takes back what was said before.
            developer_instructions: said("developer_instructions")
                .map(|()| config.developer_instructions.clone().unwrap_or_default())
                .filter(|text| *text != before.developer_instructions.clone().unwrap_or_default()),
            answer_within: config.answer_within.limit().filter(|limit| {
                let is_said = self.is_said("answer_timeout_ms") || self.is_said("answer_otherwise");
                is_said && Some(*limit) != before.answer_within
            }),
            surroundings: (surroundings != before.surroundings).then_some(surroundings),
            mode: said("mode").map(|()| config.mode).filter(|mode| *mode != before.mode),
            personality: said("personality")
                .map(|()| config.personality.clone().unwrap_or_default())
                .filter(|name| *name != before.personality.clone().unwrap_or_default()),
            compact_at: said("compact_at_percent")
                .or_else(|| said("model_auto_compact_token_limit"))
                .map(|()| config.compact_at)
                .filter(|at| *at != before.compact_at),
            masks: said("modes").map(|()| self.masks()).filter(|masks| *masks != before.masks),
            review_model: said("review_model")
                .and_then(|()| self.review_model())
                .filter(|choice| Some(choice) != before.review_model.as_ref()),
            undo: said("undo").map(|()| config.undo).filter(|undo| *undo != before.undo),
            // Hooks are the process's, as providers are.
            hooks: Some(self.hook_phases()).filter(|phases| *phases != before.hooks),
            price,
            ..TurnOverrides::default()
        })
    }

    /// What the thread runs under once it has taken these changes: its model, its directory, what it may touch.
    pub(crate) fn settings_after(&self, before: &Settings) -> Result<Settings, Failure> {
        let TurnOverrides { model, cwd, sandbox, approval, provider, .. } = self.overrides(before)?;
        Ok(Settings {
            approval: approval.unwrap_or(before.approval),
            provider: provider.unwrap_or_else(|| before.provider.clone()),
            model: model.unwrap_or_else(|| before.model.clone()),
            cwd: cwd.unwrap_or_else(|| before.cwd.clone()),
            sandbox: sandbox.unwrap_or_else(|| before.sandbox.clone()),
            ..before.clone()
        })
    }

    /// Refuses a thread of earlier days that may not go on under what is allowed on this machine.
    pub(crate) fn require_allowed(&self, before: &Settings) -> Result<(), Failure> {
        let refused = self.config().constraints.refusals(&self.settings_after(before)?);
        if refused.is_empty() {
            return Ok(());
        }
        Err(Failure::usage(format!("the thread may not go on as it is: {}", refused.join("; "))))
    }

    /// What the command line names and a running thread does not take, said once.
    pub(crate) fn remark_on_kept(&self, before: &Settings) -> Result<(), Failure> {
        for key in KEPT.into_iter().filter(|key| self.is_said(key)) {
            output::warn(&format!("`{key}` is for new threads; this one keeps what it began with"));
        }
        if is_scripted(&before.model) && self.is_said("model_provider") && !self.is_said("model") {
            output::warn("this thread is answered by a script; name a model as well: -m MODEL");
        }
        let cwd = self.cwd(before)?;
        if cwd != before.cwd && !self.project(&cwd).is_empty() {
            output::warn(&format!(
                "the AGENTS.md of {cwd} is told to threads that begin there, not to this one"
            ));
        }
        Ok(())
    }

    /// Whether the command line says this, itself or by the profile that it names.
    fn is_said(&self, key: &str) -> bool {
        let by_name = self.layer("profile").is_some_and(|layer| layer >= Layer::Override);
        self.layer(key).is_some_and(|layer| layer >= Layer::Override || by_name && layer == Layer::Profile)
    }

    /// The strongest layer that says something of this key, or of one in this table.
    fn layer(&self, key: &str) -> Option<Layer> {
        self.loaded.provenance.find(key).into_iter().map(|(_, setting)| setting.origin.layer()).max()
    }

    /// The limits that are said now, and where nothing is said those of before.
    fn budget_now(&self, before: Budget) -> Budget {
        let now = self.budget();
        let limit = |keys: &[&str], now: Option<u64>, before: Option<u64>| match keys
            .iter()
            .any(|key| self.is_said(key))
        {
            true => now,
            false => before,
        };
        Budget {
            tokens: limit(&["budget.max_tokens", "budget.tokens"], now.tokens, before.tokens),
            tool_calls: limit(
                &["budget.max_tool_calls", "budget.tool_calls"],
                now.tool_calls,
                before.tool_calls,
            ),
            turn_ms: limit(&["budget.max_turn_ms", "budget.turn_seconds"], now.turn_ms, before.turn_ms),
            cost_microusd: limit(
                &["budget.max_cost_usd", "budget.cost_usd"],
                now.cost_microusd,
                before.cost_microusd,
            ),
            work_ms: limit(&["budget.max_work_minutes", "budget.work_minutes"], now.work_ms, before.work_ms),
        }
    }

    fn sandbox_now(&self, before: &Settings) -> Result<Option<SandboxPolicy>, Failure> {
        const TABLE: &str = "sandbox_workspace_write";
        let mode = self.config().sandbox_mode.filter(|_| self.is_said("sandbox_mode"));
        let has_roots = ["writable_roots", "exclude_slash_tmp", "exclude_tmpdir_env_var"]
            .iter()
            .any(|key| self.is_said(&format!("{TABLE}.{key}")));
        let network = self.is_said(&format!("{TABLE}.network_access")).then(|| self.network());
        match (mode, &before.sandbox) {
            (
                None | Some(SandboxMode::WorkspaceWrite),
                SandboxPolicy::WorkspaceWrite { writable_roots, network: was },
            ) => {
                // The directories that were opened stay open.
                let roots = if has_roots {
                    self.writable_roots()?
                } else {
                    let added = self.added_roots()?.into_iter().filter(|root| !writable_roots.contains(root));
                    writable_roots.iter().cloned().chain(added).collect()
                };
                let network = network.unwrap_or(*was);
                Ok(Some(SandboxPolicy::WorkspaceWrite { writable_roots: roots, network }))
            }
            (Some(mode), _) => self.sandbox(mode).map(Some),
            (None, SandboxPolicy::ReadOnly) if !self.add_dir.is_empty() => Err(Failure::usage(
                "--add-dir lets a directory be changed, but the thread may only read: add --sandbox workspace-write",
            )),
            (None, SandboxPolicy::ReadOnly) if self.opens_network => Err(Failure::usage(
                "--network lets commands reach the network, but the thread may only read: add --sandbox workspace-write",
            )),
            (None, _) => Ok(None),
        }
    }
}

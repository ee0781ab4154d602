//! Hooks: what runs at points of a turn and may change it or stop it. A hook is anything that is a [`TurnHook`]; most are
//! programs, [`ShellHook`].
//!
//! [`HookRunner`] asks the hooks of a phase in their order. What one changes the next one sees; what one blocks nobody after it
//! is asked about. A hook that fails is a note, never a failure: [`agent_core::Workspace::hook`] always has an answer, within
//! the sum of the hooks' times.
//!
//! Not here: which hooks there are (config), what becomes of their answer (agent-core). Start reading at [`HookRunner::run`],
//! then `shell.rs`.

mod answer;
mod notify;
mod process;
mod shell;

pub use answer::HookAnswer;
pub use notify::{Notify, TurnEnded};
pub use shell::{HookCommand, ShellHook};

use agent_core::{Content, HookNote, HookPatch, HookRequest, HookRuling, Hooked};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// Something that is asked at points of a turn.
///
/// `run` is only called where `fits` says so. It comes to an end within a bound of its own, and may be dropped in the middle; it
/// may be asked twice about the same point, after a crash, with a higher `attempt`. Its answer is recorded: replay does not ask
/// it.
#[async_trait]
pub trait TurnHook: Send + Sync {
    /// How messages call it.
    fn name(&self) -> &str;

    /// Whether it is about this point.
    fn fits(&self, request: &HookRequest) -> bool;

    /// What it says.
    async fn run(&self, request: &HookRequest) -> HookAnswer;
}

/// Asks hooks. Clones share them.
#[derive(Clone, Default)]
pub struct HookRunner {
    hooks: Arc<[Arc<dyn TurnHook>]>,
}

impl fmt::Debug for HookRunner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.hooks.iter().map(|hook| hook.name())).finish()
    }
}

impl HookRunner {
    /// Asks these, in this order.
    pub fn new(hooks: impl IntoIterator<Item = Arc<dyn TurnHook>>) -> Self {
        Self { hooks: hooks.into_iter().collect() }
    }

    /// Asks the hooks of a phase.
    pub async fn run(&self, mut request: HookRequest) -> Hooked {
        let mut hooked = Hooked::default();
        for hook in self.hooks.iter() {
            if !hook.fits(&request) {
                continue;
            }
            let HookAnswer { block, patch, notes } = hook.run(&request).await;
            let note = |message| HookNote { hook: hook.name().to_owned(), message };
            hooked.notes.extend(notes.into_iter().map(note));
            if let Some(reason) = block {
                hooked.ruling = HookRuling::Block { reason: format!("{}: {reason}", hook.name()) };
                // What was said of a turn that does not begin has no use; what is to be remembered has.
                let mut metadata = hooked.patch.metadata;
                metadata.extend(patch.metadata);
                hooked.patch = HookPatch { metadata, ..HookPatch::default() };
                return hooked;
            }
            see(&mut request, &patch);
            add(&mut hooked.patch, patch);
        }
        hooked
    }
}

/// What the next hook sees.
fn see(request: &mut HookRequest, patch: &HookPatch) {
    if let Some(prompt) = &patch.prompt {
        request.prompt.retain(is_no_text);
        request.prompt.insert(0, Content::text(prompt));
    }
    request.prompt.extend(patch.attachments.iter().cloned());
    if let Some(model) = &patch.model {
        request.model.clone_from(model);
    }
    for (key, value) in &patch.metadata {
        if value.is_empty() {
            request.metadata.remove(key);
        } else {
            request.metadata.insert(key.clone(), value.clone());
        }
    }
}

/// A new prompt stands in place of what was said, not of what was pointed at.
fn is_no_text(part: &Content) -> bool {
    !matches!(part, Content::Text { .. })
}

/// Puts a later patch over an earlier one. A new prompt takes the place of one with the text that had been added to it.
fn add(patch: &mut HookPatch, later: HookPatch) {
    if later.prompt.is_some() {
        patch.prompt = later.prompt;
        patch.attachments.retain(is_no_text);
    }
    patch.attachments.extend(later.attachments);
    patch.model = later.model.or(patch.model.take());
    patch.context = match (patch.context.take(), later.context) {
        (Some(first), Some(second)) => Some(format!("{first}\n\n{second}")),
        (first, second) => first.or(second),
    };
    patch.metadata.extend(later.metadata);
}

#[cfg(test)]
#[path = "hooks/hooks_tests.rs"]
mod tests;

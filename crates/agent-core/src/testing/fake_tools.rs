//! [`FakeTools`]: tools that change a list instead of the world.

use super::fake_command::{self, denied};
use crate::{
    Access, Class, Containment, EffectId, FileChange, FileChangeKind, Operation, OutputStatus, Plan,
    Preparation, PrepareRequest, Prepared, Repeat, Subject, ThreadKey, ToolAnswer, ToolCallHandler,
    ToolOutput, ToolRequest, Verdict,
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Tools by name: `exec_command`, `apply_patch` and `request_user_input` with the arguments of the real tools do as those
/// would in a sandbox, but for changing anything. Else what starts with `read` only reads, nothing confines `exec_command` and what starts with `ask`, `hang`
/// runs until it is cancelled, `deaf` for ever, `unknown` does not exist; anything else mutates. The value outlives a simulated crash,
/// like the world.
#[derive(Debug, Default)]
pub struct FakeTools {
    world: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    runs: BTreeMap<String, u32>,
    answers: BTreeMap<EffectId, ToolAnswer>,
    started: BTreeMap<EffectId, u32>,
    acknowledged: Vec<EffectId>,
    /// The rules that were added to the exec policy.
    rules: Vec<String>,
}

impl FakeTools {
    /// How often each call ran, by call id.
    pub fn runs(&self) -> BTreeMap<String, u32> {
        self.ledger().runs.clone()
    }

    /// The effects that were acknowledged, in order.
    pub fn acknowledged(&self) -> Vec<EffectId> {
        self.ledger().acknowledged.clone()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, request: &ToolRequest) -> ToolAnswer {
        let mut ledger = self.ledger();
        *ledger.runs.entry(request.call.id.to_string()).or_default() += 1;
        ledger.started.insert(request.effect, request.attempt);
        ledger.rules.extend(request.amendment.clone());
        let text = format!("{} ran with {}", request.call.name, request.call.payload.text());
        let mut output = ToolOutput::text(OutputStatus::Ok, text);
        if request.call.name == "apply_patch" {
            let diff = "--- a/file\n+++ b/file\n@@ -0,0 +1 @@\n+fake\n".to_owned();
            output.changes.push(FileChange {
                path: "file".into(),
                kind: FileChangeKind::Add,
                moved_to: None,
                diff,
            });
        }
        let output = denied(request).unwrap_or(output);
        let answer = ToolAnswer::Finished { output };
        ledger.answers.insert(request.effect, answer.clone());
        answer
    }
}

/// What [`FakeTools`] says of a call by its name.
pub fn preparation(name: &str, digest: impl Into<String>) -> Preparation {
    let access = if name.starts_with("read") { Access::ReadOnly } else { Access::Mutating };
    let containment = if name.starts_with("ask") || name == "exec_command" {
        Containment::Uncontained { reason: "nothing confines it".into() }
    } else {
        Containment::Contained
    };
    let subject = match name {
        "apply_patch" => Subject::Patch { changes: Vec::new() },
        "update_plan" => Subject::Plan { plan: Plan::default() },
        "read_file" => Subject::Other { summary: "a file".into() },
        _ => Subject::Command { command: vec![name.to_owned()], cwd: "/work".into() },
    };
    Preparation {
        access,
        repeat: if access == Access::ReadOnly { Repeat::Safe } else { Repeat::Never },
        class: Class::Ordinary,
        verdict: Verdict::Silent,
        containment,
        subject,
        digest: digest.into(),
        timeout_ms: 1_000,
        justification: None,
        amendment: None,
    }
}

#[async_trait]
impl ToolCallHandler for FakeTools {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        let name = &request.call.name;
        if name == "unknown" {
            return Prepared::Rejected { message: format!("there is no tool `{name}`") };
        }
        if let Some(preparation) = fake_command::preparation(&request, &self.ledger().rules) {
            return Prepared::Ready(Box::new(preparation));
        }
        Prepared::Ready(Box::new(preparation(name, format!("{name} {}", request.call.payload.text()))))
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        if request.call.name == "deaf" {
            return Operation::new(std::future::pending(), || {});
        }
        if request.call.name != "hang" {
            return Operation::new(async move { self.run(&request) }, || {});
        }
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let answer = async move {
            self.run(&request);
            let _ = stopped.await;
            ToolAnswer::Cancelled { output: ToolOutput::text(OutputStatus::Cancelled, "stopped") }
        };
        Operation::new(answer, move || {
            let _ = stop.send(());
        })
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        let ledger = self.ledger();
        match (ledger.answers.get(&request.effect), ledger.started.get(&request.effect)) {
            (Some(answer), _) if request.call.name != "hang" => answer.clone(),
            (_, Some(_)) => ToolAnswer::Unknown { note: "it had started".into() },
            (_, None) => ToolAnswer::NotStarted,
        }
    }

    fn acknowledge(&self, _key: &ThreadKey, effect: EffectId) {
        self.ledger().acknowledged.push(effect);
    }
}

//! Commands, patches and questions as scenarios write them: what [`FakeTools`](super::FakeTools) says of a call whose
//! arguments are those of the real tool, so that the same scenario asks the same on both.

use crate::{
    Access, Class, Containment, Grant, OutputStatus, Payload, Preparation, PrepareRequest, Question, Repeat,
    SandboxPolicy, Subject, ToolOutput, ToolRequest, Verdict,
};
use serde::Deserialize;

/// Words with which a command begins that only looks.
const LOOKS: [&str; 3] = ["cat", "ls", "pwd"];
/// A command that begins so destroys things.
const DESTROYS: &str = "rm -rf";
/// A command with this in it writes a file.
const WRITES: char = '>';
/// Longer than anything here takes.
const TIMEOUT_MS: u64 = 60_000;

#[derive(Deserialize)]
struct Command {
    cmd: String,
    #[serde(default)]
    justification: Option<String>,
}

#[derive(Deserialize)]
struct Asking {
    questions: Vec<Question>,
    #[serde(default)]
    wait_ms: Option<u64>,
}

/// What is known of a call with the arguments of the real tool; none where it has others.
pub(super) fn preparation(request: &PrepareRequest, rules: &[String]) -> Option<Preparation> {
    let payload = &request.call.payload;
    match request.call.name.as_str() {
        "exec_command" => command(request, payload, rules),
        "apply_patch" if payload.text().contains("*** Begin Patch") => Some(patch(request)),
        "request_user_input" => {
            let Asking { questions, wait_ms } = serde_json::from_str(payload.text()).ok()?;
            Some(Preparation::reading(Subject::Questions { questions, wait_ms }, TIMEOUT_MS))
        }
        _ => None,
    }
}

fn command(request: &PrepareRequest, payload: &Payload, rules: &[String]) -> Option<Preparation> {
    let Command { cmd, justification } = serde_json::from_str(payload.text()).ok()?;
    let first = cmd.split_whitespace().next().unwrap_or_default();
    let looks = LOOKS.contains(&first) && !cmd.contains(WRITES);
    let rule = rules.iter().find(|rule| cmd.starts_with(rule.as_str()));
    let class = match (looks, cmd.starts_with(DESTROYS)) {
        (true, _) => Class::Safe,
        (false, true) => Class::Dangerous,
        (false, false) => Class::Ordinary,
    };
    Some(Preparation {
        access: if looks { Access::ReadOnly } else { Access::Mutating },
        repeat: if looks { Repeat::Safe } else { Repeat::Never },
        class,
        verdict: rule.map_or(Verdict::Silent, |rule| Verdict::Allow { rule: rule.clone() }),
        containment: Containment::Contained,
        subject: Subject::Command { command: vec![cmd.clone()], cwd: request.cwd.clone() },
        digest: format!("exec_command {}", payload.text()),
        timeout_ms: TIMEOUT_MS,
        justification,
        amendment: Some(first.to_owned()),
    })
}

fn patch(request: &PrepareRequest) -> Preparation {
    let containment = if request.sandbox == SandboxPolicy::ReadOnly {
        Containment::Escapes { reason: "the sandbox is read-only".into() }
    } else {
        Containment::Contained
    };
    Preparation { containment, ..super::preparation("apply_patch", request.call.payload.text()) }
}

/// What the sandbox makes of a command, where it stops it.
pub(super) fn denied(request: &ToolRequest) -> Option<ToolOutput> {
    let Command { cmd, .. } = serde_json::from_str(request.call.payload.text()).ok()?;
    let is_held = request.grant == Grant::Sandboxed && request.sandbox == SandboxPolicy::ReadOnly;
    (is_held && cmd.contains(WRITES)).then(|| ToolOutput {
        exit_code: Some(1),
        denial: Some("it was not allowed to write".into()),
        ..ToolOutput::text(OutputStatus::Failed, "Read-only file system")
    })
}

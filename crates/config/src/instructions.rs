//! What the model is told before the user speaks.

use agent_core::{ApprovalPolicy, SandboxPolicy, Settings};

/// The system prompt.
pub const BASE_INSTRUCTIONS: &str = include_str!("instructions.md");

/// The first context item of a thread: where it runs and what it may do.
pub fn environment_context(settings: &Settings) -> String {
    let sandbox = match &settings.sandbox {
        SandboxPolicy::ReadOnly => "read-only: files may be read, nothing may be changed".to_owned(),
        SandboxPolicy::WorkspaceWrite { writable_roots } if writable_roots.is_empty() => {
            "workspace-write: files below the working directory may be changed".to_owned()
        }
        SandboxPolicy::WorkspaceWrite { writable_roots } => format!(
            "workspace-write: files below the working directory and {} may be changed",
            writable_roots.join(", ")
        ),
        SandboxPolicy::DangerFullAccess => "full access".to_owned(),
        _ => "unknown".to_owned(),
    };
    let approval = match settings.approval {
        ApprovalPolicy::Untrusted => "untrusted: the user is asked about everything not known to be safe",
        ApprovalPolicy::OnFailure => "on-failure: the user is asked when something fails in the sandbox",
        ApprovalPolicy::OnRequest => "on-request: the user is asked about what the sandbox does not allow",
        ApprovalPolicy::Never => "never: what would need an answer is refused",
        _ => "granular",
    };
    format!(
        "<environment>\nworking directory: {}\nsandbox: {sandbox}\napproval policy: {approval}\n\
         </environment>",
        settings.cwd
    )
}

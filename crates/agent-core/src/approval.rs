//! Whether a call runs, is asked about, or is refused: one pure function, the same on every backend.

use crate::protocol::{
    Access, ApprovalPolicy, Class, Containment, Grant, Preparation, Route, SandboxPolicy, Settings, Subject,
    Verdict,
};
use std::collections::BTreeSet;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs.
    Run {
        /// How far it may go.
        grant: Grant,
    },
    /// The user is asked.
    Ask {
        /// Why.
        reason: String,
    },
    /// It does not run; the model is told.
    Refuse {
        /// Why, and what it can do instead.
        message: String,
    },
}

/// Decides about a call.
///
/// In this order: what a rule forbids is refused; what the user approved for the session, or a rule allows, runs;
/// what a rule wants asked, what is dangerous, what nothing confines, what would break the sandbox policy, and what
/// the model wants outside of it needs an answer; under `untrusted` so does everything not known to be safe; the
/// rest runs, held to the sandbox policy. Where an answer is needed and may not be asked for, the call is refused.
pub fn decide(settings: &Settings, call: &Preparation, session_approvals: &BTreeSet<String>) -> Decision {
    if let Verdict::Forbid { reason } = &call.verdict {
        return Decision::Refuse { message: format!("Forbidden by policy: {reason}") };
    }
    if session_approvals.contains(&call.digest) {
        return Decision::Run { grant: Grant::Unconfined };
    }
    let full_access = settings.sandbox == SandboxPolicy::DangerFullAccess;
    match question(settings, call, full_access) {
        None if full_access => Decision::Run { grant: Grant::Unconfined },
        None => Decision::Run { grant: Grant::Sandboxed },
        Some(reason) if may_ask(settings.approval, call) => Decision::Ask { reason },
        Some(reason) => Decision::Refuse {
            message: format!(
                "Not run: {reason}, and the approval policy does not allow asking the user. Find another way, or \
                 tell the user what they would have to allow."
            ),
        },
    }
}

/// Why the call needs an answer, `None` where it does not.
fn question(settings: &Settings, call: &Preparation, full_access: bool) -> Option<String> {
    if let Verdict::Ask { reason } = &call.verdict {
        return Some(format!("a policy rule asks: {reason}"));
    }
    let allowed = call.verdict == Verdict::Allow;
    match &call.containment {
        Containment::Escapes { reason } => return Some(reason.clone()),
        Containment::Uncontained { reason } if !(full_access || allowed) => return Some(reason.clone()),
        Containment::Uncontained { .. } | Containment::Contained => {}
    }
    if allowed {
        return None;
    }
    if let (Some(why), false) = (&call.justification, full_access) {
        return Some(format!("the agent wants to run this outside the sandbox: {why}"));
    }
    match (settings.approval, call.class, call.access) {
        (_, Class::Dangerous, _) => Some("the command is dangerous".into()),
        (ApprovalPolicy::Untrusted, Class::Ordinary, Access::Mutating) => {
            Some("the command is not known to be safe".into())
        }
        (
            ApprovalPolicy::Untrusted
            | ApprovalPolicy::OnFailure
            | ApprovalPolicy::OnRequest
            | ApprovalPolicy::Never
            | ApprovalPolicy::Granular(_),
            Class::Safe | Class::Ordinary,
            _,
        ) => None,
    }
}

fn may_ask(policy: ApprovalPolicy, call: &Preparation) -> bool {
    match policy {
        ApprovalPolicy::Never => false,
        ApprovalPolicy::Untrusted | ApprovalPolicy::OnFailure | ApprovalPolicy::OnRequest => true,
        ApprovalPolicy::Granular(granular) => {
            let route = match call.subject {
                Subject::Command { .. } => granular.commands,
                Subject::Patch { .. } => granular.patches,
                Subject::Plan { .. } | Subject::Other { .. } => granular.tools,
            };
            route == Route::Ask
        }
    }
}

//! Whether a call runs, is asked about, or is refused: one pure function, the same on every backend.

use crate::protocol::{
    Access, ApprovalPolicy, Class, Containment, Grant, Mode, Preparation, Route, SandboxPolicy, Settings,
    Subject, Verdict,
};
use crate::thread::refused_by_plan;
use std::collections::BTreeSet;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs.
    Run {
        /// How far it may go.
        grant: Grant,
        /// Who says so.
        basis: Basis,
    },
    /// The user is asked.
    Ask {
        /// Why.
        reason: String,
        /// How far it may go after a yes.
        grant: Grant,
    },
    /// It does not run; the model is told.
    Refuse {
        /// Why, and what it can do instead.
        message: String,
        /// Who says so.
        basis: Basis,
    },
}

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The approval and sandbox policies.
    Policy,
    /// A rule of the exec policy.
    Rule(String),
    /// What the user approved for the session.
    Session,
}

/// Decides about a call.
///
/// In this order: what a rule forbids is refused; what the user approved for the session runs; what a rule wants asked,
/// what would break the sandbox policy, what nothing confines, what is dangerous, and what the model wants outside of the
/// sandbox needs an answer, unless a rule allows it; under `untrusted` so does everything not known to be safe; the rest
/// runs, held to the sandbox policy. Where an answer is needed and may not be asked for, the call is refused. A yes, or a
/// rule, frees from the sandbox only what would leave it.
pub fn decide(settings: &Settings, call: &Preparation, session_approvals: &BTreeSet<String>) -> Decision {
    if let Verdict::Forbid { reason } = &call.verdict {
        let message = format!("Forbidden by policy: {reason}");
        return Decision::Refuse { message, basis: Basis::Rule(reason.clone()) };
    }
    if let Some(message) = refused_by_plan(settings.mode, call) {
        return Decision::Refuse { message, basis: Basis::Policy };
    }
    let full_access = *settings.bounds() == SandboxPolicy::DangerFullAccess;
    let confined = if full_access { Grant::Unconfined } else { Grant::Sandboxed };
    let Some((reason, grant)) = question(settings, call, confined) else {
        return match &call.verdict {
            Verdict::Allow { rule } => {
                let leaves = call.justification.is_some() || call.containment != Containment::Contained;
                let grant = if leaves { Grant::Unconfined } else { confined };
                Decision::Run { grant, basis: Basis::Rule(rule.clone()) }
            }
            Verdict::Silent | Verdict::Ask { .. } | Verdict::Forbid { .. } => {
                Decision::Run { grant: confined, basis: Basis::Policy }
            }
        };
    };
    if session_approvals.contains(&approved_as(&call.digest, grant)) {
        return Decision::Run { grant, basis: Basis::Session };
    }
    if may_ask(settings.approval, call, confined) {
        return Decision::Ask { reason, grant };
    }
    let message = match &call.justification {
        Some(_) if !full_access && settings.approval != ApprovalPolicy::Never => format!(
            "Not run: {reason}. Under this approval policy a call cannot ask to leave the sandbox. Run it inside, or tell \
             the user what they would have to allow."
        ),
        _ => format!(
            "Not run: {reason}, and the approval policy does not allow asking the user. Find another way, or tell the \
             user what they would have to allow."
        ),
    };
    Decision::Refuse { message, basis: Basis::Policy }
}

/// Why the call needs an answer and how far it may go after a yes, `None` where it needs none.
fn question(settings: &Settings, call: &Preparation, confined: Grant) -> Option<(String, Grant)> {
    let outside = |reason: &String| Some((reason.clone(), Grant::Unconfined));
    if let Verdict::Ask { reason } = &call.verdict {
        let grant = if call.containment == Containment::Contained { confined } else { Grant::Unconfined };
        return Some((format!("a policy rule asks: {reason}"), grant));
    }
    let allowed = matches!(call.verdict, Verdict::Allow { .. });
    match &call.containment {
        Containment::Escapes { reason } => return outside(reason),
        Containment::Uncontained { reason } if !(confined == Grant::Unconfined || allowed) => {
            return outside(reason);
        }
        Containment::Uncontained { .. } | Containment::Contained => {}
    }
    if allowed {
        return None;
    }
    if let (Some(why), Grant::Sandboxed) = (&call.justification, confined) {
        return outside(&format!("the agent wants to run this outside the sandbox: {why}"));
    }
    match (settings.approval, call.class, call.access) {
        (_, Class::Dangerous, _) => Some(("the command is dangerous".into(), confined)),
        (ApprovalPolicy::Untrusted, Class::Ordinary, Access::Mutating) => {
            Some(("the command is not known to be safe".into(), confined))
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

/// How a call stands among what was approved for the session: a yes inside of the sandbox is none outside of it, where the same
/// call may land on a machine that cannot confine it.
pub(crate) fn approved_as(digest: &str, grant: Grant) -> String {
    match grant {
        Grant::Sandboxed => digest.to_owned(),
        Grant::Unconfined => format!("{digest} outside"),
    }
}

/// Whether a failure in the sandbox is put to the user. While a plan is made, nothing leaves the sandbox.
pub(crate) fn asks_on_failure(settings: &Settings, grant: Grant) -> bool {
    settings.mode != Mode::Plan && settings.approval == ApprovalPolicy::OnFailure && grant == Grant::Sandboxed
}

fn may_ask(policy: ApprovalPolicy, call: &Preparation, confined: Grant) -> bool {
    match policy {
        ApprovalPolicy::Never => false,
        ApprovalPolicy::OnRequest => true,
        // Where nothing is confined there is nothing to leave.
        ApprovalPolicy::Untrusted | ApprovalPolicy::OnFailure => {
            call.justification.is_none() || confined == Grant::Unconfined
        }
        ApprovalPolicy::Granular(granular) => {
            let route = match call.subject {
                Subject::Command { .. } => granular.commands,
                Subject::Patch { .. } => granular.patches,
                Subject::Plan { .. }
                | Subject::Questions { .. }
                | Subject::Mcp { .. }
                | Subject::Client { .. }
                | Subject::Other { .. } => granular.tools,
            };
            route == Route::Ask
        }
    }
}

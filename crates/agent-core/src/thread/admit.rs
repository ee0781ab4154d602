//! Whether an op can be applied: decided before it is recorded, so that a refused op leaves no trace.

use super::{Life, Thread, turn::Stage};
use crate::protocol::{
    ApprovalDecision, Content, InteractionId, Mode, Op, Refusal, Subject, Submission, Tenant, TurnId,
    TurnOverrides,
};
use std::collections::BTreeMap;

/// A thread remembers so many op ids; storage remembers all.
pub const RECENT_OPS: usize = 1024;

/// So many inputs may wait for the running turn.
pub const MAX_QUEUED_INPUTS: usize = 64;

/// A thread's name is so long at most.
pub const MAX_NAME_CHARS: usize = 200;

/// What becomes of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It can be applied.
    Fresh,
    /// It was applied before; applying it again changes nothing but the input's number.
    Repeated,
    /// It cannot be applied.
    Refused(Refusal),
}

impl Thread {
    /// Whether this submission can be applied now.
    pub fn admit(&self, submission: &Submission) -> Admission {
        if submission.tenant == self.key.tenant && self.recent_ops.contains(&submission.op_id) {
            return Admission::Repeated;
        }
        match self.gate().refusal(submission) {
            Some(refusal) => Admission::Refused(refusal),
            None => Admission::Fresh,
        }
    }

    /// What decides over submissions as the thread is now.
    pub fn gate(&self) -> Gate {
        let question = |(id, call)| {
            let Stage::Asking { preparation, .. } = &self.call(call)?.stage else { return None };
            let answered_by = match preparation.subject {
                Subject::Patch { .. } => "patch_approval",
                Subject::Command { .. } | Subject::Plan { .. } | Subject::Other { .. } => "exec_approval",
            };
            Some((InteractionId::clone(id), answered_by))
        };
        Gate {
            tenant: self.key.tenant.clone(),
            life: self.life,
            turns: self.turns,
            is_running: self.turn.is_some(),
            queued: self.queue.len(),
            questions: self.pending.iter().filter_map(question).collect(),
        }
    }
}

/// The part of a thread that decides whether an op is refused: small, so that it can be kept where the thread itself is
/// out of reach. Repeated ops it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    tenant: Tenant,
    life: Life,
    turns: u32,
    is_running: bool,
    queued: usize,
    /// The questions that wait, each with the op that answers it.
    questions: BTreeMap<InteractionId, &'static str>,
}

impl Gate {
    /// Why a submission that was not applied before cannot be applied, if it cannot.
    pub fn refusal(&self, submission: &Submission) -> Option<Refusal> {
        if submission.tenant != self.tenant {
            return Some(Refusal::WrongTenant);
        }
        if let Some(expected) = submission.expected_turn
            && expected.0 != self.turns
        {
            return Some(Refusal::StaleTurn { expected, actual: TurnId(self.turns) });
        }
        match &submission.op {
            Op::UserTurn { items, overrides, output_schema: _ } => {
                self.closed().or_else(|| self.refuse_content(items)).or_else(|| refuse_overrides(overrides))
            }
            Op::UserInput { items } => self.closed().or_else(|| self.refuse_content(items)),
            Op::Interrupt => (!self.is_running).then_some(Refusal::NoTurn),
            Op::ExecApproval { id, decision } => self.refuse_answer(id, decision, "exec_approval"),
            Op::PatchApproval { id, decision } => self.refuse_answer(id, decision, "patch_approval"),
            Op::OverrideTurnContext { overrides } => self.closed().or_else(|| refuse_overrides(overrides)),
            Op::SetThreadName { name } => self.closed().or_else(|| refuse_name(name)),
            Op::Shutdown { now: _ } => (self.life == Life::Closed).then_some(Refusal::Closed),
            Op::UserInputAnswer { .. }
            | Op::ResolveElicitation { .. }
            | Op::DynamicToolResponse { .. }
            | Op::Compact
            | Op::Review { .. }
            | Op::Undo
            | Op::Rollback { .. }
            | Op::RunUserShellCommand { .. }
            | Op::AddToHistory { .. }
            | Op::GetHistoryEntry { .. }
            | Op::ListMcpTools
            | Op::ListCustomPrompts
            | Op::ListSkills
            | Op::ListModels
            | Op::Unknown(_) => Some(Refusal::NotServed { what: submission.op.name().to_owned() }),
        }
    }

    fn closed(&self) -> Option<Refusal> {
        match self.life {
            Life::New | Life::Open => None,
            Life::Closing | Life::Closed => Some(Refusal::Closed),
        }
    }

    fn refuse_content(&self, content: &[Content]) -> Option<Refusal> {
        let says_something = content.iter().any(|part| match part {
            Content::Text { text } => !text.trim().is_empty(),
            Content::Blob { .. } | Content::Mention { .. } | Content::Skill { .. } => true,
        });
        if !says_something {
            return Some(Refusal::Malformed { why: "the message is empty".into() });
        }
        (self.queued >= MAX_QUEUED_INPUTS).then(|| Refusal::Overloaded {
            what: "messages that wait for the running turn".into(),
            limit: MAX_QUEUED_INPUTS as u64,
        })
    }

    fn refuse_answer(&self, id: &InteractionId, decision: &ApprovalDecision, op: &str) -> Option<Refusal> {
        if let ApprovalDecision::ApprovedWithAmendment { .. } = decision {
            return Some(Refusal::NotServed { what: format!("{op} with a policy amendment") });
        }
        let Some(wanted) = self.questions.get(id) else {
            return Some(Refusal::UnknownInteraction { id: id.clone() });
        };
        (*wanted != op).then(|| Refusal::WrongInteraction { id: id.clone(), wanted: (*wanted).into() })
    }
}

fn refuse_name(name: &str) -> Option<Refusal> {
    let chars = name.chars().count();
    (name.trim().is_empty() || chars > MAX_NAME_CHARS).then(|| Refusal::Malformed {
        why: format!("a name has 1 to {MAX_NAME_CHARS} characters, this one {chars}"),
    })
}

fn refuse_overrides(overrides: &TurnOverrides) -> Option<Refusal> {
    if overrides.personality.is_some() {
        return Some(Refusal::NotServed { what: "personality".into() });
    }
    match overrides.mode {
        None | Some(Mode::Code) => None,
        Some(Mode::Plan | Mode::Pair | Mode::Execute) => Some(Refusal::NotServed { what: "mode".into() }),
    }
}

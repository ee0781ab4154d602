//! Whether an op can be applied: decided before it is recorded, so that a refused op leaves no trace.

use super::{
    Life, Thread, Undoable,
    turn::{About, Stage},
    user_command::MAX_USER_COMMANDS,
};
use crate::protocol::{
    ApprovalDecision, CompactAt, Content, InteractionId, Op, Refusal, ReviewRequest, RollbackFiles, Subject,
    Submission, Tenant, ToolSpec, TurnId, TurnOverrides,
};
use std::collections::{BTreeMap, BTreeSet};

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
            let Stage::Asking { preparation, about, .. } = &self.call(call)?.stage else { return None };
            let answered_by = match (&**about, &preparation.subject) {
                (About::Questions, _) => Answer::UserInput,
                (About::Elicitation { .. }, _) => Answer::Elicitation,
                (About::Client, _) => Answer::ClientTool,
                (About::Approval | About::Escalation { .. }, Subject::Patch { .. }) => Answer::Patch,
                (About::Approval | About::Escalation { .. }, _) => Answer::Exec,
            };
            let lines = match &preparation.subject {
                Subject::Command { command, .. } => {
                    command.last().cloned().into_iter().chain([command.join(" ")]).collect()
                }
                _ => Vec::new(),
            };
            let open = Open { answer: answered_by, offered: preparation.amendment.clone(), lines };
            Some((InteractionId::clone(id), open))
        };
        Gate {
            tenant: self.key.tenant.clone(),
            life: self.life,
            turns: self.turns,
            is_running: self.turn.is_some(),
            is_at_rest: self.is_at_rest(),
            undoable: self.undoable().collect(),
            user_commands: self.user_commands.len(),
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
    is_at_rest: bool,
    /// The newest first.
    undoable: Vec<Undoable>,
    user_commands: usize,
    queued: usize,
    /// The questions that wait, each with the op that answers it.
    questions: BTreeMap<InteractionId, Open>,
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    answer: Answer,
    /// The rule that was offered with it, if one was.
    offered: Option<String>,
    /// The command as one line, where it is one.
    lines: Vec<String>,
}

impl Open {
    /// Whether a rule is about this call: it says the first words of the command, or more words than the rule that was offered.
    fn is_about(&self, rule: &str) -> bool {
        let begins = |line: &str, with: &str| {
            !with.trim().is_empty()
                && line.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        self.lines.iter().chain(&self.offered).any(|line| begins(line, rule))
            || self.offered.as_ref().is_some_and(|offered| begins(rule, offered))
    }
}

/// The op that answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Exec,
    Patch,
    UserInput,
    Elicitation,
    ClientTool,
}

impl Answer {
    /// As ops are called on the wire.
    fn op(self) -> &'static str {
        match self {
            Self::Exec => "exec_approval",
            Self::Patch => "patch_approval",
            Self::UserInput => "user_input_answer",
            Self::Elicitation => "resolve_elicitation",
            Self::ClientTool => "dynamic_tool_response",
        }
    }
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
            Op::Interrupt => (!self.is_running && self.user_commands == 0).then_some(Refusal::NoTurn),
            Op::ExecApproval { id, decision } => {
                self.refuse_answer(id, Answer::Exec).or_else(|| self.refuse_amendment(id, decision))
            }
            Op::PatchApproval { id, decision: ApprovalDecision::ApprovedWithAmendment { .. } } => {
                self.refuse_answer(id, Answer::Patch).or_else(|| {
                    Some(Refusal::Malformed { why: "only commands have rules; approve the patch".into() })
                })
            }
            Op::PatchApproval { id, decision: _ } => self.refuse_answer(id, Answer::Patch),
            Op::UserInputAnswer { id, answers: _ } => self.refuse_answer(id, Answer::UserInput),
            Op::ResolveElicitation { id, response: _ } => self.refuse_answer(id, Answer::Elicitation),
            Op::DynamicToolResponse { id, response: _ } => self.refuse_answer(id, Answer::ClientTool),
            Op::RunUserShellCommand { command } => self.closed().or_else(|| self.refuse_command(command)),
            Op::OverrideTurnContext { overrides } => self.closed().or_else(|| refuse_overrides(overrides)),
            Op::SetThreadName { name } => self.closed().or_else(|| refuse_name(name)),
            Op::Shutdown { now: _ } => (self.life == Life::Closed).then_some(Refusal::Closed),
            Op::Compact => self.closed().or_else(|| self.refuse_more()),
            Op::Review { request } => {
                self.closed().or_else(|| self.refuse_unrest()).or_else(|| refuse_review(request))
            }
            Op::Undo => self.closed().or_else(|| self.refuse_rollback(1, RollbackFiles::Restore)),
            Op::Rollback { turns, files } => self.closed().or_else(|| self.refuse_rollback(*turns, *files)),
            // Who answers these never brings them here.
            Op::AddToHistory { .. }
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
        self.refuse_more()
    }

    fn refuse_more(&self) -> Option<Refusal> {
        (self.queued >= MAX_QUEUED_INPUTS).then(|| Refusal::Overloaded {
            what: "messages that wait for the running turn".into(),
            limit: MAX_QUEUED_INPUTS as u64,
        })
    }

    fn refuse_unrest(&self) -> Option<Refusal> {
        (!self.is_at_rest).then_some(Refusal::TurnRunning)
    }

    fn refuse_rollback(&self, turns: u32, files: RollbackFiles) -> Option<Refusal> {
        if turns == 0 {
            return Some(Refusal::Malformed { why: "at least one turn is taken back".into() });
        }
        if !self.is_at_rest {
            return Some(Refusal::TurnRunning);
        }
        let count = usize::try_from(turns).unwrap_or(usize::MAX);
        let why = match self.undoable.len() {
            0 => "there is no turn to take back".to_owned(),
            kept if count > kept => {
                format!("only the last {kept} can be taken back; a fork of the thread can begin at any turn")
            }
            _ => self.undoable.iter().take(count).find_map(|turn| turn.objection(files))?,
        };
        Some(Refusal::NotRestorable { why })
    }

    fn refuse_answer(&self, id: &InteractionId, op: Answer) -> Option<Refusal> {
        let Some(Open { answer: wanted, .. }) = self.questions.get(id) else {
            return Some(Refusal::UnknownInteraction { id: id.clone() });
        };
        (*wanted != op).then(|| Refusal::WrongInteraction { id: id.clone(), wanted: wanted.op().into() })
    }

    /// A rule that speaks of something else was not what the user looked at.
    fn refuse_amendment(&self, id: &InteractionId, decision: &ApprovalDecision) -> Option<Refusal> {
        let ApprovalDecision::ApprovedWithAmendment { rule } = decision else { return None };
        let open = self.questions.get(id)?;
        (!open.is_about(rule)).then(|| Refusal::Malformed {
            why: format!("the rule `{rule}` is not about this call; it has to begin as the command does"),
        })
    }

    fn refuse_command(&self, command: &str) -> Option<Refusal> {
        if command.trim().is_empty() || command.contains('\0') {
            return Some(Refusal::Malformed { why: "the command is empty or has a NUL in it".into() });
        }
        (self.user_commands >= MAX_USER_COMMANDS).then(|| Refusal::Overloaded {
            what: "commands of yours that run at once".into(),
            limit: MAX_USER_COMMANDS as u64,
        })
    }
}

fn refuse_client_tools(tools: &[ToolSpec]) -> Option<Refusal> {
    let mut names = BTreeSet::new();
    let fault = tools.iter().find(|tool| tool.name.is_empty() || !names.insert(&tool.name))?;
    Some(Refusal::Malformed {
        why: format!("the client's tool `{}` is there twice, or has no name", fault.name),
    })
}

fn refuse_name(name: &str) -> Option<Refusal> {
    let chars = name.chars().count();
    (name.trim().is_empty() || chars > MAX_NAME_CHARS).then(|| Refusal::Malformed {
        why: format!("a name has 1 to {MAX_NAME_CHARS} characters, this one {chars}"),
    })
}

fn refuse_overrides(overrides: &TurnOverrides) -> Option<Refusal> {
    if let Some(refusal) = overrides.client_tools.as_deref().and_then(refuse_client_tools) {
        return Some(refusal);
    }
    match overrides.compact_at {
        Some(CompactAt::Percent(share)) if share > 100 => Some(Refusal::Malformed {
            why: format!(
                "a conversation cannot be summarised at {share} % of the window; 1 to 100 are, 0 is never"
            ),
        }),
        Some(CompactAt::Tokens(0)) => Some(Refusal::Malformed {
            why: "no conversation has 0 tokens, so it would be summarised for ever; give a number above it, or `never`"
                .into(),
        }),
        _ => None,
    }
}

fn refuse_review(request: &ReviewRequest) -> Option<Refusal> {
    let (what, text) = match request {
        ReviewRequest::Uncommitted => return None,
        ReviewRequest::BaseBranch { branch } => ("branch", branch),
        ReviewRequest::Commit { sha, .. } => ("commit", sha),
        ReviewRequest::Custom { instructions } => ("instruction", instructions),
    };
    text.trim().is_empty().then(|| Refusal::Malformed { why: format!("the review names no {what}") })
}

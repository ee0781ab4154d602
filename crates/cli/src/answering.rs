//! What a user answers to a question: typed in a conversation, line by line, or said whole on a command line.
//!
//! * `field` reads the form that an MCP server sends.
//! * [`Dialogue`] is a question being answered in a conversation; [`said`] makes an op of a command line.

mod dialogue;
mod field;
mod said;

pub(crate) use dialogue::{Dialogue, Taken};
pub(crate) use field::{Field, fields};
pub(crate) use said::{Said, approval, said};

use agent_core::{EventKind, InteractionId, Op, Question};

/// The answer to a question with options that a number, a label or other text means.
fn option_or_text(question: &Question, text: &str) -> String {
    let text = text.trim();
    let by_label = question.options.iter().find(|option| option.label.eq_ignore_ascii_case(text));
    let by_number = || {
        let number: usize = text.parse().ok()?;
        question.options.get(number.checked_sub(1)?)
    };
    by_label.or_else(by_number).map_or_else(|| text.to_owned(), |option| option.label.clone())
}

/// The op that answers a question of approval.
fn decide(question: &EventKind, id: InteractionId, decision: agent_core::ApprovalDecision) -> Option<Op> {
    match question {
        EventKind::PatchApprovalRequest(_) => Some(Op::PatchApproval { id, decision }),
        EventKind::ExecApprovalRequest(_) => Some(Op::ExecApproval { id, decision }),
        _ => None,
    }
}

//! Questions that wait for an answer.

use crate::protocol::{Event, EventKind, InteractionId, ThreadKey};
use serde::{Deserialize, Serialize};

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingInteraction {
    /// Who asks.
    #[serde(flatten)]
    pub key: ThreadKey,
    /// What the answer refers to.
    pub id: InteractionId,
    /// The thread's name, or else its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The question.
    pub question: Event,
}

impl PendingInteraction {
    /// The questions that these events of a thread ask and do not settle, in their order, without a title.
    pub fn all_of(key: &ThreadKey, events: impl IntoIterator<Item = Event>) -> Vec<Self> {
        let mut open: Vec<Self> = Vec::new();
        for event in events {
            if let EventKind::InteractionResolved { id, .. } = &event.kind {
                open.retain(|pending| pending.id != *id);
            }
            if let Some(id) = question(&event) {
                open.push(Self { key: key.clone(), id: id.clone(), title: None, question: event });
            }
        }
        open
    }
}

/// The question an event asks, if it asks one.
pub fn question(event: &Event) -> Option<&InteractionId> {
    match &event.kind {
        EventKind::ExecApprovalRequest(request) => Some(&request.id),
        EventKind::PatchApprovalRequest(request) => Some(&request.id),
        EventKind::RequestUserInput { id, .. }
        | EventKind::ElicitationRequest { id, .. }
        | EventKind::DynamicToolCallRequest { id, .. } => Some(id),
        _ => None,
    }
}

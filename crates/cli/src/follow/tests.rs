//! What a follower makes of updates that go back.

use super::*;
use crate::view::{HumanView, Style};
use agent_core::{
    Accepted, CallId, ExecApproval, ItemDetail, Notice, SessionError, Tenant, ThreadId, ThreadKey,
    TokenUsage, TurnItem,
};
use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use std::sync::{Mutex, PoisonError};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session that tells what it was given, the next part with each reading.
struct Told {
    key: ThreadKey,
    parts: Mutex<Vec<Vec<Update>>>,
    read_from: Mutex<Vec<u64>>,
}

#[async_trait]
impl AgentSession for Told {
    fn key(&self) -> &ThreadKey {
        &self.key
    }

    async fn submit(&self, _: Submission) -> Result<Accepted, SessionError> {
        Err(SessionError::UnknownThread { id: self.key.to_string() })
    }

    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        self.read_from.lock().unwrap_or_else(PoisonError::into_inner).push(after.seq);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let part = if parts.is_empty() { Vec::new() } else { parts.remove(0) };
        stream::iter(part.into_iter().map(Ok)).chain(stream::pending()).boxed()
    }
}

fn event(seq: u64, kind: EventKind) -> Update {
    Update::Event(Event { seq, at_ms: seq, turn: None, kind })
}

fn asked(id: &str) -> EventKind {
    EventKind::ExecApprovalRequest(ExecApproval {
        id: InteractionId::new(id),
        call: CallId::new("call_1"),
        command: vec!["make".into()],
        cwd: "/work".into(),
        reason: "it changes files".into(),
        grant_root: None,
        risk: None,
    })
}

fn began(id: &str) -> EventKind {
    let detail = ItemDetail::AgentMessage { text: String::new(), cut: false };
    EventKind::ItemStarted { item: TurnItem { id: ItemId::new(id), detail } }
}

fn done(message: &str) -> EventKind {
    let end = TurnEnd::Final { message: Some(message.into()) };
    EventKind::TurnCompleted { end, usage: TokenUsage::default() }
}

/// Follows these parts, each to the end of a turn; what came of the last one.
async fn follow(parts: Vec<Vec<Update>>) -> (Exit, Vec<String>, Option<String>, Vec<u64>) {
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("0199-aaaa") };
    let count = parts.len();
    let session = Told { key, parts: Mutex::new(parts), read_from: Mutex::default() };
    let mut view = HumanView::new(Vec::new(), Style::Plain, false);
    let mut follower = Follower::new(&session, &mut view, 0);
    let mut exit = Exit::Failed;
    for _ in 0..count {
        let following = follower.follow(Until::TurnEnds, User::Absent);
        exit = tokio::time::timeout(PATIENCE, following).await.expect("it follows for ever").unwrap();
    }
    let waiting = follower.waiting().map(ToString::to_string).collect();
    let message = follower.final_message().map(str::to_owned);
    let read_from = session.read_from.lock().unwrap().clone();
    (exit, waiting, message, read_from)
}

#[tokio::test]
async fn a_question_that_was_taken_back_waits_no_more() {
    let updates = vec![
        event(1, EventKind::TurnStarted),
        event(2, asked("a-1")),
        Update::Rewind { to: 1 },
        event(2, done("without asking")),
    ];
    let told = (Exit::Done, Vec::new(), Some("without asking".to_owned()), vec![0]);
    assert_eq!(follow(vec![updates]).await, told);
}

#[tokio::test]
async fn an_answer_that_was_taken_back_leaves_its_question_open() {
    let resolved = EventKind::InteractionResolved {
        id: InteractionId::new("a-1"),
        outcome: agent_core::InteractionOutcome::Answered(ApprovalDecision::Approved),
        actor: "cli".into(),
    };
    let updates = vec![
        event(1, EventKind::TurnStarted),
        event(2, asked("a-1")),
        event(3, resolved),
        // With something running and no question, nothing would be waited for.
        event(4, began("item_1")),
        Update::Rewind { to: 2 },
    ];
    let told = (Exit::Waiting, vec!["a-1".to_owned()], None, vec![0]);
    assert_eq!(follow(vec![updates]).await, told);
}

#[tokio::test]
async fn the_next_reading_begins_where_the_last_one_went_back_to() {
    let first = vec![
        event(1, EventKind::TurnStarted),
        event(2, began("item_1")),
        event(3, began("item_2")),
        Update::Rewind { to: 1 },
        event(2, done("first")),
    ];
    let second = vec![event(3, EventKind::TurnStarted), event(4, done("second"))];
    let told = (Exit::Done, Vec::new(), Some("second".to_owned()), vec![0, 2]);
    assert_eq!(follow(vec![first, second]).await, told);
}

#[tokio::test]
async fn a_notice_ends_nothing() {
    let away = Notice::WorkerAway { message: "no worker polls the queue".into() };
    let updates =
        vec![event(1, EventKind::TurnStarted), Update::Notice(away), event(2, done("all the same"))];
    let told = (Exit::Done, Vec::new(), Some("all the same".to_owned()), vec![0]);
    assert_eq!(follow(vec![updates]).await, told);
}

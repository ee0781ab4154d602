//! What a follower makes of updates that go back.

use super::*;
use crate::view::{HumanView, Style};
use agent_core::{
    Accepted, ApprovalDecision, ExecApproval, InteractionId, Notice, OutputStatus, Question, SessionError,
    Tenant, ThreadId, ThreadKey, TokenUsage, ToolOutput, TurnItem,
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
    submitted: Mutex<Vec<Op>>,
}

impl Told {
    fn new(parts: Vec<Vec<Update>>) -> Self {
        let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("0199-aaaa") };
        Self { key, parts: Mutex::new(parts), read_from: Mutex::default(), submitted: Mutex::default() }
    }
}

#[async_trait]
impl AgentSession for Told {
    fn key(&self) -> &ThreadKey {
        &self.key
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).push(submission.op);
        Ok(Accepted { turn: None, event_seq: 0, repeated: false, listing: None })
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
        amendment: None,
        deadline_ms: None,
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
    let count = parts.len();
    let session = Told::new(parts);
    let mut view = HumanView::new(Vec::new(), Style::Plain, false);
    let mut follower = Follower::new(&session, &mut view, 0);
    let mut exit = Exit::Failed;
    for _ in 0..count {
        let following = follower.follow(Until::TurnEnds, User::Absent);
        exit = tokio::time::timeout(PATIENCE, following).await.expect("it follows for ever").unwrap();
    }
    let waiting = follower.waiting().map(|question| question.id().to_string()).collect();
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

fn users(id: &str, output: Option<ToolOutput>) -> EventKind {
    let is_done = output.is_some();
    let detail = ItemDetail::UserCommand { command: "ls".into(), cwd: "/work".into(), output };
    let item = TurnItem { id: ItemId::new(id), detail };
    if is_done { EventKind::ItemCompleted { item } } else { EventKind::ItemStarted { item } }
}

#[tokio::test]
async fn a_command_of_the_user_ends_a_following_until_rest_and_no_turn() {
    let output = || Some(ToolOutput::text(OutputStatus::Ok, "a"));
    let beside = vec![
        event(1, EventKind::TurnStarted),
        event(2, users("in_2", None)),
        event(3, users("in_2", output())),
        event(4, done("said")),
    ];
    let alone = vec![event(5, users("in_5", None)), event(6, users("in_5", output()))];
    let session = Told::new(vec![beside, alone]);
    let mut view = HumanView::new(Vec::new(), Style::Plain, false);
    let mut follower = Follower::new(&session, &mut view, 0);
    for last in [4, 6] {
        let following = follower.follow(Until::Rests, User::Absent);
        let exit = tokio::time::timeout(PATIENCE, following).await.expect("it follows for ever").unwrap();
        assert_eq!((exit, &follower.cursor), (Exit::Done, &Cursor::after(last)));
    }
}

#[tokio::test]
async fn what_is_typed_answers_the_oldest_question_and_a_mark_makes_it_a_command() {
    let asks = |id: &str, ids: &[&str]| {
        let question = |id: &&str| Question {
            id: (*id).into(),
            header: String::new(),
            question: "Which?".into(),
            options: Vec::new(),
            default: None,
        };
        EventKind::RequestUserInput {
            id: InteractionId::new(id),
            call: CallId::new("call_2"),
            questions: ids.iter().map(question).collect(),
            deadline_ms: None,
        }
    };
    let updates = vec![
        event(1, EventKind::TurnStarted),
        event(2, asks("q-10", &["name", "place"])),
        event(3, asked("q-2")),
        event(4, done("never mind")),
    ];
    let session = Told::new(vec![updates]);
    let mut view = HumanView::new(Vec::new(), Style::Plain, false);
    let mut follower = Follower::new(&session, &mut view, 0);
    follower.follow(Until::TurnEnds, User::Absent).await.unwrap();
    for line in ["me", "!ls -l", "here"] {
        follower.say(line).await.unwrap();
    }
    let answers = [("name", "me"), ("place", "here")];
    let answers = answers.map(|(id, text)| (id.to_owned(), vec![text.to_owned()])).into();
    let expected = [
        Op::RunUserShellCommand { command: "ls -l".into() },
        Op::UserInputAnswer { id: InteractionId::new("q-10"), answers },
    ];
    assert_eq!(*session.submitted.lock().unwrap(), expected);
}

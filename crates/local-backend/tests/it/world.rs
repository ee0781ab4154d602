//! A home directory, a scripted model, and how to wait for things.

use agent_core::{
    Accepted, AgentSession, ApprovalPolicy, Content, Cursor, Event, EventKind, Genesis, Item, ModelItem,
    ModelRequest, NetworkAccess, Op, OpId, Payload, Redactor, SandboxPolicy, SessionError, Settings,
    Submission, Tenant, TurnEnd, Update,
    testing::{FakeModel, FakeTools, response},
};
use futures::{StreamExt, stream::BoxStream};
use local_backend::{Database, DatabaseConfig, Durability, LocalBackend, LocalSession, Services};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) backend: LocalBackend,
    pub(crate) tools: Arc<FakeTools>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let tools = Arc::new(FakeTools::default());
        let backend = backend(home.path(), Arc::clone(&tools)).await;
        Self { home, backend, tools }
    }

    pub(crate) fn database(&self) -> &Database {
        self.backend.database()
    }

    pub(crate) async fn start(&self) -> LocalSession {
        self.backend.start(Tenant::default(), genesis()).await.unwrap()
    }
}

pub(crate) async fn open(home: &Path) -> Database {
    let config = DatabaseConfig { home: home.to_owned(), durability: Durability::Process };
    Database::open(config).await.unwrap()
}

pub(crate) async fn backend(home: &Path, tools: Arc<FakeTools>) -> LocalBackend {
    let services = Services {
        model: Arc::new(FakeModel::new(obey)),
        tools,
        redactor: Redactor::new(["sk-very-secret".to_owned()]),
        workspace: Arc::new(()),
        library: None,
        sink: None,
    };
    LocalBackend::new(open(home).await, services)
}

pub(crate) fn genesis() -> Genesis {
    let settings = Settings {
        approval: ApprovalPolicy::OnRequest,
        sandbox: SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: NetworkAccess::Off },
        ..Settings::new("/work", "scripted")
    };
    Genesis { settings, ..Genesis::default() }
}

/// A model that does what the user says: each word after `call` is a tool, called one after another; then it says
/// `done`. Anything else it repeats.
fn obey(request: &ModelRequest) -> Vec<Result<agent_core::ModelEvent, agent_core::ModelError>> {
    let items = &request.conversation.items;
    let user = items.iter().rposition(|item| matches!(**item, Item::User { .. })).unwrap();
    let Item::User { content } = &*items[user] else { unreachable!() };
    let Some(Content::Text { text }) = content.first() else { unreachable!() };
    let answered = items[user..].iter().filter(|item| matches!(***item, Item::Output { .. })).count();
    let item = match text.strip_prefix("call ").map(|tools| tools.split(' ').nth(answered)) {
        Some(Some(tool)) => ModelItem::Call {
            name: tool.to_owned(),
            payload: Payload::Function { arguments: format!("{{\"n\":{answered}}}") },
        },
        Some(None) => ModelItem::Message { text: "done".into() },
        None => ModelItem::Message { text: format!("you said: {text}") },
    };
    response([item])
}

pub(crate) fn op(id: &str, op: Op) -> Submission {
    Submission::new(OpId::new(id), "test", op)
}

pub(crate) fn say(id: &str, text: &str) -> Submission {
    op(id, Op::UserInput { items: vec![Content::text(text)] })
}

/// Submits within a bound.
pub(crate) async fn submit(
    session: &impl AgentSession,
    submission: Submission,
) -> Result<Accepted, SessionError> {
    soon(session.submit(submission)).await
}

/// The future's value, or a failed test.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Reads durable events of a session from a cursor on.
pub(crate) struct Events {
    stream: BoxStream<'static, Result<Update, SessionError>>,
    pub(crate) read: Vec<Event>,
}

impl Events {
    pub(crate) fn of(session: &impl AgentSession, after: u64) -> Self {
        Self { stream: session.updates(Cursor::after(after)), read: Vec::new() }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Event, SessionError>> {
        loop {
            match soon(self.stream.next()).await? {
                Ok(Update::Event(event)) => {
                    self.read.push(event.clone());
                    return Some(Ok(event));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Reads until an event fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&EventKind) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the events ended").expect("the events failed");
            if fits(&event.kind) {
                return event;
            }
        }
    }

    /// Reads until the turn has ended.
    pub(crate) async fn turn_end(&mut self) -> EventKind {
        self.until(EventKind::is_terminal).await.kind
    }
}

/// Has a turn done.
pub(crate) async fn turn(session: &impl AgentSession, id: &str, text: &str) -> EventKind {
    let seq = submit(session, say(id, text)).await.unwrap().event_seq;
    Events::of(session, seq).turn_end().await
}

pub(crate) fn said(kind: &EventKind) -> &str {
    match kind {
        EventKind::TurnCompleted { end: TurnEnd::Final { message: Some(message) }, .. } => message,
        other => panic!("the turn should have ended with a message, but: {other:?}"),
    }
}

/// All events of a thread, as they are stored.
pub(crate) async fn stored(session: &LocalSession) -> Vec<Event> {
    session.reader().events(0, usize::MAX).await.unwrap()
}

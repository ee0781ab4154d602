//! Where a thread is looked for, and what that costs.

use super::*;
use crate::exit::Exit;
use agent_core::{CallId, Event, EventKind, Server, Source, ThreadId, ThreadStatus};
use config::Backend as Kind;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;

/// A backend that only lists.
struct Shelf {
    kind: Kind,
    threads: Vec<ThreadSummary>,
    questions: Vec<PendingInteraction>,
    closed: Arc<AtomicUsize>,
}

fn not_asked<T>() -> Result<T, Failure> {
    Err(Failure::new(Exit::Failed, "the test does not ask for this"))
}

#[async_trait]
impl super::Home for Shelf {}

#[async_trait]
impl Backend for Shelf {
    fn kind(&self) -> Kind {
        self.kind
    }
    async fn start(&self, _: Tenant, _: Genesis) -> Result<Box<dyn ServedSession>, Failure> {
        not_asked()
    }
    async fn resume(&self, _: &ThreadKey) -> Result<Box<dyn ServedSession>, Failure> {
        not_asked()
    }
    async fn snapshot_at(&self, _: &ThreadKey, _: ForkPoint) -> Result<Option<Snapshot>, Failure> {
        not_asked()
    }
    async fn resume_unless_served(&self, _: &ThreadKey) -> Result<Option<Box<dyn ServedSession>>, Failure> {
        not_asked()
    }
    async fn fork(&self, _: &ThreadKey, _: ForkPoint) -> Result<Box<dyn ServedSession>, Failure> {
        not_asked()
    }
    async fn attach(&self, _: &ThreadKey) -> Result<Box<dyn RemoteSession>, Failure> {
        not_asked()
    }
    async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, Failure> {
        let found = self.threads.iter().find(|thread| thread.key == *key).cloned();
        found.ok_or_else(|| Failure::usage("no such thread"))
    }
    async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, Failure> {
        Ok(filter.choose(self.threads.clone()))
    }
    async fn delete(&self, _: &ThreadKey) -> Result<(), Failure> {
        not_asked()
    }
    async fn events(&self, _: &ThreadKey, _: u64, _: usize) -> Result<Vec<Event>, Failure> {
        not_asked()
    }
    async fn pending(&self, _: &Tenant) -> Result<Vec<PendingInteraction>, Failure> {
        Ok(self.questions.clone())
    }
    async fn questions(&self, _: &ThreadKey) -> Result<Vec<PendingInteraction>, Failure> {
        not_asked()
    }
    async fn settings_of(&self, _: &ThreadKey) -> Result<Settings, Failure> {
        not_asked()
    }
    async fn close(&self) -> Result<(), Failure> {
        self.closed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn key(id: &str) -> ThreadKey {
    ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(id) }
}

fn thread(id: &str, updated_ms: u64) -> ThreadSummary {
    ThreadSummary {
        key: key(id),
        created_ms: 1,
        updated_ms,
        name: None,
        title: Some(id.to_owned()),
        cwd: "/work".into(),
        model: "scripted".into(),
        source: Source::Cli,
        status: ThreadStatus::Resting,
        served_by: Some(Server::Process { pid: None }),
        turns: 1,
        last_event: 3,
        generation: 1,
        forked_from: None,
    }
}

fn question(id: &str) -> PendingInteraction {
    let id = InteractionId::new(id);
    let call = CallId::new("call_1");
    let kind = EventKind::RequestUserInput { id: id.clone(), call, questions: Vec::new(), deadline_ms: None };
    PendingInteraction {
        key: key("asks"),
        id,
        title: None,
        question: Event { seq: 1, at_ms: 1, turn: None, kind },
    }
}

/// Two backends, and how often the second one was opened.
struct World {
    home: TempDir,
    backends: Backends,
    opened: Arc<AtomicUsize>,
    closed: [Arc<AtomicUsize>; 2],
}

/// Whether the server of the second one answers.
#[derive(Clone, Copy)]
enum Reach {
    Up,
    Away,
}

impl World {
    /// `local` and `temporal` are threads with the time of their last change.
    fn new(local: &[(&str, u64)], temporal: &[(&str, u64)], server: Reach) -> Self {
        let home = tempfile::tempdir().unwrap();
        let shelf = |kind, threads: &[(&str, u64)], asks: &str| Shelf {
            kind,
            threads: threads.iter().map(|(id, updated)| thread(id, *updated)).collect(),
            questions: vec![question(asks)],
            closed: Arc::default(),
        };
        let (local, temporal) = (shelf(Kind::Local, local, "l-1"), shelf(Kind::Temporal, temporal, "t-1"));
        let closed = [Arc::clone(&local.closed), Arc::clone(&temporal.closed)];
        let opened = Arc::new(AtomicUsize::new(0));
        let (count, temporal) = (Arc::clone(&opened), Arc::new(temporal));
        let open: backends::Open = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let temporal: Arc<dyn Backend> = Arc::clone(&temporal) as _;
            let result = match server {
                Reach::Up => Ok(temporal),
                Reach::Away => Err(Failure::new(Exit::Backend, "127.0.0.1:1 does not answer")),
            };
            Box::pin(async { result })
        });
        let marker = marker(home.path());
        let backends = Backends::new(Arc::new(local), open, Kind::Local, marker);
        Self { home, backends, opened, closed }
    }

    fn used(self) -> Self {
        std::fs::create_dir(marker(self.home.path())).unwrap();
        self
    }

    fn with(self, change: impl FnOnce(Backends) -> Backends) -> Self {
        Self { backends: change(self.backends), ..self }
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    async fn find(&self, id: &str) -> Result<String, String> {
        named(self.backends.find(&Tenant::default(), id).await.map(Some)).map(Option::unwrap_or_default)
    }

    async fn last(&self) -> Result<Option<String>, String> {
        named(self.backends.last(&Tenant::default()).await)
    }

    async fn list(&self) -> Result<Vec<(String, Kind)>, String> {
        let all = self.backends.list(&ThreadFilter::of(Tenant::default())).await;
        let named = |listed: Listed| (listed.thread.key.thread.to_string(), listed.backend);
        all.map(|all| all.into_iter().map(named).collect()).map_err(|failure| failure.message)
    }
}

fn named(place: Result<Option<Place>, Failure>) -> Result<Option<String>, String> {
    place.map(|place| place.map(|place| place.key().thread.to_string())).map_err(|failure| failure.message)
}

#[tokio::test]
async fn whoever_never_used_temporal_pays_nothing_for_it() {
    let world = World::new(&[("local-1", 5)], &[("temporal-1", 9)], Reach::Up);
    assert_eq!(world.find("local-1").await, Ok("local-1".into()));
    let unknown = "there is no thread temporal-1; everturn sessions lists what there is";
    assert_eq!(world.find("temporal-1").await, Err(unknown.into()));
    assert_eq!(world.last().await, Ok(Some("local-1".into())));
    assert_eq!(world.list().await, Ok(vec![("local-1".into(), Kind::Local)]));
    let tenant = Tenant::default();
    assert_eq!(world.backends.pending(&tenant).await.unwrap(), [question("l-1")]);
    let asked = world.backends.question(&tenant, &InteractionId::new("t-1")).await.unwrap();
    assert!(asked.is_none());
    world.backends.close().await;
    assert_eq!(world.opened(), 0);
    assert_eq!(world.closed.map(|closed| closed.load(Ordering::SeqCst)), [1, 0]);
}

#[tokio::test]
async fn a_thread_is_found_wherever_it_lives() {
    let world = World::new(&[("local-1", 5)], &[("temporal-1", 9)], Reach::Up).used();
    assert_eq!(world.find("local-1").await, Ok("local-1".into()));
    assert_eq!(world.opened(), 0, "the data folder had it");
    assert_eq!(world.find("temp").await, Ok("temporal-1".into()));
    assert_eq!(world.last().await, Ok(Some("temporal-1".into())));
    let both = vec![("temporal-1".into(), Kind::Temporal), ("local-1".into(), Kind::Local)];
    assert_eq!(world.list().await, Ok(both));
    let tenant = Tenant::default();
    assert_eq!(world.backends.pending(&tenant).await.unwrap(), [question("l-1"), question("t-1")]);
    for id in ["l-1", "t-1"] {
        let (place, found) =
            world.backends.question(&tenant, &InteractionId::new(id)).await.unwrap().unwrap();
        assert_eq!((place.key(), found), (&key("asks"), question(id)));
        assert_eq!(place.backend(), if id == "l-1" { Kind::Local } else { Kind::Temporal });
    }
    world.backends.close().await;
    assert_eq!(world.opened(), 1, "it is opened once");
    assert_eq!(world.closed.map(|closed| closed.load(Ordering::SeqCst)), [1, 1]);
}

#[tokio::test]
async fn the_last_thread_is_the_one_that_changed_last() {
    for (local, temporal, last) in [(5, 9, "temporal-1"), (9, 5, "local-1"), (5, 5, "local-1")] {
        let world = World::new(&[("local-1", local)], &[("temporal-1", temporal)], Reach::Up).used();
        assert_eq!(world.last().await, Ok(Some(last.into())));
    }
    assert_eq!(World::new(&[], &[("t", 1)], Reach::Up).used().last().await, Ok(Some("t".into())));
    assert_eq!(World::new(&[], &[], Reach::Up).used().last().await, Ok(None));
}

#[tokio::test]
async fn a_server_that_is_only_configured_is_asked_for_what_is_named_not_for_the_last() {
    let world = World::new(&[("local-1", 5)], &[("temporal-1", 9)], Reach::Up);
    let world = world.with(|backends| backends.configured(true));
    assert_eq!(world.last().await, Ok(Some("local-1".into())));
    assert_eq!(world.opened(), 0);
    assert_eq!(world.find("temporal-1").await, Ok("temporal-1".into()));
    // From now on this data folder has used it.
    assert_eq!(world.last().await, Ok(Some("temporal-1".into())));
}

#[tokio::test]
async fn a_new_thread_on_temporal_leaves_its_mark() {
    let world = World::new(&[], &[], Reach::Up);
    let Backends { local, open, marker, .. } = world.backends;
    let backends = Backends::new(local, open, Kind::Temporal, marker.clone());
    backends.for_new_threads().await.map(drop).unwrap();
    assert!(marker.is_dir());
}

#[tokio::test]
async fn an_option_names_the_only_backend_that_is_looked_at() {
    let world = || World::new(&[("both-1", 5)], &[("both-1", 9), ("temporal-1", 1)], Reach::Up).used();
    let local = world().with(|backends| backends.only(Some(Kind::Local)));
    assert!(local.find("temporal-1").await.is_err());
    assert_eq!(local.list().await, Ok(vec![("both-1".into(), Kind::Local)]));
    assert_eq!(local.opened(), 0);
    let temporal = world().with(|backends| backends.only(Some(Kind::Temporal)));
    assert_eq!(temporal.find("temporal-1").await, Ok("temporal-1".into()));
    let listed = ["both-1", "temporal-1"].map(|id| (id.to_owned(), Kind::Temporal));
    assert_eq!(temporal.list().await, Ok(listed.to_vec()));
}

#[tokio::test]
async fn a_server_that_is_away_fails_only_what_needs_it() {
    let world = World::new(&[("local-1", 5)], &[], Reach::Away).used();
    assert_eq!(world.find("local-1").await, Ok("local-1".into()));
    assert_eq!(world.list().await, Ok(vec![("local-1".into(), Kind::Local)]));
    let away = "and Temporal cannot be looked at: 127.0.0.1:1 does not answer";
    assert_eq!(
        world.find("gone-1").await,
        Err(format!("there is no thread gone-1 in the data folder, {away}"))
    );
    assert_eq!(
        world.last().await,
        Err("the thread that was used last may live on Temporal, which cannot be looked at: 127.0.0.1:1 does not \
             answer (or name a thread, or add --backend local)"
            .into())
    );
    // Each look tries again: the server may be back.
    assert_eq!(world.opened(), 3);
    let alone = world.with(|backends| backends.only(Some(Kind::Temporal)));
    assert_eq!(alone.list().await, Err("127.0.0.1:1 does not answer".into()));
    assert_eq!(alone.last().await, Err("127.0.0.1:1 does not answer".into()));
}

#[tokio::test]
async fn a_part_of_an_id_means_one_thread_or_none() {
    let world = World::new(&[("0199-aaaa", 1), ("0199-bbbb", 2)], &[], Reach::Up);
    assert_eq!(world.find("aaaa").await, Ok("0199-aaaa".into()));
    assert_eq!(world.find("0199").await, Err("several threads fit 0199; give more of the id".into()));
    assert!(world.find("aaa").await.is_err(), "too short to mean one");
    let world = World::new(&[], &[("0199-aaaa", 1), ("0199-bbbb", 2)], Reach::Up).used();
    assert_eq!(world.find("0199").await, Err("several threads fit 0199; give more of the id".into()));
}

/// The commands that work with threads. Those for servers and workers are a backend's own.
const COMMANDS: [(&str, &str); 8] = [
    ("again", include_str!("../commands/again.rs")),
    ("answer", include_str!("../commands/answer.rs")),
    ("chat", include_str!("../commands/chat.rs")),
    ("demo", include_str!("../commands/demo.rs")),
    ("exec", include_str!("../commands/exec.rs")),
    ("follow", include_str!("../follow.rs")),
    ("sessions", include_str!("../commands/sessions.rs")),
    ("watch", include_str!("../commands/watch.rs")),
];

#[test]
fn commands_name_no_backend() {
    for (command, text) in COMMANDS {
        for name in ["local_backend", "temporal_backend", "temporalio"] {
            assert!(!text.contains(name), "{command} names {name}");
        }
    }
}

//! Two processes and one thread.

use crate::{
    storage::opened,
    world::{self, Events, World, op, said, say, soon, submit},
};
use agent_core::{
    AgentSession, EventKind, Op, Server as Serving, StorageBackend, Tenant, ThreadId, ThreadKey, ThreadStatus,
};
use local_backend::{LocalError, ThreadStore};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

const HOME: &str = "EVERTURN_TEST_HOME";
const THREAD: &str = "EVERTURN_TEST_THREAD";

/// Serves a thread until its standard input closes. Run by other tests as a process of its own.
#[tokio::test]
#[ignore = "a role that other tests play in a process of its own"]
async fn role_server() {
    let home = std::env::var(HOME).expect("only another test starts this role");
    let backend = world::backend(Path::new(&home), Arc::default()).await;
    let session = match std::env::var(THREAD) {
        Ok(thread) => backend.resume(&ThreadKey::for_test(&thread)).await.unwrap(),
        Err(_) => backend.start(Tenant::default(), world::genesis()).await.unwrap(),
    };
    println!("serving {}", session.key().thread);
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await.unwrap();
    session.close().await.unwrap();
}

struct Server {
    child: Child,
    key: ThreadKey,
}

impl Server {
    fn start(home: &Path, thread: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "processes::role_server", "--nocapture"]);
        command.env(HOME, home).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(thread) = thread {
            command.env(THREAD, thread);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let thread = lines
            .find_map(|line| line.unwrap().strip_prefix("serving ").map(str::to_owned))
            .expect("the server serves");
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.count());
        Self { child, key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(thread) } }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn leave(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn a_thread_served_by_another_process_is_busy_until_that_is_killed() {
    let world = World::new().await;
    let mut server = Server::start(world.home.path(), None);
    let busy = world.backend.resume(&server.key).await.unwrap_err();
    assert!(matches!(busy, LocalError::Busy { pid: Some(pid), .. } if pid == server.child.id()), "{busy}");
    assert!(busy.to_string().contains(&format!("process {}", server.child.id())), "{busy}");
    assert_eq!(
        world.database().get(&server.key).await.unwrap().served_by,
        Some(Serving::Process { pid: Some(server.child.id()) })
    );
    assert!(matches!(world.database().delete(&server.key).await, Err(LocalError::Busy { .. })));
    server.kill();
    let session = world.backend.resume(&server.key).await.unwrap();
    assert_eq!(said(&world::turn(&session, "op-1", "mine now").await), "you said: mine now");
}

#[tokio::test]
async fn ops_and_events_cross_from_process_to_process() {
    let world = World::new().await;
    let server = Server::start(world.home.path(), None);
    let outside = world.backend.attach(&server.key).await.unwrap();
    let mut events = Events::of(&outside, 0);
    let accepted = submit(&outside, say("op-1", "call read write")).await.unwrap();
    assert!(!accepted.repeated);
    assert_eq!(said(&events.turn_end().await), "done");
    let again = submit(&outside, say("op-1", "call read write")).await.unwrap();
    assert_eq!((again.repeated, again.event_seq), (true, accepted.event_seq));
    submit(&outside, say("op-2", "call hang")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    submit(&outside, op("op-3", Op::Interrupt)).await.unwrap();
    let end = events.turn_end().await;
    assert!(matches!(end, EventKind::TurnAborted { .. }), "{end:?}");
    server.leave();
    assert_eq!(world.database().server(outside.key()).unwrap(), None);
}

#[tokio::test]
async fn a_client_whose_server_is_killed_is_told_and_its_op_is_taken_up_later() {
    let world = World::new().await;
    let mut server = Server::start(world.home.path(), None);
    let outside = world.backend.attach(&server.key).await.unwrap();
    // A stopped process serves the thread and answers nothing.
    let stop = |signal| {
        let pid = rustix::process::Pid::from_raw(server.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    stop(rustix::process::Signal::STOP);
    let waiting = tokio::spawn({
        let outside = outside.clone();
        async move { outside.submit(say("op-1", "into the void")).await }
    });
    let seen = soon(async {
        // The op is in the queue once the same op is known to wait.
        let mut raw = crate::damage::raw(world.home.path()).await;
        loop {
            let row = sqlx::query("SELECT count(*) FROM inbox").fetch_one(&mut raw).await.unwrap();
            if sqlx::Row::get::<i64, _>(&row, 0) == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    seen.await;
    server.kill();
    let error = soon(waiting).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("taken up when the thread is resumed"), "{error}");
    let session = world.backend.resume(&server.key).await.unwrap();
    assert_eq!(said(&Events::of(&session, 0).turn_end().await), "you said: into the void");
}

#[tokio::test]
async fn a_process_killed_in_mid_turn_leaves_a_turn_that_another_finishes() {
    let world = World::new().await;
    let mut server = Server::start(world.home.path(), None);
    let outside = world.backend.attach(&server.key).await.unwrap();
    let mut events = Events::of(&outside, 0);
    submit(&outside, say("op-1", "call read hang read")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    server.kill();
    assert_eq!(world.database().get(&server.key).await.unwrap().status, ThreadStatus::Running);
    let next = Server::start(world.home.path(), Some(server.key.thread.as_str()));
    // The fake tools of the new process know nothing of the call, so it starts there and hangs again.
    events.until(|kind| matches!(kind, EventKind::ToolRetry { .. })).await;
    submit(&outside, op("op-2", Op::Interrupt)).await.unwrap();
    assert!(matches!(events.turn_end().await, EventKind::TurnAborted { .. }));
    assert_eq!(said(&world::turn(&outside, "op-3", "hello").await), "you said: hello");
    let numbers: Vec<u64> = events.read.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    next.leave();
}

#[tokio::test]
async fn two_processes_write_two_threads_of_one_database() {
    let world = World::new().await;
    let server = Server::start(world.home.path(), None);
    let outside = world.backend.attach(&server.key).await.unwrap();
    let session = world.start().await;
    for n in 0..10 {
        let (mine, theirs) = (format!("op-{n}"), format!("op-{n}"));
        let both = futures::future::join(
            world::turn(&session, &mine, "call read write read"),
            world::turn(&outside, &theirs, "call read write read"),
        );
        let (mine, theirs) = soon(both).await;
        assert_eq!((said(&mine), said(&theirs)), ("done", "done"));
    }
    server.leave();
}

#[tokio::test]
async fn a_store_opened_by_a_second_process_fences_the_first() {
    let world = World::new().await;
    let database = world.database();
    let key = ThreadKey::for_test("t-1");
    let store = ThreadStore::create(database, &key, 1).await.unwrap();
    let (record, events) = opened(&key);
    store.append(&record, &events).await.unwrap();
    crate::storage::lose_locks(world.home.path());
    let server = Server::start(world.home.path(), Some("t-1"));
    let again = store.append(&record, &events).await.unwrap_err();
    assert!(matches!(again, agent_core::StorageError::Fenced), "{again}");
    server.leave();
}

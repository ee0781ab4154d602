//! Snapshots, restores, hooks and budgets of threads in workflows.

use crate::world::{TestThread, World, genesis, obey};
use agent_core::{
    Budget, Event, EventKind, HookRequest, Hooked, Op, RestoreAnswer, RestoreRequest, SnapshotAnswer,
    SnapshotRequest, TurnEnd, TurnOverrides, Undo, Workspace,
    testing::{FakeModel, FakeTools},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc};
use temporal_backend::{
    Reply,
    wire::{RunFrom, RunOptions},
};
use tools::snapshot::{Snapshots, SnapshotsConfig};

/// Real snapshots of a real repository, which a call changes in front of the thread's eyes.
struct Repository(Snapshots);

#[async_trait]
impl Workspace for Repository {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        let moment = request.moment;
        let cwd = request.cwd.clone();
        let answer = self.0.snapshot(request).await;
        if moment == agent_core::SnapshotMoment::BeforeTurn {
            // What the fake tool does not do.
            fs::write(Path::new(&cwd).join("a.txt"), "changed\n").unwrap();
            fs::write(Path::new(&cwd).join("new.txt"), "new\n").unwrap();
        }
        answer
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.0.restore(request).await
    }

    async fn hook(&self, _request: HookRequest) -> Hooked {
        Hooked::default()
    }
}

fn git(cwd: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(cwd).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn repository(cwd: &Path) {
    fs::create_dir_all(cwd).unwrap();
    git(cwd, &["init", "-q"]);
    fs::write(cwd.join("a.txt"), "first\n").unwrap();
    git(cwd, &["add", "."]);
    git(cwd, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"]);
    fs::write(cwd.join("b.txt"), "not added\n").unwrap();
}

async fn begin(
    world: &World,
    change: impl FnOnce(&mut agent_core::Settings),
    options: RunOptions,
) -> TestThread {
    let mut genesis = genesis();
    change(&mut genesis.settings);
    let key = agent_core::ThreadKey {
        tenant: agent_core::Tenant::default(),
        thread: agent_core::ThreadId::new(uuid::Uuid::now_v7().to_string()),
    };
    world.begin(key, RunFrom::New { genesis: Box::new(genesis) }, options).await
}

fn accepted(reply: &Reply) {
    assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
}

fn end(events: &[Event]) -> Option<&TurnEnd> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::TurnCompleted { end, .. } => Some(end),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_puts_a_real_repository_back() {
    let folder = tempfile::tempdir().unwrap();
    let (cwd, home) = (folder.path().join("work"), folder.path().join("home"));
    repository(&cwd);
    let before = git(&cwd, &["status", "--porcelain"]);
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let snapshots = Snapshots::new(SnapshotsConfig::new(&home, environment));
    let tools = Arc::new(FakeTools::default());
    let mut world = World::of(Arc::new(FakeModel::new(obey)), tools, Arc::new(Repository(snapshots))).await;
    let thread = begin(
        &world,
        |settings| (settings.undo, settings.cwd) = (Undo::On, cwd.to_str().unwrap().to_owned()),
        RunOptions { records_per_run: Some(5), ..RunOptions::default() },
    )
    .await;
    accepted(&thread.say("op-1", "call write_a").await);
    thread.until_turn_ends_somehow(1).await;
    assert_eq!(fs::read_to_string(cwd.join("a.txt")).unwrap(), "changed\n");
    // Somebody changes the same file: nothing is taken back.
    fs::write(cwd.join("a.txt"), "by hand\n").unwrap();
    accepted(&thread.submit("op-2", Op::Undo).await);
    thread
        .until(
            "a refusal",
            |kind| matches!(kind, EventKind::RollbackRefused { paths, .. } if paths == &["a.txt"]),
        )
        .await;
    assert_eq!(fs::read_to_string(cwd.join("new.txt")).unwrap(), "new\n");
    fs::write(cwd.join("a.txt"), "changed\n").unwrap();
    accepted(&thread.submit("op-3", Op::Undo).await);
    thread.until("an undo", |kind| matches!(kind, EventKind::RolledBack { .. })).await;
    assert_eq!(fs::read_to_string(cwd.join("a.txt")).unwrap(), "first\n");
    assert!(!cwd.join("new.txt").exists());
    assert_eq!(git(&cwd, &["status", "--porcelain"]), before);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_survives_runs_and_workers_and_can_be_raised() {
    let tools = Arc::new(FakeTools::default());
    let mut world = World::with(Arc::new(FakeModel::new(obey)), tools.clone()).await;
    let budget = Budget { tool_calls: Some(5), ..Budget::default() };
    let thread = begin(
        &world,
        |settings| settings.budget = budget,
        RunOptions { records_per_run: Some(4), ..RunOptions::default() },
    )
    .await;
    accepted(&thread.say("op-1", "call write read write").await);
    thread.until_turn_ends(1).await;
    world.stop_worker().await;
    world.start_worker().await;
    accepted(&thread.say("op-2", "call write read write read").await);
    let events = thread.until_turn_ends(2).await;
    assert!(matches!(end(&events), Some(TurnEnd::BudgetSpent { .. })), "{:?}", end(&events));
    assert_eq!(tools.runs().len(), 5);
    assert!(thread.status().await.runs > 3);
    let raised = Some(Budget { tool_calls: Some(7), ..Budget::default() });
    let overrides = TurnOverrides { budget: raised, ..TurnOverrides::default() };
    accepted(&thread.submit("op-3", Op::OverrideTurnContext { overrides }).await);
    accepted(&thread.say("op-4", "call read").await);
    let events = thread.until_turn_ends(3).await;
    assert!(matches!(end(&events), Some(TurnEnd::Final { .. })), "{:?}", end(&events));
    world.stop_worker().await;
}

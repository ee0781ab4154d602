//! Every scenario on Temporal, in one run and in as many runs as can be, with the real tools: the traces are those of the
//! other backends, and what is played again changes nothing.

use super::{
    PATIENCE, named,
    round::timeless,
    say,
    site::{Scripts, Site, cut, runs},
    soon,
};
use crate::scenarios::{self, local, model, scenarios};
use agent_core::{
    AgentSession, Cursor, Event, Genesis, HookRequest, Hooked, Live, LiveKind, Op, RestoreAnswer,
    RestoreRequest, SnapshotAnswer, SnapshotRequest, Tenant, ThreadKey, Update, Workspace,
    testing::FakeTools,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use models::{Script, ScriptedModel};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use temporal_backend::{TemporalBackend, wire::RunOptions};
use test_kit::{MemorySession, Scenario, ScenarioWorkspace, Trace, play};

/// Scenarios that are played at once.
const AT_ONCE: usize = 4;
/// Ends the name of a workspace whose thread has many runs.
const CUT: &str = "-cut";

/// A workspace with what the scenarios expect.
fn workspace(folder: &Path, name: &str) -> String {
    let workspace = folder.join(name);
    std::fs::create_dir(&workspace).unwrap();
    std::fs::write(workspace.join("a.txt"), "a\n").unwrap();
    std::fs::write(workspace.join("b.txt"), "b\n").unwrap();
    workspace.to_str().unwrap().to_owned()
}

/// What is in a workspace.
fn files(workspace: &str) -> BTreeMap<String, String> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
    };
    std::fs::read_dir(workspace).unwrap().map(file).collect()
}

async fn events(backend: &TemporalBackend, key: &ThreadKey) -> Vec<Event> {
    soon("the events", backend.events(key, 0, 10_000)).await.unwrap()
}

/// Answers each thread as its scenario says: the folder it works in has the scenario's name.
struct Workspaces(BTreeMap<String, ScenarioWorkspace>);

impl Workspaces {
    fn of(scenarios: &[(String, Scenario)]) -> Self {
        Self(
            scenarios
                .iter()
                .map(|(name, scenario)| (name.clone(), ScenarioWorkspace::of(scenario)))
                .collect(),
        )
    }

    fn at(&self, cwd: &str) -> &ScenarioWorkspace {
        let folder = Path::new(cwd).file_name().unwrap().to_str().unwrap();
        &self.0[folder.trim_end_matches(CUT)]
    }
}

#[async_trait]
impl Workspace for Workspaces {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        self.at(&request.cwd).snapshot(request).await
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.at(&request.cwd).restore(request).await
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        self.at(&request.cwd).hook(request).await
    }
}

/// What a scenario led to on a backend.
#[derive(Debug, PartialEq)]
struct Played {
    trace: Trace,
    files: BTreeMap<String, String>,
    /// How many runs it took.
    runs: usize,
}

async fn on_temporal(site: &Site, name: &str, scenario: &Scenario, run: RunOptions) -> Played {
    let backend = site.backend(run.clone());
    let cut = if run.records_per_run.is_some() { CUT } else { "" };
    let workspace = workspace(site.folder.path(), &format!("{name}{cut}"));
    let genesis = scenario.genesis(&workspace, name);
    let session = backend.start(Tenant::default(), genesis).await.unwrap();
    let trace = play(scenario, &session).await.unwrap_or_else(|error| panic!("{name}{cut}: {error}"));
    let (events_before, files_before) = (events(&backend, session.key()).await, files(&workspace));
    assert_eq!(Trace::of(&events_before), trace, "{name}{cut}: what is read later is what was told");
    // Played again by another client, every op has been there before, and nothing changes.
    let other = backend.attach(session.key()).await.unwrap();
    let again = play(scenario, &other).await.unwrap_or_else(|error| panic!("{name}{cut}, again: {error}"));
    assert_eq!(again, trace, "{name}{cut}, again");
    let events_after = events(&backend, session.key()).await;
    assert_eq!(timeless(events_after), timeless(events_before), "{name}{cut}, again");
    let files = files(&workspace);
    assert_eq!(files, files_before, "{name}{cut}, again");
    Played { trace, files, runs: runs(&site.client, session.key()).await }
}

async fn on_fakes(name: &str, scenario: &Scenario) -> Trace {
    let genesis = scenario.genesis("/work", "scripted");
    let tools = Arc::new(FakeTools::default());
    let (key, workspace) = (ThreadKey::for_test(name), scenarios::workspace(scenario));
    let session = MemorySession::start_in(key, genesis, model(scenario), tools, workspace);
    play(scenario, &session).await.unwrap_or_else(|error| panic!("{name} on fakes: {error}"))
}

async fn on_local(name: &str, scenario: &Scenario) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(folder.path(), "workspace");
    let backend = local(folder.path(), model(scenario), scenarios::workspace(scenario)).await;
    let genesis = scenario.genesis(&workspace, "scripted");
    let session = backend.start(Tenant::default(), genesis).await.unwrap();
    let trace = play(scenario, &session).await.unwrap_or_else(|error| panic!("{name} locally: {error}"));
    session.close().await.unwrap();
    Played { trace, files: files(&workspace), runs: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_has_the_same_trace_on_every_backend() {
    let scenarios = scenarios();
    let scripts = scenarios.iter().map(|(name, scenario)| (name.as_str(), scenario.script.as_str()));
    let site = Site::open_in(Scripts::of(scripts), Arc::new(Workspaces::of(&scenarios))).await;
    let lines: Vec<String> = stream::iter(&scenarios)
        .map(|(name, scenario)| {
            let site = &site;
            async move {
                let fakes = on_fakes(name, scenario).await;
                let local = on_local(name, scenario).await;
                let one = on_temporal(site, name, scenario, RunOptions::default()).await;
                // A rule that was added counts for all threads of the home, and the same is asked once more. Others go on meanwhile,
                // so only the scenario that adds one takes it back.
                if name == "amended" {
                    std::fs::remove_dir_all(site.folder.path().join("home/rules")).unwrap();
                }
                let many = on_temporal(site, name, scenario, cut()).await;
                for (backend, trace) in [
                    ("fakes", &fakes),
                    ("local", &local.trace),
                    ("temporal", &one.trace),
                    ("cut", &many.trace),
                ] {
                    assert_eq!(trace, &scenario.expected, "{name} on {backend}");
                }
                assert_eq!(one.files, local.files, "{name}");
                assert_eq!(many.files, local.files, "{name}, cut");
                assert_eq!(one.runs, 1, "{name}");
                assert!(many.runs > 1, "{name}: {} runs", many.runs);
                format!("{name:<22} equal  equal  equal     equal, {} runs", many.runs)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    println!("scenario               fakes  local  temporal  temporal, 3 records a run");
    println!("{}", lines.join("\n"));
    site.worker.stop().await;
}

/// Half of the words come, then nothing: so what an interrupt finds is the same each time.
const HANGING: &str = "[[step]]\ntext = \"one two three four five six seven eight\"\nfault = \"hang\"\n";

/// Stops a message in its middle, as soon as its half was shown, and returns what became of the turn.
async fn stopped_in_mid_message(session: &dyn AgentSession) -> Trace {
    let mut updates = session.updates(Cursor::default());
    session.submit(named("op-1", say("go"))).await.unwrap();
    let (mut events, mut shown) = (Vec::new(), String::new());
    let read = async {
        let mut is_stopped = false;
        while let Some(update) = updates.next().await {
            match update.unwrap() {
                Update::Event(event) => events.push(event),
                Update::Live(Live { kind: LiveKind::Message(text), .. }) => shown.push_str(&text),
                _ => {}
            }
            if !is_stopped && shown.contains("four") {
                session.submit(named("op-2", Op::Interrupt)).await.unwrap();
                is_stopped = true;
            }
            if events.last().is_some_and(|event| event.kind.is_terminal()) {
                return;
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, read).await.is_ok(), "{events:#?}, shown {shown:?}");
    Trace::of(&events)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_in_mid_message_keeps_what_was_said_on_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let model = Arc::new(ScriptedModel::new(Script::parse(HANGING).unwrap()));
    let here = local(folder.path(), model, Arc::new(())).await;
    let settings = |model| agent_core::Settings::new(folder.path().to_str().unwrap(), model);
    let genesis = Genesis { settings: settings("hanging"), ..Genesis::default() };
    let session = here.start(Tenant::default(), genesis.clone()).await.unwrap();
    let expected = stopped_in_mid_message(&session).await;
    session.close().await.unwrap();
    assert_eq!(expected.thread, ["turn_started", "turn_aborted: interrupted"]);
    assert_eq!(expected.items, ["user_message: go", "agent_message: one two three four (cut)"]);

    let site = Site::open(Scripts::of([("hanging", HANGING)])).await;
    for run in [RunOptions::default(), cut()] {
        let backend = site.backend(run.clone());
        let session = backend.start(Tenant::default(), genesis.clone()).await.unwrap();
        assert_eq!(stopped_in_mid_message(&session).await, expected, "{run:?}");
        assert_eq!(Trace::of(&events(&backend, session.key()).await), expected, "{run:?}");
    }
    site.worker.stop().await;
}

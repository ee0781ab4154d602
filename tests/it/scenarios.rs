//! Every scenario on fakes and on the local backend, with the trace the file names.

use agent_core::{
    AgentSession, BlobId, ModelStreamer, Redactor, Tenant, ThreadKey, Workspace, testing::FakeTools,
};
use async_trait::async_trait;
use local_backend::{Database, DatabaseConfig, Durability, LocalBackend, Services};
use models::{Script, ScriptedModel};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use test_kit::{MemorySession, Scenario, ScenarioWorkspace, play};
use tools::{BlobWriter, ToolRegistry, ToolsConfig, sandbox::Helper};

pub(crate) fn scenarios() -> Vec<(String, Scenario)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{} scenarios", files.len());
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        (name.clone(), Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.into_iter().map(read).collect()
}

pub(crate) fn workspace(scenario: &Scenario) -> Arc<dyn Workspace> {
    Arc::new(ScenarioWorkspace::of(scenario))
}

pub(crate) fn model(scenario: &Scenario) -> Arc<dyn ModelStreamer> {
    Arc::new(ScriptedModel::new(Script::parse(&scenario.script).unwrap()))
}

#[tokio::test]
async fn every_scenario_has_its_trace_on_fakes() {
    let mut others = Vec::new();
    for (name, scenario) in scenarios() {
        let genesis = scenario.genesis("/work", "scripted");
        let tools = Arc::new(FakeTools::default());
        let (key, workspace) = (ThreadKey::for_test(&name), workspace(&scenario));
        let session = MemorySession::start_in(key, genesis, model(&scenario), tools, workspace);
        let trace = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        if trace != scenario.expected {
            others.push((name, trace));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

/// The backend, its tools and its storage, in a folder of its own.
pub(crate) async fn local(
    folder: &Path,
    model: Arc<dyn ModelStreamer>,
    workspace: Arc<dyn Workspace>,
) -> LocalBackend {
    let config = DatabaseConfig { home: folder.join("home"), durability: Durability::Process };
    let database = Database::open(config).await.unwrap();
    let tools = Arc::new(registry(&folder.join("home")));
    let services =
        Services { model, tools, workspace, library: None, redactor: Redactor::default(), sink: None };
    LocalBackend::new(database, services)
}

/// The real tools. This program is not one that confines commands, so the one under test does.
pub(crate) fn registry(home: &Path) -> ToolRegistry {
    let environment = std::env::vars().collect();
    let mut config =
        ToolsConfig::new(home, environment, Redactor::default(), Arc::new(sink::Null), Arc::new(NoImages));
    config.sandbox.helper = Helper::Program(env!("CARGO_BIN_EXE_everturn-under-test").into());
    ToolRegistry::new(config)
}

struct NoImages;

#[async_trait]
impl BlobWriter for NoImages {
    async fn put(&self, _key: &ThreadKey, _bytes: Vec<u8>) -> Result<BlobId, String> {
        Err("scenarios have no images".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_has_the_same_trace_on_the_local_backend() {
    let mut others = Vec::new();
    for (name, scenario) in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "a\n").unwrap();
        std::fs::write(folder.path().join("b.txt"), "b\n").unwrap();
        let backend = local(folder.path(), model(&scenario), workspace(&scenario)).await;
        let genesis = scenario.genesis(folder.path().to_str().unwrap(), "scripted");
        let session = backend.start(Tenant::default(), genesis).await.unwrap();
        let trace = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        if trace != scenario.expected {
            others.push((name, trace));
            continue;
        }
        // Played again on the resumed thread, every op has been there before, and nothing changes.
        session.close().await.unwrap();
        let session = backend.resume(session.key()).await.unwrap();
        let again = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}, again: {error}"));
        assert_eq!(again, scenario.expected, "{name}, again");
        session.close().await.unwrap();
    }
    assert!(others.is_empty(), "{others:#?}");
}

//! Every scenario on fakes and on the local backend, with the trace the file names.

use agent_core::{
    AgentSession, BlobId, Genesis, ModelStreamer, Redactor, Tenant, ThreadKey, testing::FakeTools,
};
use async_trait::async_trait;
use local_backend::{Database, DatabaseConfig, Durability, LocalBackend, Services};
use models::{Script, ScriptedModel};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use test_kit::{MemorySession, Scenario, play};
use tools::{BlobWriter, ToolRegistry, ToolsConfig};

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

pub(crate) fn model(scenario: &Scenario) -> Arc<dyn ModelStreamer> {
    Arc::new(ScriptedModel::new(Script::parse(&scenario.script).unwrap()))
}

#[tokio::test]
async fn every_scenario_has_its_trace_on_fakes() {
    for (name, scenario) in scenarios() {
        let genesis = Genesis { settings: scenario.settings("/work", "scripted"), ..Genesis::default() };
        let tools = Arc::new(FakeTools::default());
        let session = MemorySession::start(ThreadKey::for_test(&name), genesis, model(&scenario), tools);
        let trace = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(trace, scenario.expected, "{name}");
    }
}

/// The backend, its tools and its storage, in a folder of its own.
pub(crate) async fn local(folder: &Path, model: Arc<dyn ModelStreamer>) -> LocalBackend {
    let config = DatabaseConfig { home: folder.join("home"), durability: Durability::Process };
    let database = Database::open(config).await.unwrap();
    let environment = std::env::vars().collect();
    let tools = ToolRegistry::new(ToolsConfig::new(
        folder.join("home"),
        environment,
        Redactor::default(),
        Arc::new(sink::Null),
        Arc::new(NoImages),
    ));
    let services = Services { model, tools: Arc::new(tools), redactor: Redactor::default(), sink: None };
    LocalBackend::new(database, services)
}

pub(crate) struct NoImages;

#[async_trait]
impl BlobWriter for NoImages {
    async fn put(&self, _key: &ThreadKey, _bytes: Vec<u8>) -> Result<BlobId, String> {
        Err("scenarios have no images".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_has_the_same_trace_on_the_local_backend() {
    for (name, scenario) in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "a\n").unwrap();
        std::fs::write(folder.path().join("b.txt"), "b\n").unwrap();
        let backend = local(folder.path(), model(&scenario)).await;
        let settings = scenario.settings(folder.path().to_str().unwrap(), "scripted");
        let genesis = Genesis { settings, ..Genesis::default() };
        let session = backend.start(Tenant::default(), genesis).await.unwrap();
        let trace = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(trace, scenario.expected, "{name}");
        // Played again on the resumed thread, every op has been there before, and nothing changes.
        session.close().await.unwrap();
        let session = backend.resume(session.key()).await.unwrap();
        let again = play(&scenario, &session).await.unwrap_or_else(|error| panic!("{name}, again: {error}"));
        assert_eq!(again, scenario.expected, "{name}, again");
        session.close().await.unwrap();
    }
}

//! A workspace, a home and a registry.

use agent_core::testing::RecordingSink;
use agent_core::{
    BlobId, CallId, Content, EffectId, EventSink, Grant, ItemId, LiveKind, NetworkAccess, Operation, Payload,
    Preparation, PrepareRequest, Prepared, Redactor, SandboxPolicy, ThreadKey, ToolAnswer, ToolCall,
    ToolCallHandler, ToolOutput, ToolRequest, TurnId,
};
use async_trait::async_trait;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tools::{BlobWriter, EnvPolicy, ToolRegistry, ToolsConfig};

/// The value of a variable that no command gets.
pub(crate) const SECRET: &str = "tok-0123456789-abcdef";

pub(crate) struct World {
    pub(crate) workspace: tempfile::TempDir,
    pub(crate) home: tempfile::TempDir,
    pub(crate) sink: Arc<RecordingSink>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) registry: ToolRegistry,
    pub(crate) sandbox: SandboxPolicy,
}

#[derive(Default)]
pub(crate) struct Blobs(pub(crate) Mutex<Vec<Vec<u8>>>);

#[async_trait]
impl BlobWriter for Blobs {
    async fn put(&self, _key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String> {
        let id = BlobId::of(&bytes);
        self.0.lock().unwrap().push(bytes);
        Ok(id)
    }
}

/// The environment a test's harness has.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap();
    let pairs = [
        ("PATH", path.as_str()),
        ("SERVICE_TOKEN", SECRET),
        ("OPENAI_API_KEY", "sk-12345678"),
        ("FOO", "bar"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A configuration as a host would make it.
pub(crate) fn config(home: &Path, sink: Arc<dyn EventSink>, blobs: Arc<dyn BlobWriter>) -> ToolsConfig {
    let environment = environment();
    let redactor = Redactor::new(EnvPolicy::default().excluded_values(&environment));
    ToolsConfig::new(home, environment, redactor, sink, blobs)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ToolsConfig)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let sink = Arc::new(RecordingSink::default());
        let blobs = Arc::new(Blobs::default());
        let mut config = config(home.path(), sink.clone(), blobs.clone());
        change(&mut config);
        Self {
            workspace: tempfile::tempdir().unwrap(),
            registry: ToolRegistry::new(config),
            home,
            sink,
            blobs,
            sandbox: SandboxPolicy::WorkspaceWrite {
                writable_roots: Vec::new(),
                network: NetworkAccess::Off,
            },
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.workspace.path().join(path)
    }

    pub(crate) fn cwd(&self) -> String {
        self.workspace.path().to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) async fn prepare_payload(&self, name: &str, payload: Payload) -> Result<Preparation, String> {
        let request = PrepareRequest {
            key: ThreadKey::for_test("thread"),
            turn: TurnId(1),
            call: call(name, payload),
            cwd: self.cwd(),
            sandbox: self.sandbox.clone(),
        };
        match self.registry.prepare(request).await {
            Prepared::Ready(preparation) => Ok(*preparation),
            Prepared::Rejected { message } => Err(message),
        }
    }

    pub(crate) async fn prepare(&self, name: &str, arguments: Value) -> Result<Preparation, String> {
        self.prepare_payload(name, function(&arguments)).await
    }

    /// A request as the driver would make it after the user's consent.
    pub(crate) async fn request_payload(&self, name: &str, payload: Payload) -> ToolRequest {
        let preparation = self.prepare_payload(name, payload.clone()).await.unwrap();
        ToolRequest {
            key: ThreadKey::for_test("thread"),
            turn: TurnId(1),
            effect: EffectId(3),
            attempt: 1,
            call: call(name, payload),
            preparation,
            grant: Grant::Unconfined,
            cwd: self.cwd(),
            sandbox: self.sandbox.clone(),
            amendment: None,
            reply: None,
            traceparent: None,
        }
    }

    pub(crate) async fn request(&self, name: &str, arguments: Value) -> ToolRequest {
        self.request_payload(name, function(&arguments)).await
    }

    pub(crate) async fn run(&self, request: ToolRequest) -> ToolAnswer {
        let Operation { answer, mut cancel } = self.registry.start(request);
        let answer = answer.0.await.into_answer();
        cancel.disarm();
        answer
    }

    /// Runs a call to its end.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> ToolOutput {
        let request = self.request(name, arguments).await;
        let (key, effect) = (request.key.clone(), request.effect);
        let output = finished(self.run(request).await);
        self.registry.acknowledge(&key, effect);
        output
    }

    pub(crate) async fn exec(&self, cmd: &str) -> ToolOutput {
        self.call("exec_command", serde_json::json!({ "cmd": cmd })).await
    }

    /// Everything in the ledger, files and contents.
    pub(crate) fn ledger(&self) -> String {
        let folder = self.home.path().join("effects/default/thread");
        let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
        entries
            .map(|entry| {
                let path = entry.unwrap().path();
                let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                format!("{}: {content}", path.file_name().unwrap().to_str().unwrap())
            })
            .collect()
    }

    /// What was shown while commands ran.
    pub(crate) fn live(&self) -> String {
        let text = |kind| match kind {
            LiveKind::Output(text) => text,
            other => panic!("{other:?}"),
        };
        self.sink.live_pieces().into_iter().map(|live| text(live.kind)).collect()
    }
}

pub(crate) fn function(arguments: &Value) -> Payload {
    Payload::Function { arguments: arguments.to_string() }
}

pub(crate) fn call(name: &str, payload: Payload) -> ToolCall {
    ToolCall { id: CallId::new("call_1"), item: ItemId::new("item_1"), name: name.to_owned(), payload }
}

pub(crate) fn finished(answer: ToolAnswer) -> ToolOutput {
    match answer {
        ToolAnswer::Finished { output } => output,
        other => panic!("expected the call to finish, got {other:?}"),
    }
}

pub(crate) fn text(content: &Content) -> &str {
    match content {
        Content::Text { text } => text,
        other => panic!("expected text, got {other:?}"),
    }
}

/// Waits until something is so, on another thread's or process's doing.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The number a command wrote into a file, once it is there whole.
pub(crate) async fn number_in(path: &Path) -> i32 {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    eventually("a number is written", || read().is_some()).await;
    read().unwrap().trim().parse().unwrap()
}

/// Whether a process runs; one that has ended and waits to be reaped does not.
pub(crate) fn runs(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(") ").next().unwrap().starts_with('Z')
}

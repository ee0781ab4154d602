//! Threads on Temporal: a real server, and workers in this process or, as the binary, in others that are killed.

mod parity;

use agent_core::{
    AgentSession, Content, Cursor, Event, ModelEvent, ModelError, ModelRequest, ModelStreamer, Op, OpId, Redactor,
    SessionError, Submission, Update,
};
use futures::{StreamExt, stream::BoxStream};
use models::{Script, ScriptedModel};
use sink::LocalBus;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use temporal_backend::{
    BackendOptions, Conversations, FileBlobs, Services, TemporalBackend, TemporalWorker, WorkerOptions,
    dev_server::TestServer, wire::RunOptions,
};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use tempfile::TempDir;
use tools::{ToolRegistry, ToolsConfig};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client of the server at this address.
async fn client(address: &str) -> Client {
    let target = url::Url::parse(&format!("http://{address}")).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await.unwrap();
    Client::new(connection, ClientOptions::new("default").build()).unwrap()
}

/// A client's view of the threads of a queue, whose worker keeps large content in this data folder.
fn backend(client: &Client, home: &Path, queue: &str, run: RunOptions) -> TemporalBackend {
    let options = BackendOptions {
        bus: Arc::new(LocalBus::default()),
        blobs: Arc::new(FileBlobs::new(home.join("temporal/blobs"))),
        redactor: Redactor::default(),
        queue: queue.to_owned(),
        run,
        durability: "a server of a test".into(),
    };
    TemporalBackend::new(client.clone(), options)
}

/// It comes about, or the test fails.
async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, it).await {
        Ok(it) => it,
        Err(_) => panic!("{what} does not come"),
    }
}

fn say(text: &str) -> Op {
    Op::UserInput { items: vec![Content::text(text)] }
}

fn named(id: &str, op: Op) -> Submission {
    Submission::new(OpId::new(id), "test", op)
}

//! Threads on Temporal: a real server, with workers in this process, or in others that are killed.

mod black_box;
mod kills;
mod outages;
mod parity;
mod reading;
mod round;
mod rules;
mod signals;
mod site;
mod successors;
mod worker;

use agent_core::{Content, Op, OpId, Redactor, Submission};
use sink::LocalBus;
use std::{path::Path, sync::Arc, time::Duration};
use temporal_backend::{BackendOptions, FileBlobs, TemporalBackend, wire::RunOptions};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the server at this address.
async fn client(address: &str) -> Client {
    let target = url::Url::parse(&format!("http://{address}")).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await.unwrap();
    Client::new(connection, ClientOptions::new("default").build()).unwrap()
}

/// The threads of a queue, as a client sees them that shares no bus with the worker. The worker has this data folder.
fn backend(client: &Client, home: &Path, queue: &str, run: RunOptions) -> TemporalBackend {
    let options = BackendOptions {
        bus: Arc::new(LocalBus::default()),
        blobs: Arc::new(FileBlobs::new(home.join("temporal/blobs"))),
        redactor: Redactor::default(),
        queue: queue.to_owned(),
        run,
        durability: "a server of a test".into(),
        library: None,
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

//! What a server says of itself, of a namespace and of who polls.

use crate::codec::vault::{QUEUE, Serving};
use std::time::{Duration, SystemTime};
use temporal_backend::{
    ConnectOptions, Poller, Pollers, connect, dev_server::TestServer, failing_task, pollers, retention,
    server_facts,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_served_once_a_worker_polls_it() {
    let server = TestServer::start().await.unwrap();
    let client = connect(&ConnectOptions::at(server.address()), None).await.unwrap();
    let nobody = pollers(&client, QUEUE).await.unwrap();
    assert_eq!(nobody, Pollers::default());
    assert!(!nobody.is_served(SystemTime::now()));
    let _worker = Serving::start(server.address(), None);
    let served = async {
        loop {
            let found = pollers(&client, QUEUE).await.unwrap();
            if found.is_served(SystemTime::now()) && !found.activities.is_empty() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), served).await.unwrap();
    assert!(found.workflows[0].identity.starts_with(&format!("{}@", std::process::id())), "{found:?}");
    assert_eq!(pollers(&client, "another").await.unwrap(), Pollers::default());
}

#[test]
fn a_worker_that_was_not_seen_for_longer_than_a_poll_lasts_is_thought_to_be_gone() {
    let now = SystemTime::now();
    let seen = |seconds: u64| {
        let poller = Poller { identity: "1@h".into(), last_seen: Some(now - Duration::from_secs(seconds)) };
        Pollers { workflows: vec![poller], activities: Vec::new() }.is_served(now)
    };
    assert_eq!((seen(0), seen(65), seen(75), seen(300)), (true, true, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_its_version_and_how_long_it_keeps_histories() {
    let server = TestServer::start().await.unwrap();
    let client = connect(&ConnectOptions::at(server.address()), None).await.unwrap();
    let facts = server_facts(&client).await.unwrap();
    assert!(facts.version.split('.').count() >= 3 && facts.latency > Duration::ZERO, "{facts:?}");
    assert_eq!(retention(&client).await, Ok(Some(Duration::from_secs(30 * 24 * 3600))));
    let error = failing_task(&client, "no-such-workflow").await.unwrap_err();
    assert!(
        error.to_string().starts_with("the Temporal server does not say why the workflow does not go on: ")
            && !error.retry(),
        "{error}"
    );
}

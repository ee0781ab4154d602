//! A worker that lacks the key: what it says, and that it breaks nothing for good.

use super::{
    Keys,
    vault::{QUEUE, Sender, Serving, Vault, client},
};
use std::time::Duration;
use temporal_backend::{ACTIVITY_NOT_READ, dev_server::TestServer, failing_task};
use temporalio_client::{
    WorkflowExecuteUpdateOptions, WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions,
};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

const WORDS: &str = "payload is encrypted with key k1, and no keys are configured here";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_the_key_fails_tasks_and_no_thread() {
    let server = TestServer::start().await.unwrap();
    let keys = Keys::new();
    let client = client(server.address(), Some(keys.codec())).await;
    let without = Serving::start(server.address(), None);
    let options = WorkflowStartOptions::new(QUEUE, "waits").task_timeout(Duration::from_secs(5)).build();
    let workflow = client.start_workflow(Vault::run, "x".to_owned(), options).await.unwrap();
    let failing = async {
        loop {
            if let Some(why) = failing_task(&client, "waits").await.unwrap() {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let why = tokio::time::timeout(PATIENCE, failing).await.unwrap();
    assert!(why.starts_with(&format!("Failed decoding activation: Encoding error: {WORDS}")), "{why}");
    drop(without);
    let _worker = Serving::start(server.address(), Some(keys.codec()));
    // Refused until the server has tried the task again.
    let told = async {
        loop {
            let options = WorkflowExecuteUpdateOptions::default();
            if let Ok(told) = workflow.execute_update(Vault::tell, "y".to_owned(), options).await {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert!(told.contains(&"y".to_owned()), "{told:?}");
    assert_eq!(failing_task(&client, "waits").await, Ok(None));
    workflow.signal(Vault::open, "z".to_owned(), WorkflowSignalOptions::default()).await.unwrap();
    let result = workflow.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    assert_eq!(result, "echo x");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_cannot_be_read_did_not_run_and_says_so() {
    let server = TestServer::start().await.unwrap();
    let keys = Keys::new();
    let client = client(server.address(), Some(keys.codec())).await;
    let _workflows = Serving::start(server.address(), Some(keys.codec()));
    let _activities = Serving::start_on("keyless", server.address(), None);
    let options = WorkflowStartOptions::new(QUEUE, "sender").build();
    let workflow = client.start_workflow(Sender::run, "keyless".to_owned(), options).await.unwrap();
    let result = workflow.get_result(WorkflowGetResultOptions::default());
    let result = tokio::time::timeout(PATIENCE, result).await.unwrap().unwrap();
    assert!(result.contains(&format!("{ACTIVITY_NOT_READ}: Encoding error: {WORDS}")), "{result}");
}

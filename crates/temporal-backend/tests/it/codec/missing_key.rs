//! A worker that lacks the key: what it says, and that it breaks nothing for good.

use super::{
    Keys,
    vault::{QUEUE, Sender, Serving, Vault, client},
};
use std::time::{Duration, Instant};
use temporal_backend::dev_server::TestServer;
use temporalio_client::{
    WorkflowExecuteUpdateOptions, WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartOptions,
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
    let options =
        WorkflowStartOptions::new(QUEUE, "waits").task_timeout(Duration::from_secs(5)).build();
    let workflow = client.start_workflow(Vault::run, "x".to_owned(), options).await.unwrap();
    let failed = async {
        loop {
            let history = workflow.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap();
            let history = String::from_utf8(history).unwrap();
            if history.contains("WorkflowTaskFailed") {
                return history;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let history = tokio::time::timeout(PATIENCE, failed).await.unwrap();
    assert!(history.contains(&format!("Failed decoding activation: Encoding error: {WORDS}")), "{history}");
    let asked = workflow.query(Vault::told, String::new(), WorkflowQueryOptions::default());
    let asked = tokio::time::timeout(Duration::from_secs(15), asked).await;
    eprintln!("QUERY {asked:?}");
    drop(without);
    let began = Instant::now();
    let _worker = Serving::start(server.address(), Some(keys.codec()));
    let told = workflow
        .execute_update(Vault::tell, "y".to_owned(), WorkflowExecuteUpdateOptions::default())
        .await
        .unwrap();
    assert!(told.contains(&"y".to_owned()), "{told:?}");
    eprintln!("HEALED {:?}", began.elapsed());
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
    eprintln!("RESULT {result}");
    assert!(result.contains(&format!("Failed decoding activity task: Encoding error: {WORDS}")), "{result}");
}

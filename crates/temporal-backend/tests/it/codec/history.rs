//! What a real server has of a thread, with and without encryption.

use super::{
    Keys,
    vault::{Beating, Broken, QUEUE, STATUS, Serving, Vault, client},
};
use futures::StreamExt;
use temporal_backend::{ENCODING, Position, add_key, dev_server::TestServer};
use temporalio_client::{
    Client, NamespacedClient, WorkflowDescribeOptions, WorkflowExecuteUpdateOptions,
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowListOptions, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartOptions, tonic::IntoRequest,
};
use temporalio_common::{
    MemoValues,
    protos::temporal::api::{
        common::v1::WorkflowExecution, workflowservice::v1::DescribeWorkflowExecutionRequest,
    },
    search_attributes::SearchAttributes,
};

/// A value that nobody but the thread may see.
pub(super) const SECRET: &str = "planted-value-7391";

/// Lets the value travel every way there is. What the thread said of it.
async fn travel(client: &Client, id: &str) -> (Vec<String>, String) {
    let mut memo = MemoValues::new();
    memo.insert("first", SECRET.to_owned());
    let options = WorkflowStartOptions::new(QUEUE, id)
        .memo(memo)
        .search_attributes(SearchAttributes::new([STATUS.value_set("new".to_owned())]))
        .build();
    let workflow = client.start_workflow(Vault::run, SECRET.to_owned(), options).await.unwrap();
    let told = workflow
        .execute_update(Vault::tell, SECRET.to_owned(), WorkflowExecuteUpdateOptions::default())
        .await
        .unwrap();
    assert!(told.contains(&SECRET.to_owned()), "{told:?}");
    let asked =
        workflow.query(Vault::told, format!("{SECRET}/"), WorkflowQueryOptions::default()).await.unwrap();
    assert!(asked.contains(&format!("{SECRET}/{SECRET}")), "{asked:?}");
    workflow.signal(Vault::open, SECRET.to_owned(), WorkflowSignalOptions::default()).await.unwrap();
    let result = workflow.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    let told = workflow.query(Vault::told, String::new(), WorkflowQueryOptions::default()).await.unwrap();
    (told, result)
}

/// Everything that the server has of a run: its history and its description, as they are there.
pub(super) async fn raw(client: &Client, id: &str) -> String {
    let handle = client.get_workflow_handle::<Vault>(id);
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap();
    let request = DescribeWorkflowExecutionRequest {
        namespace: client.namespace(),
        execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
    };
    let mut service = client.connection().workflow_service();
    let described = service.describe_workflow_execution(request.into_request()).await.unwrap().into_inner();
    // Both show bytes in base64.
    format!("{}\n{described:?}", String::from_utf8(history).unwrap())
}

/// How often the value stands there.
pub(super) fn leaks(raw: &str) -> usize {
    leaks_of(raw, SECRET)
}

/// How often a value stands there, as it is or in base64 at any of its three offsets.
pub(super) fn leaks_of(raw: &str, value: &str) -> usize {
    let encoded = (0..3).map(|shift| {
        let shifted = in_base64(&format!("{}{value}", &"   "[..shift]));
        // The first and the last letters depend on what stands beside it.
        shifted[4..shifted.len() - 4].to_owned()
    });
    std::iter::once(value.to_owned()).chain(encoded).map(|form| raw.matches(&form).count()).sum()
}

fn in_base64(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_codec_the_server_has_nothing_that_can_be_read_and_without_it_everything() {
    let server = TestServer::start().await.unwrap();
    let plain = client(server.address(), None).await;
    {
        let _worker = Serving::start(server.address(), None);
        let (told, result) = travel(&plain, "plain").await;
        assert_eq!(result, format!("echo {SECRET}"));
        assert!(told.iter().any(|words| words.contains(&format!("message {SECRET}"))), "{told:?}");
        let raw = raw(&plain, "plain").await;
        assert!(leaks(&raw) > 8, "the search finds nothing: {raw}");
    }
    let keys = Keys::new();
    let codec = keys.codec();
    let sealed = client(server.address(), Some(codec.clone())).await;
    let _worker = Serving::start(server.address(), Some(codec));
    let (told, result) = travel(&sealed, "sealed").await;
    assert_eq!(result, format!("echo {SECRET}"));
    // The failure came back to the workflow as it was.
    assert!(told.iter().any(|words| words.contains(&format!("message {SECRET}"))), "{told:?}");
    let raw = raw(&sealed, "sealed").await;
    assert_eq!(leaks(&raw), 0, "{raw}");
    assert!(raw.contains("Encoded failure") && raw.contains(&in_base64(ENCODING)), "{raw}");
    // Search attributes are what the server searches, so they stay.
    assert!(raw.contains("EverturnStatus") && raw.contains(&in_base64("\"running\"")), "{raw}");
    let described = sealed
        .get_workflow_handle::<Vault>("sealed")
        .describe(WorkflowDescribeOptions::default())
        .await
        .unwrap();
    assert_eq!(described.memo().get::<String>("title").unwrap().as_deref(), Some(SECRET));
    assert_eq!(described.memo().get::<String>("first").unwrap().as_deref(), Some(SECRET));
    assert_eq!(described.search_attributes().get(&STATUS).as_deref(), Some("running"));
    // A list is searched by attributes and read with the key.
    let listed = async {
        loop {
            let mut list =
                sealed.list_workflows("EverturnStatus = 'running'", WorkflowListOptions::default());
            while let Some(Ok(found)) = list.next().await {
                if found.id() == "sealed" {
                    return found.memo().get::<String>("title").unwrap();
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let listed = tokio::time::timeout(std::time::Duration::from_secs(20), listed).await;
    assert_eq!(listed.ok().flatten().as_deref(), Some(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_shows_nothing() {
    let server = TestServer::start().await.unwrap();
    let keys = Keys::new();
    let client = client(server.address(), Some(keys.codec())).await;
    let _worker = Serving::start(server.address(), Some(keys.codec()));
    let options = WorkflowStartOptions::new(QUEUE, "beating").build();
    client.start_workflow(Beating::run, SECRET.to_owned(), options).await.unwrap();
    let beaten = async {
        loop {
            let raw = raw(&client, "beating").await;
            if raw.contains("heartbeat_details: Some(") {
                return raw;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let raw = tokio::time::timeout(std::time::Duration::from_secs(20), beaten).await.unwrap();
    assert_eq!(leaks(&raw), 0, "{raw}");
}

/// A gap of the SDK (1.1.1): nothing else that a client sends goes past the codec. So no thread is started with one.
#[tokio::test(flavor = "multi_thread")]
async fn a_summary_given_at_the_start_is_not_encrypted_by_the_sdk() {
    let server = TestServer::start().await.unwrap();
    let client = client(server.address(), Some(Keys::new().codec())).await;
    let options =
        WorkflowStartOptions::new(QUEUE, "summary").static_summary(SECRET).static_details(SECRET).build();
    client.start_workflow(Vault::run, String::new(), options).await.unwrap();
    assert_eq!(leaks(&raw(&client, "summary").await), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_fails_shows_nothing_of_why() {
    let server = TestServer::start().await.unwrap();
    let keys = Keys::new();
    let client = client(server.address(), Some(keys.codec())).await;
    let _worker = Serving::start(server.address(), Some(keys.codec()));
    let options = WorkflowStartOptions::new(QUEUE, "broken").build();
    let workflow = client.start_workflow(Broken::run, SECRET.to_owned(), options).await.unwrap();
    let error = workflow.get_result(WorkflowGetResultOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("broken: {SECRET}")), "{error}");
    let raw = raw(&client, "broken").await;
    assert_eq!(leaks(&raw), 0, "{raw}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_is_running_goes_on_when_the_codec_is_turned_on_and_when_the_key_is_rotated() {
    let server = TestServer::start().await.unwrap();
    let told = |client: Client| async move {
        let workflow = client.get_workflow_handle::<Vault>("long");
        workflow.query(Vault::told, String::new(), WorkflowQueryOptions::default()).await.unwrap()
    };
    let tell = |client: Client, text: &'static str| async move {
        let workflow = client.get_workflow_handle::<Vault>("long");
        let options = WorkflowExecuteUpdateOptions::default();
        workflow.execute_update(Vault::tell, text.to_owned(), options).await.unwrap();
    };
    let plain = client(server.address(), None).await;
    {
        let _worker = Serving::start(server.address(), None);
        let options = WorkflowStartOptions::new(QUEUE, "long").build();
        plain.start_workflow(Vault::run, "first-in-the-clear".to_owned(), options).await.unwrap();
        tell(plain.clone(), "second-in-the-clear").await;
    }
    let keys = Keys::new();
    let first = client(server.address(), Some(keys.codec())).await;
    {
        let _worker = Serving::start(server.address(), Some(keys.codec()));
        tell(first.clone(), "third-with-k1").await;
    }
    add_key(&keys.path(), Position::Active).unwrap();
    let second = client(server.address(), Some(keys.codec())).await;
    let _worker = Serving::start(server.address(), Some(keys.codec()));
    tell(second.clone(), "fourth-with-k2").await;
    let all = told(second.clone()).await;
    let texts = ["second-in-the-clear", "third-with-k1", "fourth-with-k2"];
    assert!(texts.iter().all(|text| all.contains(&(*text).to_owned())), "{all:?}");
    let raw = raw(&second, "long").await;
    assert!(
        raw.contains(&in_base64("\"first-in-the-clear\""))
            && raw.contains(&in_base64("\"second-in-the-clear\""))
    );
    assert!(
        !raw.contains(&in_base64("\"third-with-k1\"")) && !raw.contains(&in_base64("\"fourth-with-k2\""))
    );
    assert!(raw.contains(&in_base64("k1")) && raw.contains(&in_base64("k2")));
    // A client that was started before the rotation finds the new key in the file.
    let late = async {
        loop {
            let workflow = first.get_workflow_handle::<Vault>("long");
            if let Ok(all) = workflow.query(Vault::told, String::new(), WorkflowQueryOptions::default()).await
            {
                return all;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let late = tokio::time::timeout(std::time::Duration::from_secs(30), late).await.unwrap();
    assert_eq!(late, all);
    // One without any key is told which it lacks.
    let workflow = plain.get_workflow_handle::<Vault>("long");
    let error =
        workflow.query(Vault::told, String::new(), WorkflowQueryOptions::default()).await.unwrap_err();
    assert!(
        error.to_string().contains("payload is encrypted with key k2, and no keys are configured here"),
        "{error}"
    );
}

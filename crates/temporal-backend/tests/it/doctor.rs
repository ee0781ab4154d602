//! What the doctor finds, on real servers.

use crate::codec::{
    Keys,
    vault::{QUEUE, Serving},
};
use config::{CodecKeys, DevServerStart, Environment};
use std::time::Duration;
use temporal_backend::{
    ConnectOptions, DoctorInput, Finding, KeySource, Position, Verdict, add_key, connect,
    dev_server::TestServer, examine, pollers,
};
use temporalio_client::tonic::IntoRequest;
use temporalio_common::protos::temporal::api::{
    namespace::v1::NamespaceConfig, workflowservice::v1::UpdateNamespaceRequest,
};

fn input(address: &str) -> DoctorInput {
    DoctorInput {
        options: ConnectOptions::at(address),
        queue: QUEUE.to_owned(),
        dev_server: DevServerStart::Auto,
        codec: None,
    }
}

fn verdicts(findings: &[Finding]) -> Vec<(&str, Verdict)> {
    findings.iter().map(|finding| (finding.subject, finding.verdict)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_good_server_only_the_worker_is_missing_until_there_is_one() {
    let server = TestServer::start().await.unwrap();
    let keys = Keys::new();
    add_key(&keys.path(), Position::Standby).unwrap();
    let input = DoctorInput { codec: Some(keys.source()), ..input(server.address()) };
    let findings = examine(&input).await;
    let expected = [
        ("Temporal server", Verdict::Good),
        ("namespace", Verdict::Good),
        ("retention", Verdict::Good),
        ("worker", Verdict::Warning),
        ("payload codec", Verdict::Good),
    ];
    assert_eq!(verdicts(&findings), expected);
    let begin = format!("{} without TLS, version 1.", server.address());
    assert!(findings[0].text.starts_with(&begin) && findings[0].text.ends_with(" ms"), "{findings:#?}");
    assert_eq!(findings[1].text, "\"default\" is there");
    assert_eq!(findings[2].text, "histories of closed runs are kept for 30 days");
    assert_eq!(findings[3].text, "nobody polls vault");
    assert!(findings[3].remedy.as_ref().unwrap().contains("everturn worker"));
    assert_eq!(findings[4].text, format!("k1 of {} encrypts, k2 only decrypt", keys.path().display()));

    let _worker = Serving::start(server.address(), None);
    let client = connect(&input.options, None).await.unwrap();
    let polls = async {
        while pollers(&client, QUEUE).await.unwrap().workflows.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), polls).await.unwrap();
    let worker = examine(&input).await.remove(3);
    assert_eq!(worker.verdict, Verdict::Good);
    assert!(worker.text.ends_with(" polls vault"), "{worker:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_retention_is_told_with_the_command_that_mends_it() {
    let server = TestServer::start().await.unwrap();
    let client = connect(&ConnectOptions::at(server.address()), None).await.unwrap();
    let day = Duration::from_secs(24 * 3600).try_into().unwrap();
    let request = UpdateNamespaceRequest {
        namespace: "default".to_owned(),
        config: Some(NamespaceConfig {
            workflow_execution_retention_ttl: Some(day),
            ..NamespaceConfig::default()
        }),
        ..UpdateNamespaceRequest::default()
    };
    client.connection().workflow_service().update_namespace(request.into_request()).await.unwrap();
    let short = async {
        // A namespace is cached by the server for a moment.
        loop {
            let retention = examine(&input(server.address())).await.remove(2);
            if retention.verdict != Verdict::Good {
                return retention;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let retention = tokio::time::timeout(Duration::from_secs(30), short).await.unwrap();
    assert_eq!(retention.text, "histories of closed runs are kept for 24 hours");
    assert_eq!(
        retention.remedy.unwrap(),
        "a thread that is closed for longer cannot be read again: temporal operator namespace update -n default \
         --retention 30d"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_the_server_is_bad_unless_one_would_be_started() {
    let mut server = TestServer::start().await.unwrap();
    let mut wrong = input(server.address());
    wrong.options.namespace = Some("other".to_owned());
    let findings = examine(&wrong).await;
    assert_eq!(verdicts(&findings), [("namespace", Verdict::Bad), ("payload codec", Verdict::Good)]);
    assert_eq!(
        findings[0].remedy.as_deref(),
        Some("there are default: set TEMPORAL_NAMESPACE or temporal.namespace")
    );
    server.kill().await.unwrap();
    let findings = examine(&input(server.address())).await;
    assert_eq!(verdicts(&findings), [("Temporal server", Verdict::Bad), ("payload codec", Verdict::Good)]);
    assert!(findings[0].text.contains("no Temporal server answers at"), "{findings:#?}");
    assert!(findings[0].remedy.as_ref().unwrap().contains("correct the address"), "{findings:#?}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_bad_and_so_are_keys_that_cannot_be_read() {
    let missing = KeySource::new(&CodecKeys::Variable("NOT_SET".into()), &Environment::default());
    let input = DoctorInput { codec: Some(missing), ..input("http://") };
    let findings = examine(&input).await;
    assert_eq!(verdicts(&findings), [("Temporal server", Verdict::Bad), ("payload codec", Verdict::Bad)]);
    assert_eq!(
        findings[1].text,
        "the codec's keys are to be in the environment variable NOT_SET, which is not set"
    );
}

#[tokio::test]
async fn payloads_in_the_clear_on_another_machine_are_a_warning() {
    // A name that no resolver is asked for: one part of it is too long.
    let findings = examine(&input(&format!("{}.invalid:7233", "x".repeat(64)))).await;
    assert_eq!(verdicts(&findings), [("Temporal server", Verdict::Bad), ("payload codec", Verdict::Warning)]);
    assert_eq!(findings[1].text, "off: whoever runs the server can read every thread");
}

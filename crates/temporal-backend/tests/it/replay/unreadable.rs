//! Histories that cannot be read, wholly or in part, and those that are not whole.

use super::changed::{failure, first_run};
use temporal_backend::{
    Codec, Extent, KeySource, ReplayFailure, ReplayOptions, Replayed, RunHistory, create_key_file,
    data_converter, replay,
};
use temporalio_common::{
    data_converters::{PayloadCodec, SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        common::v1::Payload,
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

const SEALED: &str = "payload is encrypted with key k1, and no keys are configured here: set temporal.codec.key_file \
                      to the file that has it";

/// A history whose payloads are encrypted from this event on, and the codec that reads it.
async fn sealed_from(id: i64) -> (RunHistory, Codec) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    create_key_file(&path).unwrap();
    let codec = Codec::open(KeySource::File(path)).unwrap();
    let mut events = first_run("approved").events().to_vec();
    for event in events.iter_mut().filter(|event| event.event_id >= id) {
        if let Some(payloads) = payloads(event) {
            let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
            *payloads = PayloadCodec::encode(&codec, &context, std::mem::take(payloads)).await.unwrap();
        }
    }
    (RunHistory::new(events), codec)
}

fn payloads(event: &mut HistoryEvent) -> Option<&mut Vec<Payload>> {
    let payloads = match event.attributes.as_mut()? {
        Attributes::WorkflowExecutionStartedEventAttributes(started) => started.input.as_mut(),
        Attributes::ActivityTaskCompletedEventAttributes(completed) => completed.result.as_mut(),
        Attributes::MarkerRecordedEventAttributes(marker) => marker.details.get_mut("result"),
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
            accepted.accepted_request.as_mut()?.input.as_mut()?.args.as_mut()
        }
        _ => None,
    };
    payloads.map(|payloads| &mut payloads.payloads)
}

fn with(codec: &Codec) -> ReplayOptions {
    ReplayOptions { converter: data_converter(codec), ..ReplayOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_history_is_replayed_with_its_key_and_names_it_without() {
    let plain = replay(first_run("approved"), ReplayOptions::default()).await.unwrap();
    // From the start, from the answer of a model, and from the second update on.
    for from in [1, 10, 20] {
        let (history, codec) = sealed_from(from).await;
        assert_eq!(replay(history.clone(), with(&codec)).await.unwrap(), plain, "from {from}");
        let failure = failure(history, with(&Codec::off())).await;
        assert_eq!(failure, ReplayFailure::Payload { message: SEALED.into() }, "from {from}");
        assert_eq!(failure.to_string(), SEALED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_began_with_something_unknown_says_so() {
    let mut events = first_run("plain_turn").events().to_vec();
    payloads(&mut events[0]).unwrap()[0].data = br#"{"later":1}"#.to_vec();
    let failure = failure(RunHistory::new(events), ReplayOptions::default()).await;
    assert!(
        failure.to_string().starts_with("what the run begins with is unknown to this build: "),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_history_of_a_thread_is_told_apart() {
    let whole = first_run("plain_turn").events().to_vec();
    let headless = failure(RunHistory::new(whole[1..].to_vec()), ReplayOptions::default()).await;
    let gap = [&whole[..9], &whole[10..]].concat();
    let gap = failure(RunHistory::new(gap), ReplayOptions::default()).await;
    let unreadable = |message: &str| ReplayFailure::Unreadable { message: message.into() };
    assert_eq!(headless, unreadable("it does not begin with the start of a run"));
    assert_eq!(gap, unreadable("event 11 stands where event 10 is next"));

    let mut other = whole;
    if let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &mut other[0].attributes {
        started.workflow_type.as_mut().unwrap().name = "Other".into();
    }
    let other = failure(RunHistory::new(other), ReplayOptions::default()).await;
    assert_eq!(other, ReplayFailure::NoThread { workflow_type: "Other".into() });

    // The form that the temporal command prints.
    let printed = br#"{"events":[{"eventId":"1","eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}]}"#;
    let printed = RunHistory::from_json(printed).unwrap_err();
    assert_eq!(printed.code(), "replay_unreadable");
}

#[test]
fn a_history_is_the_same_after_it_was_json() {
    let history = first_run("approved");
    assert_eq!(RunHistory::from_json(&history.to_json().unwrap()).unwrap(), history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_not_whole_tells_as_much_as_was_accepted() {
    let whole = first_run("approved");
    let all = replay(whole.clone(), ReplayOptions::default()).await.unwrap();
    let mut told = Vec::new();
    for length in 1..=whole.len() {
        let part = RunHistory::new(whole.events()[..length].to_vec());
        let accepted = replay(part.clone(), ReplayOptions::default()).await.unwrap();
        let begun = ReplayOptions { extent: Extent::Begun, ..ReplayOptions::default() };
        let begun = replay(part, begun).await.unwrap();
        assert!(all.commits.starts_with(&accepted.commits), "of {length} events");
        assert!(begun.commits.len() >= accepted.commits.len(), "of {length} events");
        told.push(accepted.commits.len());
    }
    assert!(told.is_sorted() && told.last() == Some(&all.commits.len()), "{told:?}");
    assert_eq!((told[0], Replayed::default().commits.len()), (0, 0));
}

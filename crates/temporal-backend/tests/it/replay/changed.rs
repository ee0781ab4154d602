//! A loop that asks for something else than it did, and histories that say something else than they did.

use super::recorded;
use std::time::Duration;
use temporal_backend::{Place, ReplayFailure, ReplayOptions, RunHistory, replay};
use temporalio_common::protos::temporal::api::{
    common::v1::Payload,
    history::v1::{HistoryEvent, history_event::Attributes},
};
use temporalio_sdk::{
    TimerOptions,
    workflow_interceptors::{
        CancellableWorkflowOutboundFuture, ExecuteWorkflowInput, ExecuteWorkflowResult,
        ScheduleActivityInput, ScheduleActivityResult, WorkflowInterceptor, WorkflowInterceptorConstructor,
        WorkflowInterceptorContext, WorkflowInterceptorFuture, WorkflowNext,
    },
};

/// The same loop, after a wait.
struct WaitsFirst;

impl WorkflowInterceptor for WaitsFirst {
    fn execute<'a>(
        &'a self,
        ctx: WorkflowInterceptorContext,
        input: ExecuteWorkflowInput,
        next: WorkflowNext<'a, ExecuteWorkflowInput, WorkflowInterceptorFuture<'a, ExecuteWorkflowResult>>,
    ) -> WorkflowInterceptorFuture<'a, ExecuteWorkflowResult> {
        WorkflowInterceptorFuture::new(async move {
            ctx.timer(TimerOptions::builder(Duration::from_secs(1)).build()).await;
            next.run(input).await
        })
    }
}

type Asked = CancellableWorkflowOutboundFuture<ScheduleActivityResult>;
type Asking = WorkflowNext<'static, ScheduleActivityInput, Asked>;

/// The same loop, which breaks when it asks a model.
struct Breaks;

impl WorkflowInterceptor for Breaks {
    fn schedule_activity(
        &self,
        _ctx: WorkflowInterceptorContext,
        _input: ScheduleActivityInput,
        _next: Asking,
    ) -> Asked {
        panic!("it broke");
    }
}

pub(super) fn first_run(name: &str) -> RunHistory {
    recorded::load(2, name).runs.remove(0)
}

/// A history in which something was changed that is there.
fn edited(name: &str, edit: impl Fn(&mut HistoryEvent) -> bool) -> RunHistory {
    let mut events = first_run(name).events().to_vec();
    let edits = events.iter_mut().map(edit).filter(|edited| *edited).count();
    assert!(edits > 0, "nothing of {name} was changed");
    RunHistory::new(events)
}

/// Whether a payload had this text, which is another one now.
fn replace(payload: &mut Payload, from: &str, to: &str) -> bool {
    let text = String::from_utf8(payload.data.clone()).unwrap();
    payload.data = text.replace(from, to).into_bytes();
    text.contains(from)
}

/// A history whose model had answered something else.
fn answered(name: &str, from: &str, to: &str) -> RunHistory {
    edited(name, |event| match &mut event.attributes {
        Some(Attributes::ActivityTaskCompletedEventAttributes(completed)) => {
            replace(&mut completed.result.as_mut().unwrap().payloads[0], from, to)
        }
        _ => false,
    })
}

pub(super) async fn failure(history: RunHistory, options: ReplayOptions) -> ReplayFailure {
    match replay(history, options).await {
        Ok(replayed) => panic!("it replays, with {} records", replayed.commits.len()),
        Err(failure) => failure,
    }
}

async fn changed_loop(interceptor: WorkflowInterceptorConstructor) -> ReplayFailure {
    let options = ReplayOptions { interceptors: vec![interceptor], ..ReplayOptions::default() };
    failure(first_run("plain_turn"), options).await
}

/// The build that wrote the histories.
fn place(first: i64, last: i64, record: u64) -> Place {
    Place { first, last, record, build: Some("everturn-0.1.0".into()) }
}

fn differs(first: i64, last: i64, record: u64, message: &str) -> ReplayFailure {
    ReplayFailure::Differs { place: place(first, last, record), message: message.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_one_thing_more_does_not_get_through() {
    let failure = changed_loop(WorkflowInterceptorConstructor::new(|_| WaitsFirst)).await;
    let message =
        "Timer machine does not handle this event: HistoryEvent(id: 6, WorkflowExecutionUpdateCompleted)";
    assert_eq!(failure, differs(3, 9, 0, message));
    assert_eq!(
        failure.to_string(),
        format!(
            "this build decides otherwise than the one that wrote the history: {message} (in events 3 to 9 of the \
             history, before the first record of the thread, written by everturn-0.1.0); go on with the thread with the \
             build that wrote it"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_breaks_is_told_apart_from_one_that_decides_otherwise() {
    let failure = changed_loop(WorkflowInterceptorConstructor::new(|_| Breaks)).await;
    let ReplayFailure::TaskFailed { place: at, message } = &failure else { panic!("{failure:?}") };
    assert_eq!(*at, place(3, 9, 0));
    assert!(message.contains("it broke"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_of_another_type_does_not_get_through() {
    let history = edited("approved", |event| match &mut event.attributes {
        Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
            let name = &mut scheduled.activity_type.as_mut().unwrap().name;
            let found = name == "tool_call";
            *name = name.replace("tool_call", "run_tool");
            found
        }
        _ => false,
    });
    let failure = failure(history, ReplayOptions::default()).await;
    let ReplayFailure::Differs { message, place } = &failure else { panic!("{failure:?}") };
    let words = "Activity type of scheduled event 'run_tool' does not match activity type of activity command 'tool_call'";
    assert_eq!((message.as_str(), place.record), (words, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_activity_of_another_type_does_not_get_through() {
    let history = edited("approved", |event| match &mut event.attributes {
        Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
            let mut payloads = marker.details.values_mut().flat_map(|payloads| &mut payloads.payloads);
            payloads.any(|payload| replace(payload, "prepare_call", "look_at_call"))
        }
        _ => false,
    });
    let words = "Activity type of recorded marker 'look_at_call' does not match activity type of local activity \
                 command 'prepare_call'";
    let failure = failure(history, ReplayOptions::default()).await;
    assert!(matches!(&failure, ReplayFailure::Differs { message, .. } if message == words), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_order_does_not_get_through() {
    let mut events = first_run("plain_turn").events().to_vec();
    let at = events.iter().position(|event| event.event_id == 9).unwrap();
    let (later, earlier) = (events[at].clone(), events[at - 1].clone());
    events[at] = HistoryEvent { event_id: later.event_id, ..earlier.clone() };
    events[at - 1] = HistoryEvent { event_id: earlier.event_id, ..later };
    let failure = failure(RunHistory::new(events), ReplayOptions::default()).await;
    assert!(
        matches!(&failure, ReplayFailure::Differs { place: at, .. } if *at == place(3, 9, 0)),
        "{failure:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_had_asked_for_a_tool_leads_to_other_commands() {
    let message = r#"{"type":"message","text":"you said: hello"}"#;
    let call = r#"{"type":"call","name":"write","payload":{"kind":"function","arguments":"{}"}}"#;
    let failure = failure(answered("plain_turn", message, call), ReplayOptions::default()).await;
    assert!(matches!(&failure, ReplayFailure::Differs { place, .. } if place.record == 2), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_was_not_asked_for_does_not_get_through() {
    let call = r#"{"type":"call","name":"ask_write","payload":{"kind":"function","arguments":"{\"n\":0}"}}"#;
    let message = r#"{"type":"message","text":"no"}"#;
    let failure = failure(answered("approved", call, message), ReplayOptions::default()).await;
    assert!(matches!(&failure, ReplayFailure::Differs { place, .. } if place.record == 2), "{failure:?}");
}

//! A loop that asks for something else than it did, and histories that say something else than they did.

use super::recorded;
use temporal_backend::{ReplayFailure, ReplayOptions, RunHistory, replay};
use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};
use temporalio_sdk::{
    TimerOptions,
    workflow_interceptors::{
        ExecuteWorkflowInput, ExecuteWorkflowResult, WorkflowInterceptor, WorkflowInterceptorConstructor,
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
            ctx.timer(TimerOptions::builder(std::time::Duration::from_secs(1)).build()).await;
            next.run(input).await
        })
    }
}

fn first_run(name: &str) -> RunHistory {
    recorded::load(name).runs.remove(0)
}

/// A history in which something was changed that is there.
fn edited(name: &str, edit: impl Fn(&mut HistoryEvent) -> bool) -> RunHistory {
    let mut events = first_run(name).events().to_vec();
    let edits = events.iter_mut().map(edit).filter(|edited| *edited).count();
    assert!(edits > 0, "nothing of {name} was changed");
    RunHistory::new(events)
}

async fn failure(history: RunHistory, options: ReplayOptions) -> ReplayFailure {
    match replay(history, options).await {
        Ok(replayed) => panic!("it replays, with {} records", replayed.commits.len()),
        Err(failure) => failure,
    }
}

fn assert_differs(failure: &ReplayFailure) {
    assert!(matches!(failure, ReplayFailure::Differs { .. }), "{failure:?}");
    let text = failure.to_string();
    assert!(text.contains("decides otherwise") && text.contains("with the build that wrote it"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_one_thing_more_does_not_get_through() {
    let interceptors = vec![WorkflowInterceptorConstructor::new(|_| WaitsFirst)];
    let options = ReplayOptions { interceptors, ..ReplayOptions::default() };
    assert_differs(&failure(first_run("plain_turn"), options).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_another_activity_does_not_get_through() {
    let history = edited("plain_turn", |event| match &mut event.attributes {
        Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
            scheduled.activity_type.as_mut().is_some_and(|kind| {
                kind.name = "ask_model".into();
                true
            })
        }
        _ => false,
    });
    assert_differs(&failure(history, ReplayOptions::default()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_had_answered_otherwise_leads_to_other_commands() {
    let history = edited("plain_turn", |event| {
        let Some(Attributes::ActivityTaskCompletedEventAttributes(completed)) = &mut event.attributes else {
            return false;
        };
        let payload = &mut completed.result.as_mut().unwrap().payloads[0];
        let text = String::from_utf8(payload.data.clone()).unwrap();
        let call = r#"{"type":"call","name":"write","payload":{"kind":"function","arguments":"{}"}}"#;
        let changed = text.replace(r#"{"type":"message","text":"you said: hello"}"#, call);
        payload.data = changed.clone().into_bytes();
        changed != text
    });
    assert_differs(&failure(history, ReplayOptions::default()).await);
}

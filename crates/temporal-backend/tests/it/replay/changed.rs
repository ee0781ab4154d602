//! exploring
use super::recorded;
use temporal_backend::*;
use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};
use temporalio_sdk::{TimerOptions, workflow_interceptors::*};

struct Panics;
impl WorkflowInterceptor for Panics {
    fn schedule_activity(
        &self,
        _ctx: WorkflowInterceptorContext,
        _input: ScheduleActivityInput,
        _next: WorkflowNext<
            'static,
            ScheduleActivityInput,
            CancellableWorkflowOutboundFuture<ScheduleActivityResult>,
        >,
    ) -> CancellableWorkflowOutboundFuture<ScheduleActivityResult> {
        panic!("it broke")
    }
}
async fn seal(
    codec: &Codec,
    payloads: &mut Vec<temporalio_common::protos::temporal::api::common::v1::Payload>,
) {
    use temporalio_common::data_converters::*;
    let ctx = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    *payloads = PayloadCodec::encode(codec, &ctx, std::mem::take(payloads)).await.unwrap();
}
struct OneMoreTimer;
impl WorkflowInterceptor for OneMoreTimer {
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

async fn show(what: &str, history: RunHistory, interceptors: Vec<WorkflowInterceptorConstructor>) {
    let begun = std::time::Instant::now();
    let r = replay(history, ReplayOptions { interceptors, ..ReplayOptions::default() }).await;
    println!(
        "=== {what} {:?}: {}",
        begun.elapsed(),
        match r {
            Ok(r) => format!("OK {}", r.commits.len()),
            Err(e) => format!("{e:?}"),
        }
    );
}

fn edit(name: &str, f: impl Fn(&mut HistoryEvent) -> bool) -> RunHistory {
    let h = recorded::load(name).runs.remove(0);
    let mut events = h.events().to_vec();
    let n = events.iter_mut().map(|e| f(e)).filter(|b| *b).count();
    println!("edited {n}");
    RunHistory::new(events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explore() {
    show(
        "timer",
        recorded::load("plain_turn").runs.remove(0),
        vec![WorkflowInterceptorConstructor::new(|_| OneMoreTimer)],
    )
    .await;
    show(
        "renamed activity",
        edit("plain_turn", |e| match &mut e.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(a)) => {
                a.activity_type.as_mut().unwrap().name = "ask_model".into();
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    show(
        "renamed LA",
        edit("tools_together", |e| match &mut e.attributes {
            Some(Attributes::MarkerRecordedEventAttributes(a)) => {
                for p in a.details.values_mut() {
                    for p in &mut p.payloads {
                        let t = String::from_utf8_lossy(&p.data).replace("prepare_call", "look_at_call");
                        p.data = t.into_bytes();
                    }
                }
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    show(
        "answer is call",
        edit("plain_turn", |e| match &mut e.attributes {
            Some(Attributes::ActivityTaskCompletedEventAttributes(a)) => {
                let p = &mut a.result.as_mut().unwrap().payloads[0];
                let t = String::from_utf8(p.data.clone()).unwrap();
                println!("{t}");
                p.data = t
                    .replace(
                        r#"{"type":"message","text":"you said: hello"}"#,
                        r#"{"type":"call","name":"read_a","payload":{"type":"function","arguments":"{}"}}"#,
                    )
                    .into_bytes();
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    show(
        "answer is message",
        edit("approved", |e| match &mut e.attributes {
            Some(Attributes::ActivityTaskCompletedEventAttributes(a)) if e.event_id == 11 => {
                let p = &mut a.result.as_mut().unwrap().payloads[0];
                let t = String::from_utf8(p.data.clone()).unwrap();
                println!("{t}");
                let at = t.find("\"items\":[").unwrap();
                let to = t.find("],\"tokens").unwrap();
                p.data = format!(
                    "{}{}{}",
                    &t[..at + 9],
                    r#"{"type":"message","text":"you said: hello"}"#,
                    &t[to..]
                )
                .into_bytes();
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    show(
        "answer is rubbish",
        edit("approved", |e| match &mut e.attributes {
            Some(Attributes::ActivityTaskCompletedEventAttributes(a)) if e.event_id == 11 => {
                let p = &mut a.result.as_mut().unwrap().payloads[0];
                p.data = b"{\"no\"".to_vec();
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    show(
        "input is rubbish",
        edit("approved", |e| match &mut e.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(a)) => {
                let p = &mut a.input.as_mut().unwrap().payloads[0];
                p.data = b"{\"no\":1}".to_vec();
                true
            }
            _ => false,
        }),
        vec![],
    )
    .await;
    for swap in [(6usize, 8usize), (14, 15)] {
        let mut events = recorded::load("approved").runs.remove(0).events().to_vec();
        let (a, b) = (events[swap.0].attributes.clone(), events[swap.1].attributes.clone());
        let (ta, tb) = (events[swap.0].event_type, events[swap.1].event_type);
        println!("{ta} {tb}");
        events[swap.0].attributes = b;
        events[swap.1].attributes = a;
        events[swap.0].event_type = tb;
        events[swap.1].event_type = ta;
        show("swapped", RunHistory::new(events), vec![]).await;
    }
    let run = recorded::load("approved").runs.remove(0);
    for cut in [0, 1, 2, 3, 4, 8, 11, 12, 13, 14, 15, 16, 20] {
        show(&format!("cut {cut}"), RunHistory::new(run.events()[..cut].to_vec()), vec![]).await;
        let r = replay(
            RunHistory::new(run.events()[..cut].to_vec()),
            ReplayOptions { extent: Extent::Begun, ..Default::default() },
        )
        .await;
        println!(
            "   begun: {}",
            match r {
                Ok(r) => format!("OK {}", r.commits.len()),
                Err(e) => format!("{e:?}"),
            }
        );
    }
    let mut events = run.events().to_vec();
    events.remove(9);
    show("gap", RunHistory::new(events), vec![]).await;
    let mut events = run.events().to_vec();
    events.remove(0);
    show("no start", RunHistory::new(events), vec![]).await;
}

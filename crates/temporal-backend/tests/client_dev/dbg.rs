//! Debugging.
use crate::world::*;
use agent_core::*;
use temporal_backend::{wire::*, *};
use temporalio_client::*;

struct Slow(agent_core::testing::FakeTools);
#[async_trait::async_trait]
impl ToolCallHandler for Slow {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        tokio::time::sleep(std::time::Duration::from_millis(12)).await;
        self.0.prepare(request).await
    }
    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        self.0.start(request)
    }
    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.0.recover(request).await
    }
}

async fn dbg_times(records: Option<u32>) {
    let mut world = World::with(
        std::sync::Arc::new(agent_core::testing::FakeModel::new(obey)),
        std::sync::Arc::new(Slow(Default::default())),
    )
    .await;
    let run = RunOptions { records_per_run: records, ..RunOptions::default() };
    let options = BackendOptions {
        bus: world.services.bus.clone(),
        blobs: world.services.blobs.clone(),
        redactor: world.services.redactor.clone(),
        queue: QUEUE.into(),
        run,
        durability: "x".into(),
    };
    let backend = TemporalBackend::new(world.client.clone(), options);
    let session = backend.start(Tenant::default(), genesis()).await.unwrap();
    let mut up = session.updates(Cursor::default());
    let drain = tokio::spawn(async move {
        let mut n = Vec::new();
        while let Some(Ok(u)) = futures::StreamExt::next(&mut up).await {
            match u {
                Update::Rewind { to } => {
                    println!("rewind {to} of {:?}", n.last().map(|e: &Event| e.seq));
                    n.truncate(to as usize);
                }
                Update::Event(e) => n.push(e),
                _ => {}
            }
        }
    });
    for turn in 1..=8 {
        session
            .submit(Submission::new(
                OpId::new(format!("o{turn}")),
                "t",
                Op::UserInput { items: vec![Content::text("call write read read_file write")] },
            ))
            .await
            .unwrap();
        loop {
            let s = backend.get(session.key()).await.unwrap();
            if s.turns == turn && s.status == ThreadStatus::Resting {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    let q = async || {
        let h = world.client.get_workflow_handle::<AgentWorkflow>(workflow_id(session.key()));
        let p = h
            .query(AgentWorkflow::events, EventsAfter::default(), WorkflowQueryOptions::default())
            .await
            .unwrap();
        let Reading::Events { events, .. } = p.reading else { panic!() };
        events
    };
    let live = q().await;
    let replayed: Vec<Event> =
        backend.commits(session.key()).await.unwrap().into_iter().flat_map(|c| c.events).collect();
    let diff = |a: &[Event], b: &[Event]| {
        println!("{} {}", a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            if a != b {
                println!(
                    "{} {} {} {:?}",
                    a.seq,
                    a.at_ms as i64 - b.at_ms as i64,
                    a.at_ms,
                    format!("{:?}", a.kind).chars().take(60).collect::<String>()
                );
            }
        }
    };
    diff(&live, &replayed);
    {
        use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes as A;
        let mut run = world
            .client
            .get_workflow_handle::<AgentWorkflow>(workflow_id(session.key()))
            .describe(WorkflowDescribeOptions::default())
            .await
            .unwrap()
            .run_id()
            .to_owned();
        loop {
            let info = WorkflowExecutionInfo::builder()
                .namespace("default")
                .workflow_id(workflow_id(session.key()))
                .run_id(run.clone())
                .build();
            let evs = info
                .bind_untyped(world.client.clone())
                .fetch_history(WorkflowFetchHistoryOptions::default())
                .into_events()
                .await
                .unwrap();
            let bad = !(live == replayed) && evs.iter().take(6).any(|e| matches!(e.attributes, Some(A::MarkerRecordedEventAttributes(_)))) || evs.iter().any(|e| {
                matches!(
                    e.attributes,
                    Some(A::WorkflowTaskFailedEventAttributes(_))
                        | Some(A::WorkflowTaskTimedOutEventAttributes(_))
                )
            });
            if bad {
                println!("run {run}");
                for e in &evs {
                    let t = e.event_time.as_ref().unwrap();
                    let more = match &e.attributes {
                        Some(A::WorkflowTaskFailedEventAttributes(f)) => {
                            format!("{:?} {:?}", f.cause(), f.failure.as_ref().map(|f| &f.message))
                        }
                        Some(A::WorkflowTaskTimedOutEventAttributes(f)) => format!("{:?}", f.timeout_type()),
                        Some(A::MarkerRecordedEventAttributes(m)) => m
                            .details
                            .get("data")
                            .map(|p| String::from_utf8_lossy(&p.payloads[0].data).to_string())
                            .unwrap_or_default(),
                        _ => String::new(),
                    };
                    println!(
                        "  {} {}.{:03} {:?} {more}",
                        e.event_id,
                        t.seconds % 1000,
                        t.nanos / 1_000_000,
                        e.event_type()
                    );
                }
            }
            let Some(A::WorkflowExecutionStartedEventAttributes(b)) = &evs[0].attributes else { panic!() };
            if b.continued_execution_run_id.is_empty() {
                break;
            }
            run = b.continued_execution_run_id.clone();
        }
    }
    println!("restart");
    drain.abort();
    world.stop_worker().await;
    world.start_worker().await;
    let h = world.client.get_workflow_handle::<AgentWorkflow>(workflow_id(session.key()));
    let p = h
        .query(AgentWorkflow::events, EventsAfter::default(), WorkflowQueryOptions::default())
        .await
        .unwrap();
    let Reading::Events { events, .. } = p.reading else { panic!() };
    diff(&live, &events);
    let evs = h.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    for e in evs.iter().filter(|e| format!("{:?}", e.event_type()).contains("Marker")).take(0) {
        let s = format!("{e:?}");
        println!("{}", &s[..s.len().min(900)]);
        if let Some(temporalio_common::protos::temporal::api::history::v1::history_event::Attributes::MarkerRecordedEventAttributes(m)) = &e.attributes {
            for (k, v) in &m.details { for p in &v.payloads { println!("   {k} {}", String::from_utf8_lossy(&p.data).chars().take(400).collect::<String>()); } }
        }
    }
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dbg_one() {
    println!("ONE");
    dbg_times(None).await
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dbg_many() {
    println!("MANY");
    dbg_times(Some(4)).await
}

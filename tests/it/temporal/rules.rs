//! A thread that another version began.

use super::{
    named,
    reading::Reading,
    say,
    site::{QUEUE, Scripts, Site},
    soon,
};
use agent_core::{
    AgentSession, Event, Genesis, Input, Overview, Record, Settings, Tenant, Thread, ThreadId, ThreadKey,
};
use temporal_backend::{
    AgentWorkflow, Digest, TemporalSession,
    wire::{BookCarry, Carry, RunFrom, RunInput, RunOptions, workflow_id},
};
use temporalio_client::WorkflowStartOptions;

/// The model cannot be had: what is told of it differs between the first rules and the second.
const UNAVAILABLE: &str = r#"
[[turn]]
match = "first"
[[turn.step]]
fault = "stream_error"

[[turn]]
match = "second"
[[turn.step]]
fault = "stream_error"
"#;
/// What is told of it since the second rules.
const ATTEMPTS_ARE_TOLD: &str = "(asked ";

/// A thread in the middle of its first turn, as a run under these rules hands it over.
fn carry(key: &ThreadKey, rules: u32) -> Carry {
    let genesis = Genesis { settings: Settings::new("/", "script"), ..Genesis::default() };
    let first = named("first", say("first"));
    let inputs = [Input::Opened(Box::new(genesis)), Input::Submitted(Box::new(first))];
    let mut thread = Thread::new(key.clone());
    let (mut overview, mut events) = (Overview::default(), Vec::<Event>::new());
    for (at, input) in (0..).zip(inputs) {
        let record = Record { seq: at + 1, at_ms: 1_000, rules, input };
        let outcome = thread.apply(&record).unwrap();
        overview.follow(&record, &outcome.events);
        events.extend(outcome.events);
    }
    let settings = thread.settings().clone();
    let book = BookCarry {
        base: 0,
        base_digest: Digest::default().text(),
        first: events.first().cloned(),
        events,
        questions: Vec::new(),
        overview,
        settings,
    };
    Carry { thread, inbox: Default::default(), book, runs: 1, arrival: None }
}

/// Goes on with a thread that was handed over under these rules; returns what a reader is told.
async fn go_on(site: &Site, rules: u32) -> (TemporalSession, Reading) {
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(format!("rules-{rules}")) };
    let from = RunFrom::Carried { carry: Box::new(carry(&key, rules)) };
    let input = RunInput { key: key.clone(), from, options: RunOptions::default() };
    let start = WorkflowStartOptions::new(QUEUE, workflow_id(&key)).build();
    soon("the server", site.client.start_workflow(AgentWorkflow::run, input, start)).await.unwrap();
    let session = soon("the thread", site.backend(RunOptions::default()).attach(&key)).await.unwrap();
    let reading = Reading::of(&session);
    (session, reading)
}

fn errors(events: &[Event]) -> Vec<String> {
    let error = |event: &Event| match &event.kind {
        agent_core::EventKind::Error { message, .. } => Some(message.clone()),
        _ => None,
    };
    events.iter().filter_map(error).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_under_the_rules_it_began_with() {
    let site = Site::open(Scripts::of([("script", UNAVAILABLE)])).await;
    let (session, reading) = go_on(&site, 1).await;
    reading.turns(1).await;
    soon("an answer", session.submit(named("second", say("second")))).await.unwrap();
    let told = reading.turns(2).await;
    let errors = errors(&told.events());
    assert_eq!(errors.len(), 2, "{told:#?}");
    let tells = |error: &String| error.contains(ATTEMPTS_ARE_TOLD);
    assert_eq!(errors.iter().map(tells).collect::<Vec<_>>(), [false, true], "{errors:#?}");
    site.worker.stop().await;
}

//! What lists, forks and exports make of inputs and events.

use super::*;
use crate::{
    ports::Commit,
    protocol::{
        AbortReason, ApprovalDecision, Content, EventKind, ExecApproval, InteractionId, InteractionOutcome,
        Item, ItemDetail, ItemId, OutputStatus, Settings, Shared, Source, Tenant, ThreadId, TokenUsage,
        ToolOutput, TurnEnd, TurnId, TurnItem,
    },
    thread::{Genesis, Input},
};

fn key() -> ThreadKey {
    ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("0199-aaaa") }
}

fn event(seq: u64, kind: EventKind) -> Event {
    Event { seq, at_ms: seq * 10, turn: Some(TurnId(1)), kind }
}

fn asked(id: &str) -> EventKind {
    EventKind::RequestUserInput {
        id: InteractionId::new(id),
        call: crate::CallId::new("call_1"),
        questions: Vec::new(),
        deadline_ms: None,
    }
}

fn resolved(id: &str) -> EventKind {
    EventKind::InteractionResolved {
        id: InteractionId::new(id),
        outcome: InteractionOutcome::Answered(ApprovalDecision::Approved),
        actor: "test".into(),
    }
}

fn done() -> EventKind {
    EventKind::TurnCompleted { end: TurnEnd::Final { message: None }, usage: TokenUsage::default() }
}

fn said(text: &str) -> EventKind {
    let detail = ItemDetail::UserMessage { content: vec![Content::text(text)] };
    EventKind::ItemCompleted { item: TurnItem { id: ItemId::new("item_1"), detail } }
}

fn opened() -> Record {
    let genesis = Genesis {
        settings: Settings::new("/work", "scripted"),
        source: Source::Exec,
        turns: 4,
        forked_from: Some("0199-bbbb/4".into()),
        ..Genesis::default()
    };
    Record { seq: 1, at_ms: 1000, rules: 1, input: Input::Opened(Box::new(genesis)) }
}

fn later(seq: u64) -> Record {
    Record { seq, at_ms: 1000 + seq, input: Input::Resumed, ..opened() }
}

#[test]
fn a_status_follows_turns_questions_and_shutdowns() {
    let mut progress = Progress::default();
    let mut told = Vec::new();
    for kind in [
        EventKind::TurnStarted,
        asked("a-1"),
        asked("a-2"),
        resolved("a-1"),
        resolved("a-2"),
        EventKind::TurnAborted { reason: AbortReason::Interrupted },
        EventKind::ShutdownComplete,
        EventKind::Resumed,
    ] {
        progress.follow(&[event(1, kind)]);
        told.push(progress.status());
    }
    use ThreadStatus::{Closed, Resting, Running, Waiting};
    assert_eq!(told, [Running, Waiting, Waiting, Waiting, Running, Resting, Closed, Resting]);
    assert_eq!(progress.turns(), 1);
}

#[test]
fn progress_survives_being_stored_with_its_questions() {
    let mut progress = Progress::default();
    progress.follow(&[event(1, EventKind::TurnStarted), event(2, asked("a-1"))]);
    let json = serde_json::to_string(&progress).unwrap();
    assert_eq!(serde_json::from_str::<Progress>(&json).unwrap(), progress);
    // A status alone knows of no question; the events tell it again.
    let mut stored = Progress::stored(progress.status(), progress.turns());
    assert_eq!(stored.status(), ThreadStatus::Running);
    stored.follow(&[event(2, asked("a-1"))]);
    assert_eq!(stored, progress);
}

#[test]
fn an_overview_tells_what_a_thread_is_about_and_what_it_does() {
    let mut overview = Overview::default();
    overview.follow(&opened(), &[]);
    overview.follow(&later(2), &[event(1, said("  fix\n the   bug ")), event(2, EventKind::TurnStarted)]);
    overview.follow(&later(3), &[event(3, EventKind::ThreadNamed { name: "Bugs".into() })]);
    overview.follow(&later(4), &[event(4, said("and another"))]);
    let settings = Box::new(Settings::new("/elsewhere", "better"));
    overview.follow(&later(5), &[event(5, EventKind::SettingsChanged { settings })]);
    overview.follow(&later(6), &[]);
    let json = serde_json::to_string(&overview).unwrap();
    assert_eq!(serde_json::from_str::<Overview>(&json).unwrap(), overview);
    let worker = Server::Worker { queue: "everturn-1".into() };
    assert_eq!(
        overview.summary(key(), 3, Some(worker.clone())),
        ThreadSummary {
            key: key(),
            created_ms: 1000,
            updated_ms: 1006,
            name: Some("Bugs".into()),
            title: Some("fix the bug".into()),
            cwd: "/elsewhere".into(),
            model: "better".into(),
            source: Source::Exec,
            status: ThreadStatus::Running,
            served_by: Some(worker),
            turns: 1,
            last_event: 5,
            generation: 3,
            forked_from: Some("0199-bbbb/4".into()),
        }
    );
}

#[test]
fn a_fork_has_the_turns_and_the_title_of_its_past() {
    let said = |text: &str| Shared::new(Item::User { content: vec![Content::text(text)] });
    let Record { input: Input::Opened(genesis), .. } = opened() else { unreachable!() };
    let genesis = Genesis { items: vec![said("first"), said("second")], ..*genesis };
    let mut overview = Overview::default();
    overview.follow(&Record { input: Input::Opened(Box::new(genesis)), ..opened() }, &[]);
    let summary = overview.summary(key(), 1, None);
    assert_eq!((summary.turns, summary.title.as_deref()), (4, Some("first")));
}

#[test]
fn a_title_is_short_and_on_one_line() {
    let title = |text: &str| ThreadHeader::title_of(&[Content::text(text)]);
    assert_eq!(title(" \n"), None);
    assert_eq!(title("one\n\n two\tthree"), Some("one two three".into()));
    assert_eq!(title(&"é".repeat(80)), Some("é".repeat(80)));
    assert_eq!(title(&"é".repeat(81)), Some("é".repeat(80) + "…"));
}

fn thread(id: &str, at_ms: u64) -> ThreadSummary {
    let mut overview = Overview::default();
    overview.follow(&Record { at_ms, ..opened() }, &[]);
    let thread = ThreadId::new(id);
    overview.summary(ThreadKey { thread, ..key() }, 1, None)
}

#[test]
fn a_filter_looks_at_everything_it_names() {
    let thread = ThreadSummary { title: Some("Fix the Bug".into()), ..thread("0199-aaaa", 1) };
    let all = || ThreadFilter::of(Tenant::default());
    let text = |text: &str| ThreadFilter { text: Some(text.into()), ..all() };
    let status = |status| ThreadFilter { status: Some(status), ..all() };
    let cwd = |cwd: &str| ThreadFilter { cwd: Some(cwd.into()), ..all() };
    for (filter, fits) in [
        (all(), true),
        (ThreadFilter::of(Tenant::new("other")), false),
        (text("fix THE"), true),
        (text("9-aa"), true),
        (text("nothing"), false),
        (status(ThreadStatus::Resting), true),
        (status(ThreadStatus::Running), false),
        (cwd("/work"), true),
        (cwd("/"), false),
    ] {
        assert_eq!(filter.fits(&thread), fits, "{filter:?}");
    }
}

#[test]
fn a_list_begins_with_what_changed_last_and_is_bounded() {
    let threads = [thread("a", 10), thread("b", 30), thread("c", 20), thread("d", 30)];
    let filter = ThreadFilter { limit: 3, ..ThreadFilter::of(Tenant::default()) };
    let ids: Vec<_> = filter.choose(threads).into_iter().map(|thread| thread.key.thread).collect();
    assert_eq!(ids, ["d", "b", "c"].map(ThreadId::new));
}

#[test]
fn what_is_settled_waits_no_more() {
    let events = [asked("a-1"), asked("a-2"), resolved("a-1"), done()];
    let events = (1..).zip(events).map(|(seq, kind)| event(seq, kind));
    let open = PendingInteraction::all_of(&key(), events);
    let id = InteractionId::new("a-2");
    assert_eq!(open, [PendingInteraction { key: key(), id, title: None, question: event(2, asked("a-2")) }]);
}

#[test]
fn every_kind_of_question_is_one() {
    let approval = |id: &str| ExecApproval {
        id: InteractionId::new(id),
        command: vec!["ls".into()],
        cwd: "/".into(),
        reason: "why not".into(),
        grant_root: None,
        risk: None,
        call: crate::CallId::new("call_1"),
        amendment: None,
        deadline_ms: None,
    };
    let call = crate::CallId::new("call_1");
    let request = crate::Elicitation {
        server: "server".into(),
        message: "which?".into(),
        schema: serde_json::Value::Null,
        url: None,
    };
    let id = InteractionId::new("q");
    for kind in [
        EventKind::ExecApprovalRequest(approval("q")),
        EventKind::ElicitationRequest { id: id.clone(), call: call.clone(), request, deadline_ms: None },
        EventKind::DynamicToolCallRequest {
            id: id.clone(),
            call,
            tool: "tool".into(),
            arguments: "{}".into(),
            deadline_ms: None,
        },
        asked("q"),
    ] {
        assert_eq!(question(&event(1, kind)), Some(&id));
    }
    assert_eq!(question(&event(1, done())), None);
}

#[test]
fn a_fork_is_made_where_no_turn_runs() {
    let commit = |kinds: Vec<EventKind>| Commit {
        record: opened(),
        events: kinds.into_iter().map(|kind| event(1, kind)).collect(),
    };
    let turn = |turn: u32, kind| Event { turn: Some(TurnId(turn)), ..event(1, kind) };
    let second = Commit { record: opened(), events: vec![turn(2, EventKind::TurnStarted), turn(2, done())] };
    let journal = [
        commit(vec![]),
        commit(vec![EventKind::TurnStarted]),
        commit(vec![done()]),
        second,
        commit(vec![EventKind::TurnStarted]),
    ];
    let lengths = [ForkPoint::Latest, ForkPoint::Turn(TurnId(1)), ForkPoint::Turn(TurnId(2))]
        .map(|at| at.length(&journal));
    assert_eq!(lengths, [Some(4), Some(3), Some(4)]);
    assert_eq!(ForkPoint::Turn(TurnId(3)).length(&journal), None);
    assert_eq!(ForkPoint::Turn(TurnId(9)).genesis(&key(), journal.to_vec()), Ok(None));
}

#[test]
fn an_export_has_everything_for_programs_and_the_conversation_for_people() {
    let thread = ThreadSummary { title: Some("greet".into()), ..thread("0199-aaaa", 1) };
    let output = ToolOutput { exit_code: Some(0), ..ToolOutput::text(OutputStatus::Ok, "a ``` b") };
    let command = ItemDetail::CommandExecution {
        call: crate::CallId::new("call_1"),
        command: vec!["echo".into(), "hi".into()],
        cwd: "/work".into(),
        output: Some(output),
    };
    let item = TurnItem { id: ItemId::new("item_2"), detail: command };
    let events = [EventKind::TurnStarted, said("greet"), EventKind::ItemCompleted { item }, done()];
    let events: Vec<_> = (1..).zip(events).map(|(seq, kind)| event(seq, kind)).collect();
    let text = |format: ExportFormat| {
        let parts = events.iter().map(|event| format.event(event).unwrap());
        format.heading(&thread) + &parts.collect::<String>()
    };
    assert_eq!(
        text(ExportFormat::Markdown),
        "# greet\n\nThread `default/0199-aaaa`, 4 turns, `scripted` in `/work`.\n\n## User\n\ngreet\n\n### \
         Command\n\n```sh\necho hi\n```\n\n````\na ``` b\n````\n\nExit code 0\n"
    );
    let parsed: Vec<Event> =
        text(ExportFormat::Jsonl).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, events);
}

#[test]
fn who_serves_a_thread_is_told_in_words_and_as_data() {
    let process = |pid| Server::Process { pid };
    let worker = Server::Worker { queue: "everturn-1".into() };
    for (server, words, json) in [
        (process(Some(7)), "process 7", serde_json::json!({ "kind": "process", "pid": 7 })),
        (process(None), "another process", serde_json::json!({ "kind": "process" })),
        (
            worker,
            "a worker on the queue everturn-1",
            serde_json::json!({ "kind": "worker", "queue": "everturn-1" }),
        ),
    ] {
        assert_eq!(server.to_string(), words);
        assert_eq!(serde_json::to_value(&server).unwrap(), json);
        assert_eq!(serde_json::from_value::<Server>(json).unwrap(), server);
    }
}

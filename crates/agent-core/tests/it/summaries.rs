//! Summaries: when a conversation is summarised, by whom, and what is left of it.

use crate::{
    desk::{Desk, completed, ended, failed, finished, is_prepare, is_summary, is_timer, ready},
    scenario::{call, message},
};
use agent_core::{
    Answer, CompactAt, CompactionTrigger, EventKind, FileChange, FileChangeKind, Genesis, Input, Item,
    ItemDetail, ModelAnswer, ModelErrorKind, Op, OutputStatus, Plan, PlanStep, PlanStepStatus, Preparation,
    Price, Purpose, Refusal, Settings, Shared, Subject, ToolAnswer, ToolOutput, TurnEnd, TurnOverrides,
    testing::preparation,
};

/// The window of these tests, in tokens; a summary is due at 800.
const WINDOW: u64 = 1_000;

fn settings() -> Settings {
    Settings { context_window: Some(WINDOW), ..Settings::new("/work", "model") }
}

/// A thread whose host told something, in which one thing was said and answered, at a size of so many tokens.
fn desk(settings: Settings, tokens: u64) -> Desk {
    let told = Shared::new(Item::Context { text: "house rules".into() });
    let mut desk = Desk::of(Genesis { settings, items: vec![told], ..Genesis::default() });
    desk.says("first");
    desk.model_counting([message("one")], tokens);
    desk
}

fn compacted(events: &[EventKind]) -> Vec<(CompactionTrigger, u64)> {
    let compacted = events.iter().filter_map(|kind| match kind {
        EventKind::ContextCompacted { trigger, before_tokens, .. } => Some((*trigger, *before_tokens)),
        _ => None,
    });
    compacted.collect()
}

/// The summaries that clients saw come to their end.
fn summaries(events: &[EventKind]) -> Vec<String> {
    let summaries = events.iter().filter_map(|kind| match kind {
        EventKind::ItemCompleted { item } => match &item.detail {
            ItemDetail::Compaction { summary } => Some(summary.clone()),
            _ => None,
        },
        _ => None,
    });
    summaries.collect()
}

fn warnings(desk: &Desk) -> Vec<String> {
    let warnings = desk.events.iter().filter_map(|kind| match kind {
        EventKind::Warning { message } => Some(message.clone()),
        _ => None,
    });
    warnings.collect()
}

fn errors(desk: &Desk) -> Vec<(String, String)> {
    let errors = desk.events.iter().filter_map(|kind| match kind {
        EventKind::Error { code, message } => Some((code.clone(), message.clone())),
        _ => None,
    });
    errors.collect()
}

fn overridden(overrides: TurnOverrides) -> Op {
    Op::OverrideTurnContext { overrides }
}

#[test]
fn a_conversation_at_its_limit_is_summarised_before_the_next_message_is_heard() {
    let mut desk = desk(settings(), 800);
    let from = desk.events.len();
    desk.says("second");
    assert_eq!(desk.names(from), ["turn_started", "item_started"]);
    let request = desk.model_request();
    assert_eq!((request.purpose, request.conversation.skipped), (Purpose::Summary, 0));
    assert_eq!(request.conversation.items, desk.thread.items());
    assert_eq!(request.conversation.tail.len(), 1, "the prompt is told last and enters no conversation");
    let epoch = desk.thread.epoch();
    desk.summarised("It was about one.");
    assert_eq!(
        desk.told(),
        [
            "context: house rules",
            "user: first",
            "context: <summary>\nIt was about one.\n</summary>",
            "environment",
            "user: second",
        ]
    );
    assert_eq!(desk.thread.epoch(), epoch + 1);
    assert_eq!(compacted(&desk.events), [(CompactionTrigger::Size, 800)]);
    assert_eq!(summaries(&desk.events), ["It was about one."]);
    assert_eq!(desk.model_request().purpose, Purpose::Answer);
    desk.model_counting([message("two")], 100);
    assert_eq!(
        desk.names(from)[2..],
        [
            "item_completed",
            "context_compacted",
            "item_completed",
            "item_completed",
            "token_count",
            "turn_completed"
        ]
    );
}

#[test]
fn one_below_its_limit_is_not() {
    let mut desk = desk(settings(), 780);
    desk.says("second");
    assert_eq!(desk.model_request().purpose, Purpose::Answer);
    let mut desk = self::desk(Settings { compact_at: CompactAt::Never, ..settings() }, 990);
    desk.says("second");
    assert_eq!(desk.model_request().purpose, Purpose::Answer);
    let mut desk = self::desk(Settings { compact_at: CompactAt::Tokens(500), ..settings() }, 500);
    desk.says("second");
    assert_eq!(desk.model_request().purpose, Purpose::Summary);
}

#[test]
fn a_turn_that_grows_too_large_is_summarised_between_its_steps() {
    let mut desk = desk(settings(), 100);
    desk.says("second");
    desk.model_counting([call("read_a", "{}")], 850);
    desk.answer(is_prepare, ready(preparation("read_a", "a")));
    desk.tool(finished("so it is"));
    desk.summarised("It reads a.");
    assert_eq!(
        desk.told(),
        [
            "context: house rules",
            "user: first",
            "user: second",
            "context: <summary>\nIt reads a.\n</summary>",
            "environment",
        ]
    );
    assert_eq!(compacted(&desk.events).len(), 1);
    desk.model_counting([message("two")], 100);
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: Some("two".into()) }));
}

#[test]
fn a_summary_on_request_is_a_turn_of_its_own() {
    let mut desk = desk(settings(), 100);
    let from = desk.events.len();
    desk.op(Op::Compact);
    desk.summarised("About one.");
    assert_eq!(
        desk.names(from),
        ["turn_started", "item_started", "item_completed", "context_compacted", "turn_completed"]
    );
    assert_eq!(compacted(&desk.events), [(CompactionTrigger::Requested, 100)]);
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: None }));
    assert_eq!(
        desk.told(),
        ["context: house rules", "user: first", "context: <summary>\nAbout one.\n</summary>"]
    );
}

#[test]
fn one_on_request_while_a_turn_runs_comes_at_its_next_step() {
    let mut desk = desk(settings(), 100);
    desk.says("second");
    desk.op(Op::Compact);
    desk.model_counting([call("read_a", "{}")], 110);
    desk.answer(is_prepare, ready(preparation("read_a", "a")));
    desk.tool(finished("so it is"));
    desk.summarised("It reads a.");
    assert_eq!(compacted(&desk.events).len(), 1);
    assert_eq!(desk.model_request().purpose, Purpose::Answer);
}

#[test]
fn one_on_request_during_the_last_answer_comes_after_its_turn() {
    let mut desk = desk(settings(), 100);
    desk.says("second");
    desk.op(Op::Compact);
    let from = desk.events.len();
    desk.model_counting([message("two")], 110);
    assert_eq!(
        desk.names(from),
        ["item_completed", "token_count", "turn_completed", "turn_started", "item_started"]
    );
    desk.summarised("About both.");
    assert_eq!(desk.thread.current_turn(), None, "the model is not asked to answer again");
}

#[test]
fn what_is_said_during_a_summary_on_request_is_the_next_turn() {
    let mut desk = desk(settings(), 100);
    desk.op(Op::Compact);
    desk.says("and now?");
    let from = desk.events.len();
    desk.summarised("About one.");
    assert_eq!(
        desk.names(from)[..4],
        ["item_completed", "context_compacted", "turn_completed", "turn_started"]
    );
    assert_eq!(desk.told().last().map(String::as_str), Some("user: and now?"));
    desk.model_counting([message("now this")], 50);
    assert!(desk.thread.is_at_rest());
}

#[test]
fn for_a_smaller_window_the_model_before_writes_the_summary_at_its_own_price() {
    let price = Price { input: 2_000_000, cached: 0, output: 0 };
    let mut desk = desk(Settings { price: Some(price), ..settings() }, 500);
    assert_eq!(desk.thread.cost_microusd(), Some(1_000));
    let dear = Price { input: 1_000_000_000, cached: 0, output: 0 };
    desk.op(overridden(TurnOverrides {
        model: Some("small".into()),
        context_window: Some(500),
        price: Some(dear),
        ..TurnOverrides::default()
    }));
    desk.says("second");
    assert_eq!(desk.model_request().model, "model");
    desk.summary(completed([message("About one.")], 600));
    assert_eq!(desk.thread.cost_microusd(), Some(2_200));
    assert_eq!(compacted(&desk.events), [(CompactionTrigger::SmallerWindow, 500)]);
    assert_eq!(desk.model_request().model, "small");
}

#[test]
fn an_overflow_leaves_out_the_oldest_until_the_summary_fits_and_asks_again() {
    let mut desk = desk(Settings { context_window: None, ..settings() }, 100);
    for text in ["second", "third"] {
        desk.says(text);
        desk.model_counting([message(text)], 100);
    }
    desk.says("fourth");
    desk.fails(ModelErrorKind::ContextWindowExceeded);
    let length = desk.thread.items().len() as u64;
    let mut skipped = vec![desk.model_request().conversation.skipped];
    for _ in 0..2 {
        desk.summary(failed(ModelErrorKind::ContextWindowExceeded));
        let conversation = desk.model_request().conversation;
        assert_eq!(conversation.items.len() as u64 + conversation.skipped, length);
        skipped.push(conversation.skipped);
    }
    assert_eq!(skipped, [0, 2, 3], "a quarter of what is left goes each time");
    desk.summarised("All of it.");
    assert_eq!(compacted(&desk.events)[0].0, CompactionTrigger::Overflow);
    let told = desk.told();
    assert_eq!(told[0], "context: house rules", "what was left out of the request is kept all the same");
    assert_eq!(told[1..5], ["user: first", "user: second", "user: third", "user: fourth"]);
    desk.model_counting([message("four")], 50);
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: Some("four".into()) }));
}

#[test]
fn an_overflow_after_a_summary_is_one_clear_error() {
    let mut desk = desk(settings(), 100);
    desk.says("second");
    desk.fails(ModelErrorKind::ContextWindowExceeded);
    desk.summarised("About one.");
    desk.fails(ModelErrorKind::ContextWindowExceeded);
    assert_eq!(desk.end(), ended(TurnEnd::ContextWindowExceeded { message: "it failed".into() }));
    assert_eq!(errors(&desk).len(), 1);
    desk.says("third");
    assert_eq!(desk.model_request().purpose, Purpose::Answer, "the thread stays usable");
}

#[test]
fn an_overflow_whose_summary_never_fits_is_one_clear_error() {
    let mut desk = desk(settings(), 100);
    desk.says("second");
    desk.fails(ModelErrorKind::ContextWindowExceeded);
    let mut asked = 0;
    while desk.running(is_summary).is_some() {
        desk.summary(failed(ModelErrorKind::ContextWindowExceeded));
        asked += 1;
    }
    assert!((2..=6).contains(&asked), "{asked}");
    let message = "the conversation could not be summarised: it failed";
    assert_eq!(desk.end(), ended(TurnEnd::ContextWindowExceeded { message: message.into() }));
    assert_eq!(errors(&desk), [("context_window_exceeded".to_owned(), message.to_owned())]);
    assert_eq!(summaries(&desk.events), [""], "clients see that nothing came of it");
}

#[test]
fn a_message_too_large_by_itself_is_one_clear_error() {
    let mut desk = desk(settings(), 100);
    desk.says(&"x".repeat(4_000));
    desk.summarised("About one, and a long message.");
    let EventKind::TurnCompleted { end: TurnEnd::ContextWindowExceeded { message }, .. } = desk.end() else {
        panic!("{:?}", desk.end());
    };
    assert!(
        message.contains("after it was summarised, where 800 are the limit; raise the limit"),
        "{message}"
    );
    assert_eq!(errors(&desk).len(), 1);
    assert_eq!(compacted(&desk.events).len(), 1, "it is not tried twice");
}

/// Answers that are no summary, each with what is said of it.
#[test]
fn a_summary_that_is_none_is_asked_for_four_times_and_then_done_without() {
    let calls_a_tool = completed([call("read_a", "{}")], 0);
    let empty = "the model gave no summary";
    let large = "the summary has about 1250 tokens, where 1000 are the limit";
    for (answer, why) in [
        (completed([], 0), empty),
        (completed([message("  ")], 0), empty),
        (calls_a_tool, empty),
        (completed([message(&"x".repeat(5_000))], 0), large),
        (failed(ModelErrorKind::Stream), "it failed"),
    ] {
        let mut desk = desk(settings(), 850);
        desk.says("second");
        for attempt in 1..=4 {
            assert_eq!(desk.model_request().attempt, attempt);
            desk.summary(answer.clone());
            if attempt < 4 {
                desk.answer(is_timer, Answer::Due);
            }
        }
        let warning = format!("the conversation could not be summarised: {why}; it goes on as it is");
        assert_eq!(warnings(&desk), [warning]);
        assert_eq!((summaries(&desk.events), compacted(&desk.events)), (vec![String::new()], vec![]));
        assert_eq!(
            desk.told(),
            ["context: house rules", "environment", "user: first", "agent: one", "user: second"]
        );
        desk.model_counting([call("read_a", "{}")], 860);
        desk.answer(is_prepare, ready(preparation("read_a", "a")));
        desk.tool(finished("so it is"));
        assert_eq!(desk.model_request().purpose, Purpose::Answer, "it is not tried again at each step");
        desk.model_counting([call("read_b", "{}")], 940);
        desk.answer(is_prepare, ready(preparation("read_b", "b")));
        desk.tool(finished("so it is"));
        assert_eq!(desk.model_request().purpose, Purpose::Summary, "but where it has grown by a tenth");
    }
}

#[test]
fn a_failure_that_will_not_pass_is_not_tried_again() {
    let mut desk = desk(settings(), 100);
    desk.op(Op::Compact);
    desk.summary(failed(ModelErrorKind::Auth));
    let message = "the conversation could not be summarised: it failed; it is as it was".to_owned();
    assert_eq!(desk.end(), ended(TurnEnd::Fatal { message }));
    assert_eq!(desk.told(), ["context: house rules", "environment", "user: first", "agent: one"]);
}

#[test]
fn an_empty_conversation_has_nothing_to_summarise() {
    let mut desk = Desk::new(settings());
    desk.op(Op::Compact);
    assert_eq!(desk.names(1), ["turn_started", "warning", "turn_completed"]);
    assert_eq!(warnings(&desk), ["there is nothing to summarise yet"]);
}

#[test]
fn a_summary_that_dies_with_its_process_is_asked_for_again() {
    let mut desk = desk(settings(), 850);
    desk.says("second");
    desk.crash(ToolAnswer::NotStarted);
    assert_eq!((desk.model_request().purpose, desk.model_request().attempt), (Purpose::Summary, 2));
    for _ in 0..15 {
        desk.crash(ToolAnswer::NotStarted);
    }
    assert_eq!(warnings(&desk).len(), 1);
    assert_eq!(desk.model_request().purpose, Purpose::Answer);
}

#[test]
fn a_summary_that_is_interrupted_leaves_everything_as_it_was() {
    let told = ["context: house rules", "environment", "user: first", "agent: one", "user: second"];
    let cancelled = ModelAnswer::Cancelled { partial: "It was".into(), index: 0 };
    let overflow = failed(ModelErrorKind::ContextWindowExceeded);
    for answer in [cancelled, failed(ModelErrorKind::Stream), overflow] {
        let mut desk = desk(settings(), 850);
        desk.says("second");
        desk.op(Op::Interrupt);
        desk.summary(answer);
        assert_eq!(desk.told(), told);
        assert_eq!(desk.thread.current_turn(), None);
        assert_eq!(summaries(&desk.events), [""]);
    }
    let mut desk = desk(settings(), 850);
    desk.says("second");
    desk.summary(failed(ModelErrorKind::Stream));
    desk.op(Op::Interrupt);
    desk.answer(is_timer, Answer::Cancelled);
    assert_eq!((desk.told().len(), summaries(&desk.events)), (5, vec![String::new()]));
}

#[test]
fn the_plan_and_the_files_that_were_changed_are_in_the_summary() {
    let mut desk = desk(settings(), 100);
    let step = |text: &str, status| PlanStep { step: text.into(), status };
    let steps = vec![
        step("look", PlanStepStatus::Completed),
        step("do", PlanStepStatus::InProgress),
        step("check", PlanStepStatus::Pending),
    ];
    let plan = Plan { steps, ..Plan::default() };
    let change = |path: &str| FileChange {
        path: path.into(),
        kind: FileChangeKind::Update,
        moved_to: None,
        diff: String::new(),
    };
    let patch = ToolOutput {
        changes: vec![change("b.txt"), change("a.txt"), change("b.txt")],
        ..ToolOutput::text(OutputStatus::Ok, "done")
    };
    let planning = Preparation { subject: Subject::Plan { plan }, ..preparation("update_plan", "p") };
    desk.asks_for([("update_plan", planning), ("apply_patch", preparation("apply_patch", "q"))]);
    desk.tool(finished("noted"));
    desk.tool(ToolAnswer::Finished { output: patch });
    desk.model_counting([message("done")], 100);
    desk.op(Op::Compact);
    desk.summarised("Half done.");
    let summary =
        "Half done.\n\n## Plan\n[x] look\n[>] do\n[ ] check\n\n\n## Files changed so far\nb.txt\na.txt";
    assert_eq!(summaries(&desk.events), [summary]);
}

#[test]
fn the_next_summary_takes_the_place_of_the_one_before() {
    let mut desk = desk(settings(), 800);
    for (said, summary) in [("second", "One."), ("third", "One and two."), ("fourth", "All three.")] {
        desk.says(said);
        desk.summarised(summary);
        desk.model_counting([message("so")], 800);
    }
    assert_eq!(
        desk.told(),
        [
            "context: house rules",
            "user: first",
            "user: second",
            "user: third",
            "context: <summary>\nAll three.\n</summary>",
            "environment",
            "user: fourth",
            "agent: so",
        ]
    );
}

#[test]
fn of_what_the_user_said_the_last_is_kept_up_to_a_quarter_of_the_limit() {
    let mut desk = desk(settings(), 100);
    for at in 0..6 {
        desk.says(&format!("{at}{}", "x".repeat(300)));
        desk.model_counting([message("so")], 100);
    }
    desk.op(Op::Compact);
    desk.summarised("Much.");
    let said: Vec<char> =
        desk.told().iter().filter_map(|told| told.strip_prefix("user: ")?.chars().next()).collect();
    assert_eq!(said, ['4', '5'], "200 tokens are two messages of 76");
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let desk = desk(settings(), 100);
    for compact_at in [CompactAt::Percent(101), CompactAt::Tokens(0)] {
        let overrides = TurnOverrides { compact_at: Some(compact_at), ..TurnOverrides::default() };
        assert!(matches!(desk.refusal(overridden(overrides)), Some(Refusal::Malformed { .. })));
    }
}

#[test]
fn a_small_window_has_its_share_to_the_token() {
    let mut desk = desk(Settings { context_window: Some(190), ..settings() }, 130);
    desk.says("second");
    assert_eq!(desk.model_request().purpose, Purpose::Answer, "152 are the limit");
}

#[test]
fn a_host_that_serves_no_summaries_says_so() {
    let mut desk = desk(settings(), 850);
    desk.says("second");
    let effect = desk.running(is_summary).unwrap().effect;
    desk.feed(Input::Answered { effect: effect.id, attempt: 1, answer: Answer::NotServed });
    assert_eq!(errors(&desk)[0].0, "not_served");
    assert_eq!(summaries(&desk.events), [""]);
}

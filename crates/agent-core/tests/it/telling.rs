//! What the model is told of its environment, and when.

use crate::{
    driver::run_until_idle,
    scenario::{genesis, message, says, submission, thread},
};
use agent_core::{
    ApprovalPolicy, Content, Genesis, Item, Op, SandboxPolicy, Settings, StartUp, Submission, Surroundings,
    Thread, TurnOverrides,
    testing::{FakeInbox, FakeModel, World, response},
};

/// The context and the user's words of a thread to which all this was said.
fn told(start_up: StartUp, submissions: impl IntoIterator<Item = Submission>) -> (Thread, Vec<String>) {
    let model = FakeModel::new(|_| response([message("ok")]));
    let world = World::new(model, FakeInbox::of([]));
    let mut thread = thread();
    assert!(run_until_idle(&mut thread, start_up, world.ports()).is_none());
    for submission in submissions {
        world.inbox.push(submission);
        // A submission at a time: what is said while a turn runs would be steered into it.
        assert!(run_until_idle(&mut thread, StartUp::HandOver, world.ports()).is_none());
    }
    let words = thread.items().iter().filter_map(|item| match &**item {
        Item::Context { text } => Some(text.clone()),
        Item::User { content } => match &content[0] {
            Content::Text { text } => Some(text.clone()),
            _ => None,
        },
        _ => None,
    });
    let words = words.collect();
    (thread, words)
}

fn overriding(op: &str, overrides: TurnOverrides) -> Submission {
    submission(op, Op::OverrideTurnContext { overrides })
}

const AT_FIRST: &str = "<environment>\nworking directory: /work\nsandbox: read-only: files may be read, nothing may \
be changed\napproval policy: on-request: the user is asked about what the sandbox does not allow\n</environment>";

#[test]
fn the_environment_is_told_once_and_before_the_user_speaks() {
    let (_, words) = told(genesis(), [says("1", "a"), says("2", "b")]);
    assert_eq!(words, [AT_FIRST, "a", "b"]);
}

#[test]
fn only_what_changed_is_told_again() {
    let never = TurnOverrides {
        approval: Some(ApprovalPolicy::Never),
        sandbox: Some(SandboxPolicy::DangerFullAccess),
        model: Some("another".into()),
        ..TurnOverrides::default()
    };
    let (_, words) = told(genesis(), [says("1", "a"), overriding("2", never), says("3", "b")]);
    let change = "<environment_change>\nsandbox: full access\napproval policy: never: what would need an answer is \
                  refused\n</environment_change>";
    assert_eq!(words, [AT_FIRST, "a", change, "b"]);
}

#[test]
fn what_holds_for_one_turn_is_told_and_told_back() {
    let overrides = TurnOverrides { cwd: Some("/elsewhere".into()), ..TurnOverrides::default() };
    let items = vec![Content::text("a")];
    let turn = submission("1", Op::UserTurn { items, overrides, output_schema: None });
    let (_, words) = told(genesis(), [turn, says("2", "b")]);
    let back = "<environment_change>\nworking directory: /work\n</environment_change>";
    assert_eq!(words[1..], ["a", back, "b"]);
    assert!(words[0].contains("working directory: /elsewhere"));
}

#[test]
fn surroundings_and_developer_instructions_come_and_go() {
    let settings = Settings {
        developer_instructions: Some("Speak French.".into()),
        surroundings: Surroundings { date: Some("2026-11-21".into()), ..Surroundings::default() },
        ..Settings::new("/work", "model")
    };
    let start = StartUp::New(Box::new(Genesis { settings, ..Genesis::default() }));
    let next_day = TurnOverrides {
        developer_instructions: Some(String::new()),
        surroundings: Some(Surroundings { git: Some("main @ 1a2b3c4".into()), ..Surroundings::default() }),
        ..TurnOverrides::default()
    };
    let (thread, words) = told(start, [says("1", "a"), overriding("2", next_day), says("3", "b")]);
    assert!(words[0].contains("\ndate: 2026-11-21\n"), "{words:?}");
    let french = "<developer_instructions>\nSpeak French.\n</developer_instructions>";
    let change = "<environment_change>\ngit: main @ 1a2b3c4\ndate: no longer known\n</environment_change>";
    let gone = "<developer_instructions>\nThe instructions given here before no longer \
                apply.\n</developer_instructions>";
    assert_eq!(words[1..], [french, "a", change, gone, "b"]);
    assert_eq!(thread.settings().developer_instructions, None);
}

#[test]
fn another_model_has_another_window() {
    let settings = Settings { context_window: Some(400_000), ..Settings::new("/work", "model") };
    let start = || StartUp::New(Box::new(Genesis { settings: settings.clone(), ..Genesis::default() }));
    let window =
        |overrides: TurnOverrides| told(start(), [overriding("1", overrides)]).0.settings().context_window;
    assert_eq!(window(TurnOverrides::default()), Some(400_000));
    let other = TurnOverrides { model: Some("other".into()), ..TurnOverrides::default() };
    assert_eq!(window(other.clone()), None, "it is not known");
    assert_eq!(window(TurnOverrides { context_window: Some(8_192), ..other }), Some(8_192));
    let same = TurnOverrides { model: Some("model".into()), ..TurnOverrides::default() };
    assert_eq!(window(same), Some(400_000));
    let elsewhere = TurnOverrides { provider: Some("elsewhere".into()), ..TurnOverrides::default() };
    assert_eq!(window(elsewhere), None);
}

#[test]
fn a_fork_knows_what_its_past_was_told() {
    let settings =
        Settings { developer_instructions: Some("Rhyme.".into()), ..Settings::new("/work", "model") };
    let start = StartUp::New(Box::new(Genesis { settings, ..Genesis::default() }));
    let (origin, before) = told(start, [says("1", "a")]);
    let prose = TurnOverrides { developer_instructions: Some(String::new()), ..TurnOverrides::default() };
    let fork = StartUp::New(Box::new(origin.fork().unwrap()));
    let (_, after) = told(fork, [overriding("2", prose), says("3", "b")]);
    assert_eq!(after[..before.len()], before);
    let gone = "<developer_instructions>\nThe instructions given here before no longer \
                apply.\n</developer_instructions>";
    assert_eq!(after[before.len()..], [gone, "b"]);
}

#[test]
fn each_route_of_a_granular_policy_is_told() {
    let policy = |patches| {
        let granular = agent_core::GranularPolicy { patches, ..Default::default() };
        TurnOverrides { approval: Some(ApprovalPolicy::Granular(granular)), ..TurnOverrides::default() }
    };
    let (_, words) = told(
        genesis(),
        [
            overriding("1", policy(agent_core::Route::Ask)),
            says("2", "a"),
            overriding("3", policy(agent_core::Route::Refuse)),
            says("4", "b"),
        ],
    );
    assert!(
        words[2].contains("of changes of files: refused; of other tools: the user is asked"),
        "{words:?}"
    );
}

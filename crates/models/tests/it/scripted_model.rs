//! The scripted model: which step, what it says, how it fails.

use crate::conversation::{
    agent, all, attempt, call, error, freeform, function, items, kinds, message, output, request, user,
};
use agent_core::{
    Completion, Item, LiveKind, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, ModelStreamer, Shared,
    TokenUsage,
};
use futures::StreamExt;
use models::{Script, ScriptedModel, WebPages, web_search_tool};
use proptest::prelude::*;
use std::time::Duration;

fn model(script: &str) -> ScriptedModel {
    ScriptedModel::new(Script::parse(script).unwrap())
}

const BUILD: &str = r#"
    [[turn]]
    match = "build"
        [[turn.step]]
        reasoning = "Look first."
        text = "I look."
        calls = [
            { tool = "exec_command", args = { cmd = "make" } },
            { tool = "apply_patch", input = "for {{prompt}}" },
        ]
        [[turn.step]]
        expect_output = "error"
        text = "{{line:error}} / {{output:1}} / {{output}}"
    [[turn]]
        [[turn.step]]
        text = "first other"
    [[turn]]
        [[turn.step]]
        text = "second other"
"#;

#[tokio::test]
async fn response_comes_as_deltas_then_items_then_completed() {
    let events = all(&model(BUILD), request(vec![user("build it")])).await;
    let events: Vec<ModelEvent> = events.into_iter().map(Result::unwrap).collect();
    let delta = |index, kind| ModelEvent::Delta { index, kind };
    let reasoning = ModelItem::Reasoning {
        provider_id: None,
        summary: vec!["Look first.".to_owned()],
        text: None,
        encrypted: None,
    };
    let tokens = TokenUsage { input: 5, cached: 0, output: 17, reasoning: 3 };
    let expected = [
        delta(0, LiveKind::Reasoning("Look ".to_owned())),
        delta(0, LiveKind::Reasoning("first.".to_owned())),
        ModelEvent::Item(reasoning),
        delta(1, LiveKind::Message("I ".to_owned())),
        delta(1, LiveKind::Message("look.".to_owned())),
        ModelEvent::Item(message("I look.")),
        ModelEvent::Item(function("exec_command", r#"{"cmd":"make"}"#)),
        ModelEvent::Item(freeform("apply_patch", "for build it")),
        ModelEvent::Completed(Completion { tokens: Some(tokens), ..Completion::default() }),
    ];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn step_follows_from_the_conversation() {
    let model = model(BUILD);
    let built = vec![
        user("build it"),
        agent("I look."),
        call(1),
        call(2),
        output(1, "ok"),
        output(2, "x\nan error\n"),
    ];
    assert_eq!(items(&model, request(built.clone())).await, [message("an error / ok / x\nan error\n")]);

    let mut later = built;
    later.extend([agent("done"), user("hello")]);
    assert_eq!(items(&model, request(later.clone())).await, [message("first other")]);
    later.extend([agent("first other"), user("hello again")]);
    assert_eq!(items(&model, request(later.clone())).await, [message("second other")]);
    later.extend([agent("second other"), user("build once more")]);
    assert_eq!(items(&model, request(later)).await.len(), 4);
}

#[tokio::test]
async fn plain_steps_go_on_through_the_whole_conversation() {
    let model = model(
        "[[step]]\ntext = \"one\"\n[[step]]\ntext = \"two\"\n[[step]]\nmatch = \"c\"\ntext = \"three\"\n",
    );
    let mut said = vec![user("a")];
    assert_eq!(items(&model, request(said.clone())).await, [message("one")]);
    said.extend([agent("one"), user("b")]);
    assert_eq!(items(&model, request(said.clone())).await, [message("two")]);
    said.extend([agent("two"), Item::Context { text: "note".to_owned() }, user("c")]);
    assert_eq!(items(&model, request(said.clone())).await, [message("three")]);
    said.extend([agent("three"), user("d")]);
    let error = error(&model, request(said)).await;
    assert_eq!(error.message, "scripted model: the script has 3 steps, and the conversation asks for step 4");
}

#[tokio::test]
async fn disagreement_is_loud() {
    let table = [
        (
            "[[turn]]\nmatch = \"x\"\n[[turn.step]]\ntext = \"a\"\n",
            vec![user("hello")],
            "no turn answers \"hello\": no `match` occurs in it, it is number 1 of such messages, and the script has \
             0 turns without `match`",
        ),
        (
            "[[turn]]\n[[turn.step]]\ntext = \"a\"\n",
            vec![user("hello"), agent("a"), call(1), output(1, "")],
            "turn 1 (line 1) has 1 steps, and the conversation asks for step 2",
        ),
        (
            "[[step]]\nmatch = \"bye\"\ntext = \"a\"\n",
            vec![user("hello")],
            "step 1 (line 1) expects the user's last message to contain \"bye\"; it is \"hello\"",
        ),
        (
            "[[step]]\ntext = \"a\"\n[[step]]\nexpect_output = \"yes\"\ntext = \"b\"\n",
            vec![user("hello"), call(1), output(1, "no")],
            "step 2 (line 3) expects the last tool output to contain \"yes\"; it is \"no\"",
        ),
        (
            "[[turn]]\n[[turn.step]]\nexpect_output = \"yes\"\ntext = \"b\"\n",
            vec![user("hello")],
            "step 1 (line 2) of turn 1 (line 1) expects a tool output with \"yes\"; there is none",
        ),
        (
            "[[step]]\ntext = \"{{output}}\"\n",
            vec![user("a")],
            "step 1 (line 1): {{output}} stands for nothing",
        ),
        (
            "[[step]]\ntext = \"a\"\n[[step]]\ntext = \"{{output:2}}\"\n",
            vec![user("a"), call(1), output(1, "x")],
            "{{output:2}} stands for nothing: this turn has 1 tool outputs so far",
        ),
        (
            "[[step]]\ntext = \"a\"\n[[step]]\ncalls = [{ tool = \"t\", args = { a = [\"{{line:zz}}\"] } }]\n",
            vec![user("a"), call(1), output(1, "x")],
            "{{line:zz}} stands for nothing: no line of the last tool output contains it; that is \"x\"",
        ),
    ];
    for (script, said, expected) in table {
        let error = error(&model(script), request(said)).await;
        assert_eq!(error.kind, ModelErrorKind::InvalidRequest);
        assert!(error.message.contains(expected), "{}\n{expected}", error.message);
    }
}

#[tokio::test]
async fn exit_code_can_be_expected() {
    let model = model("[[step]]\ntext = \"a\"\n[[step]]\nexpect_output = \"Exit code: 1\"\ntext = \"b\"\n");
    let Item::Output { call: id, mut output } = output(1, "no such file") else { unreachable!() };
    output.exit_code = Some(1);
    let said = vec![user("x"), call(1), Item::Output { call: id, output }];
    assert_eq!(items(&model, request(said)).await, [message("b")]);
}

#[tokio::test]
async fn arguments_may_be_broken_and_braces_escaped() {
    let model = model(
        r#"
        [[step]]
        text = "${{{{ secrets.X }}"
        calls = [{ tool = "a", args = '{"half": ' }, { tool = "b", args = { say = "{{prompt}}", n = [1, 2.5, true] } }]
        "#,
    );
    let expected = [
        message("${{ secrets.X }}"),
        function("a", "{\"half\": "),
        function("b", r#"{"n":[1,2.5,true],"say":"quote \" it"}"#),
    ];
    assert_eq!(items(&model, request(vec![user("quote \" it")])).await, expected);
}

#[tokio::test]
async fn faults_end_the_stream() {
    let table = [
        ("cut", vec!["delta", "delta", "stream"]),
        ("stream_error", vec!["stream"]),
        ("unavailable", vec!["unavailable"]),
        ("auth", vec!["auth"]),
        ("quota", vec!["quota"]),
        ("invalid_request", vec!["invalid_request"]),
        ("context_overflow", vec!["context_window_exceeded"]),
    ];
    for (fault, expected) in table {
        let model = model(&format!("[[step]]\ntext = \"a b c d\"\nfault = \"{fault}\"\n"));
        for number in [1, 2, 7] {
            assert_eq!(kinds(&all(&model, attempt(number, vec![user("x")])).await), expected, "{fault}");
        }
    }
}

#[tokio::test]
async fn fault_strikes_the_first_attempts_only() {
    let model = model("[[step]]\ntext = \"a\"\nfault = { kind = \"cut\", attempts = 2 }\n");
    for (number, last) in [(1, "stream"), (2, "stream"), (3, "completed")] {
        let events = all(&model, attempt(number, vec![user("x")])).await;
        assert_eq!(kinds(&events).last(), Some(&last));
    }
}

#[tokio::test(start_paused = true)]
async fn hang_says_half_and_then_nothing() {
    let model = model("[[step]]\ntext = \"a b c d\"\nfault = \"hang\"\n");
    let mut stream = model.stream(request(vec![user("x")]));
    for _ in 0..2 {
        assert!(matches!(stream.next().await, Some(Ok(ModelEvent::Delta { .. }))));
    }
    let silence = tokio::time::timeout(Duration::from_secs(3600), stream.next()).await;
    assert!(silence.is_err());
}

#[tokio::test(start_paused = true)]
async fn pauses_are_kept() {
    let model = model("[[step]]\ntext = \"a b c\"\ndelay_ms = 1000\nchunk_delay_ms = 10\n");
    let start = tokio::time::Instant::now();
    assert_eq!(items(&model, request(vec![user("x")])).await, [message("a b c")]);
    assert_eq!(start.elapsed(), Duration::from_millis(1030));
}

#[tokio::test]
async fn usage_is_what_the_script_says() {
    let model =
        model("[[step]]\ntext = \"a\"\nusage = { input = 9, cached = 8, output = 7, reasoning = 6 }\n");
    let events = all(&model, request(vec![user("x")])).await;
    let Some(Ok(ModelEvent::Completed(usage))) = events.last() else { panic!("{events:?}") };
    assert_eq!(usage.tokens, Some(TokenUsage { input: 9, cached: 8, output: 7, reasoning: 6 }));
}

#[tokio::test]
async fn search_of_the_web_is_part_of_the_response() {
    let script = "[[step]]\nreasoning = \"Hm.\"\nsearch = \"about {{prompt}}\"\ntext = \"I see.\"\n[[step]]\ntext = \"Found.\"\n";
    let tools = Shared::new(vec![web_search_tool(WebPages::Live)]);
    let ask = |items| ModelRequest { tools: tools.clone(), ..request(items) };
    let answered = items(&model(script), ask(vec![user("ferns")])).await;
    let [ModelItem::Reasoning { .. }, searched, _] = answered.as_slice() else { panic!("{answered:?}") };
    assert_eq!(*searched, ModelItem::WebSearch { query: "about ferns".to_owned(), sealed: None });
    // With what stands before and after it, it counts as one response.
    let thought = Item::Reasoning {
        provider_id: None,
        summary: Vec::new(),
        text: None,
        encrypted: None,
        provider: None,
    };
    let search = Item::WebSearch { query: "about ferns".to_owned(), sealed: None, provider: None };
    let said = vec![user("ferns"), thought, search, agent("I see."), user("go on")];
    assert_eq!(items(&model(script), ask(said)).await, [message("Found.")]);
}

#[tokio::test]
async fn search_without_the_tool_is_an_error() {
    let script = model("[[step]]\nsearch = \"ferns\"\n");
    let error = error(&script, request(vec![user("x")])).await;
    let expected =
        "scripted model: step 1 (line 1) searches the web, but the thread has no web search of its provider";
    assert_eq!((error.kind, error.message.as_str()), (ModelErrorKind::InvalidRequest, expected));
}

#[tokio::test]
async fn demo_answers_any_message_twice() {
    let model = model(Script::DEMO);
    let mut said = vec![user("anything")];
    assert_eq!(items(&model, request(said.clone())).await.len(), 3);
    said.extend([agent("x"), call(1), output(1, "Cargo.toml\n")]);
    let ModelItem::Message { text } = items(&model, request(said)).await.remove(0) else {
        panic!("a message")
    };
    assert!(text.contains("> anything") && text.contains("Cargo.toml"), "{text}");
}

/// A conversation as threads make them: user messages, each followed by some responses with calls and outputs.
fn conversations() -> impl Strategy<Value = Vec<Item>> {
    let turn = (prop_oneof![Just("build"), Just("hello"), Just("bye")], 0_u32..3);
    proptest::collection::vec(turn, 1..4).prop_map(|turns| {
        let mut items = Vec::new();
        for (prompt, responses) in turns {
            items.push(user(prompt));
            for number in 0..responses {
                items.extend([agent("some text"), call(number), output(number, "an error\n")]);
            }
        }
        items
    })
}

proptest! {
    /// Two models that never met, asked in any order and any number of times, say the same.
    #[test]
    fn answer_depends_on_the_request_alone(
        asked in proptest::collection::vec((conversations(), 1_u32..4), 1..6),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
    ) {
        let script = format!("{BUILD}\n[[turn]]\nmatch = \"bye\"\n[[turn.step]]\ntext = \"so long\"\nfault = {{ kind = \"cut\", attempts = 1 }}\n");
        let asked: Vec<ModelRequest> = asked.into_iter().map(|(items, number)| attempt(number, items)).collect();
        let used = model(&script);
        futures::executor::block_on(async {
            for index in order {
                let request = index.get(&asked);
                let fresh = model(&script);
                assert_eq!(all(&used, request.clone()).await, all(&fresh, request.clone()).await);
            }
        });
    }
}

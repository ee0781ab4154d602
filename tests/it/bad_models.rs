//! Models and servers that are not as the documentation says: each dialect of Chat Completions does a whole task, and
//! answers that make no sense are told to the model or end the turn with words that help.

use crate::{
    binary::{Bench, Ran},
    faults::provider::{ANSWER, Provider, Shown, goes_on, good},
};
use serde_json::{Value, json};
use test_kit::{Dialect, ModelServer, Recording, Replies, Reply, WireApi};

const PATCH: &str =
    "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+three \"quoted\"\n*** End Patch\n";
const MAY_WRITE: [&str; 3] = ["--sandbox", "workspace-write", "--skip-git-repo-check"];

/// Runs `exec` on this server in a project with a file `a.txt`.
fn exec(bench: &Bench, server: &ModelServer, api: WireApi, shown: Shown, args: &[&str]) -> Ran {
    bench.file("a.txt", "one\ntwo\n");
    Provider::of(server, api).exec(bench, shown, &[&MAY_WRITE, args].concat()).0
}

/// The items of a run in JSON that have this type.
fn items(ran: &Ran, kind: &str) -> Vec<Value> {
    let completed = ran.json().into_iter().filter(|event| event["type"] == "item.completed");
    completed.map(|event| event["item"].clone()).filter(|item| item["type"] == kind).collect()
}

/// Parallel calls, then a patch, then the answer.
fn task() -> Vec<Reply> {
    vec![
        Reply::new()
            .thoughts("Two things to look at.")
            .text("I look.")
            .call("read_file", json!({ "path": "a.txt" }))
            .call("list_dir", json!({ "path": "." }))
            .call("grep_files", json!({ "pattern": "two" })),
        Reply::new().freeform("apply_patch", PATCH),
        good(),
    ]
}

#[test]
fn a_task_is_done_in_every_dialect_of_chat() {
    for dialect in Dialect::ALL {
        let bench = Bench::new();
        let server = ModelServer::start_speaking(task(), dialect).unwrap();
        let ran = exec(&bench, &server, WireApi::Chat, Shown::AsText, &["Change it."]);
        assert_eq!((ran.code, ran.stdout.trim()), (Some(0), ANSWER), "{dialect:?}: {ran:#?}");
        assert_eq!(bench.read("a.txt"), "one\nthree \"quoted\"\n", "{dialect:?}");
        let requests = server.requests();
        let outputs: Vec<usize> = requests.iter().map(|request| request.tool_outputs().len()).collect();
        assert_eq!(outputs, [0, 3, 4], "{dialect:?}");
        let told = requests[1].tool_outputs();
        assert!(
            told[0].contains("one") && told[1].contains("a.txt") && told[2].contains("two"),
            "{dialect:?}: {told:?}"
        );
    }
}

#[test]
fn a_task_is_done_over_both_apis_and_goes_on_over_the_other() {
    for (api, other) in [(WireApi::Responses, WireApi::Chat), (WireApi::Chat, WireApi::Responses)] {
        let bench = Bench::new();
        let server = ModelServer::start(task()).unwrap();
        exec(&bench, &server, api, Shown::AsText, &["Change it."]).succeeds();
        assert_eq!(bench.read("a.txt"), "one\nthree \"quoted\"\n", "{api:?}");
        goes_on(&bench, other, &bench.events(), &["Change it.", "I look."], &format!("{api:?}"));
    }
}

#[test]
fn calls_that_make_no_sense_are_told_to_the_model() {
    let calls = [
        (Reply::new().call("no_such_tool", json!({})), "no_such_tool"),
        (Reply::new().call_with_text("read_file", "{\"path\": \"a.t"), "JSON"),
        (Reply::new().call("read_file", json!({ "file": "a.txt" })), "path"),
        (Reply::new().call("read_file", json!("a.txt")), "a.txt"),
        (Reply::new().freeform("apply_patch", "not a patch"), "*** Begin Patch"),
    ];
    for api in WireApi::ALL {
        for (reply, told) in &calls {
            let bench = Bench::new();
            let server = ModelServer::start(vec![reply.clone(), good()]).unwrap();
            let ran = exec(&bench, &server, api, Shown::AsText, &["Go."]);
            assert_eq!((ran.code, ran.stdout.trim()), (Some(0), ANSWER), "{told} over {api:?}: {ran:#?}");
            let outputs = server.requests()[1].tool_outputs();
            assert!(outputs.len() == 1 && outputs[0].contains(told), "{told} over {api:?}: {outputs:?}");
        }
    }
}

#[test]
fn calls_that_repeat_end_the_turn() {
    for api in WireApi::ALL {
        let bench = Bench::new();
        let replies = Replies::always(Reply::new().call("read_file", json!({ "path": "a.txt" })));
        let server = ModelServer::start_recording(replies, Recording::Count).unwrap();
        let ran = exec(&bench, &server, api, Shown::AsJson, &["Go."]);
        let end = ran.json().pop().unwrap();
        assert_eq!(
            (ran.code, &end["error"]["code"]),
            (Some(1), &json!("repeated_calls")),
            "{api:?}: {ran:#?}"
        );
        assert!(server.request_count() <= 4, "{} requests", server.request_count());
        goes_on(&bench, api, &bench.events(), &["Go."], "repeated calls");
    }
}

#[test]
fn an_answer_outside_the_schema_fails_the_turn() {
    let schema = json!({
        "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"], "additionalProperties": false,
    });
    for api in WireApi::ALL {
        let bench = Bench::new();
        let schema = bench.file("schema.json", &schema.to_string());
        let options = ["--output-schema", schema.to_str().unwrap()];
        let server = ModelServer::start(Replies::always(Reply::new().text("{\"ok\": \"maybe\"}"))).unwrap();
        let ran = exec(&bench, &server, api, Shown::AsJson, &[&options[..], &["Go."]].concat());
        let end = ran.json().pop().unwrap();
        assert_eq!(
            (ran.code, &end["error"]["code"]),
            (Some(1), &json!("output_misfit")),
            "{api:?}: {ran:#?}"
        );
        let message = end["error"]["message"].as_str().unwrap();
        assert!(message.contains("ok"), "{api:?}: {message}");
        goes_on(&bench, api, &bench.events(), &["Go."], "output misfit");

        let server = ModelServer::start(Reply::new().text("{\"ok\": true}")).unwrap();
        let ran = exec(&bench, &server, api, Shown::AsText, &[&options[..], &["Go."]].concat()).succeeds();
        assert_eq!(ran.stdout.trim(), "{\"ok\": true}");
        // Over chat it is told in words where the server is not OpenAI: held to the schema, others can call no tool.
        let asked = server.requests()[0].body.to_string();
        assert!(asked.contains("additionalProperties"), "{api:?}: {asked}");
    }
}

#[test]
fn a_response_that_was_ended_early_says_why() {
    // Where the window is full a summary is asked for, and once more without the oldest item.
    let table = [("max_output_tokens", "context_window_exceeded", 3), ("content_filter", "fatal", 1)];
    for api in WireApi::ALL {
        for (reason, code, requests) in table {
            let bench = Bench::new();
            let server =
                ModelServer::start(Replies::always(Reply::new().text("Half").incomplete(reason))).unwrap();
            let ran = exec(&bench, &server, api, Shown::AsJson, &["Go."]);
            let end = ran.json().pop().unwrap();
            assert_eq!(
                (ran.code, &end["error"]["code"]),
                (Some(1), &json!(code)),
                "{reason} over {api:?}: {ran:#?}"
            );
            assert_eq!(server.request_count(), requests, "{reason} over {api:?}");
            goes_on(&bench, api, &bench.events(), &["Go."], reason);
        }
    }
}

#[test]
fn a_refusal_is_an_answer() {
    for api in WireApi::ALL {
        let bench = Bench::new();
        let server = ModelServer::start(Reply::new().refusal("I cannot do that.")).unwrap();
        let ran = exec(&bench, &server, api, Shown::AsText, &["Go."]).succeeds();
        assert_eq!(ran.stdout.trim(), "I cannot do that.", "{api:?}");
    }
}

#[test]
fn a_server_that_cannot_stream_is_understood_over_chat() {
    let bench = Bench::new();
    let server = ModelServer::start(good().not_streamed()).unwrap();
    let ran = exec(&bench, &server, WireApi::Chat, Shown::AsText, &["Go."]).succeeds();
    assert_eq!(ran.stdout.trim(), ANSWER);
}

#[test]
fn a_stream_without_its_last_line_is_whole() {
    let bench = Bench::new();
    let server = ModelServer::start(good().without_done()).unwrap();
    let ran = exec(&bench, &server, WireApi::Chat, Shown::AsText, &["Go."]).succeeds();
    assert_eq!(ran.stdout.trim(), ANSWER);
}

#[test]
fn an_overflow_is_understood_in_every_dialect() {
    for dialect in Dialect::ALL {
        for reply in [Reply::context_overflow(), Reply::new().text("a").overflows()] {
            // Ollama's chat stream loses the reason of a failure: it looks like a response that was cut.
            if dialect == Dialect::Ollama && format!("{reply:?}").contains("Speech") {
                continue;
            }
            let bench = Bench::new();
            let server = ModelServer::start_speaking(Replies::always(reply.clone()), dialect).unwrap();
            let ran = exec(&bench, &server, WireApi::Chat, Shown::AsJson, &["Go."]);
            let end = ran.json().pop().unwrap();
            assert_eq!(end["error"]["code"], "context_window_exceeded", "{dialect:?} {reply:?}: {ran:#?}");
            assert_eq!(
                (ran.code, server.request_count()),
                (Some(1), 3),
                "{dialect:?}: asked, and twice for a summary"
            );
        }
    }
}

#[test]
fn an_unknown_model_is_named_in_every_dialect() {
    for dialect in Dialect::ALL {
        let bench = Bench::new();
        let server =
            ModelServer::start_speaking(Replies::always(Reply::unknown_model("test-model")), dialect)
                .unwrap();
        let ran = exec(&bench, &server, WireApi::Chat, Shown::AsText, &["Go."])
            .fails(1, &["test-model", "`model`"]);
        assert_eq!(server.request_count(), 1, "{dialect:?}: {ran:#?}");
    }
}

#[test]
fn what_a_command_did_is_shown_whatever_the_dialect() {
    let bench = Bench::new();
    let replies = vec![Reply::new().call("exec_command", json!({ "cmd": "echo hello" })), good()];
    let server = ModelServer::start_speaking(replies, Dialect::Gemini).unwrap();
    let provider = Provider::of(&server, WireApi::Chat);
    let (ran, _) = provider.exec(
        &bench,
        Shown::AsJson,
        &["--sandbox", "danger-full-access", "--skip-git-repo-check", "Go."],
    );
    let commands = items(&ran, "command_execution");
    assert_eq!((commands.len(), &commands[0]["aggregated_output"]), (1, &json!("hello\n")), "{ran:#?}");
}

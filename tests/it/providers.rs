//! Providers and their settings as a user meets them: switching in mid-thread, keys, connections, what is told of a project.

use crate::{
    binary::{Bench, Ran},
    commands::{last_thread, wait_for},
};
use serde_json::{Value, json};
use test_kit::{ModelServer, Reply, WireApi};

const KEY: &str = "sk-test-1234567890";

/// A home whose configuration has this server under three names, one for each API.
fn configured(server: &ModelServer) -> Bench {
    let bench = Bench::new();
    let url = server.url();
    bench.configure(&format!(
        "model_provider = \"first\"\nmodel = \"big\"\n\
         [model_providers.first]\nbase_url = \"{url}\"\nwire_api = \"responses\"\nenv_key = \"FIRST_KEY\"\n\
         [model_providers.second]\nbase_url = \"{url}\"\nwire_api = \"chat\"\n\
         [model_providers.third]\nbase_url = \"{url}\"\nwire_api = \"anthropic\"\nenv_key = \"THIRD_KEY\"\n\
         [models.big]\nfreeform_tools = true\nreasoning = true\n"
    ));
    bench
}

fn run(bench: &Bench, args: &[&str]) -> Ran {
    bench.command(args).env("FIRST_KEY", KEY).env("THIRD_KEY", KEY).output().unwrap().into()
}

#[test]
fn a_thread_goes_on_over_another_api_and_back() {
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n";
    let server = ModelServer::start(vec![
        Reply::new()
            .encrypted_reasoning(&["Think."], "sealed-by-first")
            .text("Patching.")
            .freeform("apply_patch", patch)
            .call("read_file", json!({ "path": "a.txt" })),
        Reply::new().text("Done."),
        Reply::new().thoughts("Hm.").call("list_dir", json!({})),
        Reply::new().text("Listed."),
        Reply::new().text("Back."),
    ])
    .unwrap();
    let bench = configured(&server);
    run(&bench, &["exec", "--sandbox", "workspace-write", "begin"]).succeeds();
    let second = ["-c", "model_provider=second", "-m", "small"];
    run(&bench, &[&["exec", "resume", "--last", "look"], &second[..]].concat()).succeeds();
    let back = ["-c", "model_provider=first", "-m", "big"];
    let ran = run(&bench, &[&["exec", "resume", "--last", "now back"], &back[..]].concat()).succeeds();
    assert_eq!(ran.stdout, "Back.\n");

    let requests = server.requests();
    let apis: Vec<WireApi> = requests.iter().map(|request| request.api).collect();
    use WireApi::{Chat, Responses};
    assert_eq!(apis, [Responses, Responses, Chat, Chat, Responses]);
    assert!(requests[1].body["input"].to_string().contains("sealed-by-first"));
    // The other provider is told what was said and done, in its own shapes, and nothing that only the first can read.
    let told = &requests[3].body["messages"];
    assert!(!told.to_string().contains("sealed-by-first"), "{told:#}");
    assert_eq!(requests[3].header("authorization"), None, "the key of the first is not shown to the second");
    let roles: Vec<&str> =
        requests[3].input().iter().map(|message| message["role"].as_str().unwrap()).collect();
    let expected = ["system", "user", "assistant", "tool", "tool", "assistant", "user", "assistant", "tool"];
    assert_eq!(roles, expected, "{told:#}");
    let calls = &told[2]["tool_calls"];
    assert_eq!(
        (&calls[0]["function"]["name"], &calls[1]["function"]["name"]),
        (&json!("apply_patch"), &json!("read_file"))
    );
    let arguments: Value = serde_json::from_str(calls[0]["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({ "input": patch }));
    // Back with the first, which gets its own thoughts again.
    let input = requests[4].body["input"].to_string();
    assert!(
        input.contains("sealed-by-first") && input.contains("custom_tool_call") && input.contains("Listed."),
        "{input}"
    );
}

#[test]
fn a_thread_goes_round_all_apis_and_each_gets_its_own_thoughts_again() {
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n";
    let look = |thought, seal| {
        Reply::new().encrypted_reasoning(&[thought], seal).text("I look.").call("list_dir", json!({}))
    };
    let server = ModelServer::start(vec![
        look("One.", "sealed-by-third").freeform("apply_patch", patch),
        Reply::new().text("Patched."),
        look("Two.", "sealed-by-first"),
        Reply::new().text("Listed."),
        Reply::new().thoughts("Hm.").call("list_dir", json!({ "depth": 2 })),
        Reply::new().text("Listed again."),
        look("Three.", "sealed-by-third-again"),
        Reply::new().text("Back."),
    ])
    .unwrap();
    let bench = configured(&server);
    let with = |provider: &str, args: &[&str]| {
        let choice = format!("model_provider={provider}");
        run(&bench, &[&["exec"], args, &["-c", &choice, "-m", "claude-opus-5-5"]].concat()).succeeds()
    };
    with("third", &["--sandbox", "workspace-write", "begin"]);
    with("first", &["resume", "--last", "look"]);
    with("second", &["resume", "--last", "look again"]);
    let ran = with("third", &["resume", "--last", "now back"]);
    assert_eq!((ran.stdout.as_str(), bench.read("a.txt").as_str()), ("Back.\n", "x\n"));

    use WireApi::{Anthropic, Chat, Responses};
    let requests = server.requests();
    let apis: Vec<WireApi> = requests.iter().map(|request| request.api).collect();
    assert_eq!(apis, [Anthropic, Anthropic, Responses, Responses, Chat, Chat, Anthropic, Anthropic]);
    assert_eq!(requests[0].header("x-api-key"), Some(KEY));
    let seals = ["sealed-by-third\"", "sealed-by-first", "sealed-by-third-again"];
    let told: Vec<[bool; 3]> = requests
        .iter()
        .map(|request| serde_json::to_string(request.input()).unwrap())
        .map(|input| seals.map(|seal| input.contains(seal)))
        .collect();
    let (none, third, first) = ([false; 3], [true, false, false], [false, true, false]);
    // `first` reasons and is told its thoughts in the same turn; no model is told what another sealed.
    assert_eq!(told, [none, third, none, first, none, none, third, [true, false, true]]);
    // All that was done is told everywhere: two calls, then one each.
    let outputs: Vec<usize> = requests.iter().map(|request| request.tool_outputs().len()).collect();
    assert_eq!(outputs, [0, 2, 2, 3, 3, 4, 4, 5]);
    let [.., last] = &requests[..] else { panic!() };
    let calls = last.body["messages"][1]["content"].as_array().unwrap();
    let patched = calls.iter().find(|block| block["name"] == "apply_patch").unwrap();
    assert_eq!(patched["input"], json!({ "input": patch }));
}

#[test]
fn one_connection_serves_all_steps_over_every_api() {
    for provider in ["first", "second", "third"] {
        let steps =
            (0..10).map(|n| Reply::new().call("list_dir", json!({ "depth": n % 3 + 1, "limit": 10 + n })));
        let server =
            ModelServer::start(steps.chain([Reply::new().text("Done.")]).collect::<Vec<_>>()).unwrap();
        let bench = configured(&server);
        run(&bench, &["exec", "-c", &format!("model_provider={provider}"), "go"]).succeeds();
        assert_eq!((server.request_count(), server.connection_count()), (11, 1), "{provider}");
    }
}

#[test]
fn a_key_of_login_is_used_hidden_and_forgotten() {
    let server = ModelServer::start(vec![
        Reply::new().call("exec_command", json!({ "cmd": "cat \"$EVERTURN_HOME/auth.json\"; env" })),
        Reply::new().text("Done."),
    ])
    .unwrap();
    let bench = configured(&server);
    let full = ["exec", "--sandbox", "danger-full-access", "--json", "show it"];
    bench.run_with(&["login", "--provider", "first"], format!("{KEY}\n").as_bytes()).succeeds();
    let status = bench.run(&["login", "--status"]).succeeds();
    assert!(status.stdout.contains("first        key from everturn login"), "{status:?}");
    let ran = bench.run(&full).succeeds();
    assert_eq!(server.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(!ran.stdout.contains(KEY) && ran.stdout.contains("[redacted]"), "{ran:#?}");
    bench.run(&["logout", "--provider", "first"]).succeeds();
    let auth = std::fs::read_to_string(bench.home().join("auth.json")).unwrap_or_default();
    assert!(!auth.contains(KEY));
    bench.run_with(&["login", "--provider", "nobody"], b"x").fails(2, &["nobody", "openai"]);
    bench.run_with(&["login", "--provider", "first"], b"\n").fails(2, &["no key"]);
}

#[test]
fn a_key_that_login_keeps_while_a_turn_runs_is_hidden_too() {
    let server = ModelServer::start(Vec::new()).unwrap();
    let bench = configured(&server);
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"mkfifo gate; echo > started; cat gate\" } }]\n\
         [[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = 'cat \"$EVERTURN_HOME/auth.json\"' } }]\n\
         [[step]]\ntext = \"{{output:1}}\"\n",
    );
    let full = ["exec", "--sandbox", "danger-full-access", "--json", "--script", &script, "show it"];
    let child = bench.spawn(&full);
    wait_for("the command", || bench.read("started") == "\n");
    bench.run_with(&["login", "--provider", "second"], format!("{KEY}\n").as_bytes()).succeeds();
    bench.file("gate", "go on");
    let ran = Ran::from(child.wait_with_output().unwrap()).succeeds();
    assert!(!ran.stdout.contains(KEY) && ran.stdout.contains("[redacted]"), "{ran:#?}");
    let export = bench.run(&["sessions", "export", "--format", "jsonl", &last_thread(&bench)]).succeeds();
    assert!(!export.stdout.contains(KEY), "{export:#?}");
}

#[test]
fn the_files_of_a_project_are_told_once() {
    let server = ModelServer::start(vec![Reply::new().text("One."), Reply::new().text("Two.")]).unwrap();
    let bench = configured(&server);
    bench.file("AGENTS.md", "Use tabs in this project.");
    std::fs::create_dir(bench.project().join("sub")).unwrap();
    bench.file("sub/CLAUDE.md", "Except here.");
    std::fs::write(bench.home().join("AGENTS.md"), "I like short answers.").unwrap();
    run(&bench, &["exec", "--cd", "sub", "hi"]).succeeds();
    run(&bench, &["exec", "resume", "--last", "again"]).succeeds();
    let told = server.requests()[1].body["input"].to_string();
    let places: Vec<_> = ["I like short answers.", "Use tabs in this project.", "Except here.", "\"hi\""]
        .map(|text| (told.matches(text).count(), told.find(text)))
        .into();
    assert!(places.iter().all(|(count, _)| *count == 1) && places.is_sorted(), "{places:?} {told}");
}

#[test]
fn instructions_can_be_replaced_and_added_to() {
    let server = ModelServer::start(vec![Reply::new().text("One.")]).unwrap();
    let bench = configured(&server);
    let own = bench.file("prompt.md", "You are a poet.");
    let file = format!("model_instructions_file={}", own.display());
    let developer = "developer_instructions=Rhyme.";
    run(&bench, &["exec", "-c", &file, "-c", developer, "hi"]).succeeds();
    let body = &server.requests()[0].body;
    assert_eq!(body["instructions"], "You are a poet.");
    assert!(body["input"].to_string().contains("<developer_instructions>\\nRhyme.\\n"), "{body}");
}

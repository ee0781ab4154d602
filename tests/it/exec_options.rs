//! What a script can rely on: schemas, images, the last message in a file, directories, resuming, nothing kept.

use crate::{
    binary::{Bench, Ran},
    commands::{signal, wait_for},
};
use agent_core::EventKind;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use test_kit::{ModelServer, Reply};

const SCHEMA: &str =
    r#"{ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } }"#;

/// A small image: only its first bytes are looked at.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x03\x08\x06\0\0\0 and so on";

const SAYS_HI: &str = "[[step]]\ntext = \"Hi.\"\n";

fn texts(body: &Value) -> String {
    body["input"].to_string()
}

#[test]
fn a_message_that_misses_the_schema_is_asked_for_again() {
    let bench = Bench::new();
    let schema = bench.file("schema.json", SCHEMA);
    let script = bench.script("[[step]]\ntext = '{\"n\":\"one\"}'\n[[step]]\ntext = '{\"n\":1}'\n");
    let options = ["--output-schema", schema.to_str().unwrap(), "-o", "answer.json"];
    let ran = bench.run(&[&["exec", "--script", &script], &options[..], &["count"]].concat()).succeeds();
    assert_eq!(ran.stdout, "{\"n\":1}\n");
    assert_eq!(bench.read("answer.json"), "{\"n\":1}");
    assert!(ran.stderr.contains("does not fit the output schema"), "{}", ran.stderr);
}

#[test]
fn a_message_that_never_fits_the_schema_fails_and_says_where() {
    let bench = Bench::new();
    let schema = bench.file("schema.json", SCHEMA);
    bench.file("answer.json", "{\"n\":7}");
    let script =
        bench.script("[[step]]\ntext = 'one'\n[[step]]\ntext = '{}'\n[[step]]\ntext = '{\"n\":\"one\"}'\n");
    let options = ["--output-schema", schema.to_str().unwrap(), "-o", "answer.json", "--json"];
    let ran = bench.run(&[&["exec", "--script", &script], &options[..], &["count"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let failed = ran.json().into_iter().find(|event| event["type"] == "turn.failed").unwrap();
    assert_eq!(failed["error"]["code"], "output_misfit");
    assert!(failed["error"]["message"].as_str().unwrap().contains("/n"), "{failed}");
    assert_eq!(bench.read("answer.json"), "", "what an earlier run left is gone");
    let again = bench.script("[[turn]]\nmatch = \"go on\"\n[[turn.step]]\ntext = \"Hi.\"\n");
    bench.run(&["exec", "resume", "--last", "go on", "--script", &again]).succeeds();
}

#[test]
fn a_schema_that_is_none_is_refused_before_a_thread_begins() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    for (text, says) in [("{ \"type\": \"objekt\" }", "schema"), ("{ not json", "JSON"), ("", "JSON")] {
        let file = bench.file("schema.json", text);
        let ran = bench.run(&["exec", "--script", &script, "--output-schema", file.to_str().unwrap(), "go"]);
        let ran = ran.fails(2, &["schema.json", says]);
        assert_eq!(ran.stdout, "");
    }
    bench.run(&["exec", "--script", &script, "--output-schema", "none.json", "go"]).fails(2, &["none.json"]);
    assert_eq!(bench.run(&["sessions"]).succeeds().stdout, "");
}

#[test]
fn images_are_shown_to_the_model() {
    let bench = Bench::new();
    let server =
        ModelServer::start(vec![Reply::new().text("A picture."), Reply::new().text("Two.")]).unwrap();
    std::fs::write(bench.project().join("a.png"), PNG).unwrap();
    std::fs::write(bench.project().join("b.png"), [PNG, b"2"].concat()).unwrap();
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
        Ran::from(command.output().unwrap()).succeeds()
    };
    run(&["exec", "-i", "a.png", "what is this?"]);
    run(&["exec", "resume", "--last", "and now?", "--image", "b.png", "-i", "a.png"]);
    let images = |at: usize| texts(&server.requests()[at].body).matches("data:image/png;base64,").count();
    assert_eq!((images(0), images(1)), (1, 3));
}

#[test]
fn an_unreadable_image_is_refused_before_a_thread_begins() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    bench.file("text.png", "no image");
    for (file, says) in
        [("text.png", "PNG, JPEG, GIF or WebP"), ("none.png", "none.png"), (".", "regular file")]
    {
        bench.run(&["exec", "--script", &script, "-i", file, "look"]).fails(2, &["image", says]);
    }
    assert_eq!(bench.run(&["sessions"]).succeeds().stdout, "");
}

#[test]
fn the_last_message_cannot_go_to_a_place_that_is_not_there() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    bench.run(&["exec", "--script", &script, "-o", "no/such/file", "go"]).fails(2, &["no/such/file"]);
}

#[test]
fn files_are_changed_outside_of_a_repository_only_when_asked() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    let elsewhere = bench.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let cd = ["--cd", elsewhere.to_str().unwrap()];
    let run = |more: &[&str]| bench.run(&[&["exec", "--script", &script], &cd[..], more, &["go"]].concat());
    run(&[]).succeeds();
    run(&["--sandbox", "workspace-write"]).fails(2, &["--skip-git-repo-check", "git init"]);
    run(&["--sandbox", "workspace-write", "--skip-git-repo-check"]).succeeds();
}

#[test]
fn another_directory_can_be_opened_for_changes() {
    let bench = Bench::new();
    let other = bench.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let file = other.join("a.txt");
    let script = bench.script(&format!(
        "[[step]]\ncalls = [{{ tool = \"apply_patch\", input = \"*** Begin Patch\\n*** Add File: {}\\n+x\\n*** End Patch\\n\" }}]\n{SAYS_HI}",
        file.display()
    ));
    let writes = ["exec", "--script", &script, "--sandbox", "workspace-write"];
    bench.run(&[&writes[..], &["go"]].concat()).succeeds();
    assert!(!file.exists(), "it is outside of the workspace");
    bench.run(&[&writes[..], &["--add-dir", other.to_str().unwrap(), "go"]].concat()).succeeds();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
    let read_only = ["exec", "--script", &script, "--add-dir", other.to_str().unwrap(), "go"];
    bench.run(&read_only).fails(2, &["--add-dir", "workspace-write"]);
}

#[test]
fn nothing_is_kept_of_an_ephemeral_thread() {
    let bench = Bench::new();
    let temporary = bench.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let script = bench.script(SAYS_HI);
    let mut command =
        bench.command(&["exec", "--ephemeral", "--experimental-json", "--script", &script, "go"]);
    let ran = Ran::from(command.env("TMPDIR", &temporary).output().unwrap()).succeeds();
    let started = ran.json().remove(0);
    assert!(started["durability"].as_str().unwrap().starts_with("none"), "{started}");
    assert_eq!(bench.run(&["sessions"]).succeeds().stdout, "");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "the folder is gone");
    bench.run(&["exec", "--ephemeral", "resume", "--last"]).fails(2, &["--ephemeral"]);
}

/// A turn that begins a second command after the first, and another one that says a word.
const TWO_COMMANDS: &str = r#"
[[turn]]
match = "go"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo first > s.txt; sleep 100" } }]
usage = { input = 100, output = 10 }
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo second > s.txt; sleep 100" } }]
[[turn]]
match = "more"
[[turn.step]]
text = "More."
"#;

/// A thread whose process was killed while its first command ran.
fn cut_off(bench: &Bench, script: &str, more: &[&str]) {
    let begins = ["exec", "--sandbox", "danger-full-access", "--script", script];
    let mut child = bench.spawn(&[&begins[..], more, &["go"]].concat());
    wait_for("the first command", || bench.read("s.txt") == "first\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn ctrl_c_in_a_turn_that_goes_on_keeps_the_next_prompt_from_beginning() {
    let bench = Bench::new();
    let script = bench.script(TWO_COMMANDS);
    cut_off(&bench, &script, &[]);
    let child = bench.spawn(&["exec", "resume", "--last", "more"]);
    wait_for("the second command", || bench.read("s.txt") == "second\n");
    signal(&child, Signal::INT);
    let ran = Ran::from(child.wait_with_output().unwrap()).fails(130, &["stopping", "was not begun"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(turns(&bench), 1);
    assert_eq!(bench.run(&["exec", "resume", "--last", "more"]).succeeds().stdout, "More.\n");
}

#[test]
fn a_prompt_is_not_begun_where_the_turn_before_it_spends_the_budget() {
    let bench = Bench::new();
    let script = bench.script(TWO_COMMANDS);
    cut_off(&bench, &script, &["--max-tool-calls", "1"]);
    bench.run(&["exec", "resume", "--last", "more"]).fails(4, &["was not begun", "raise it"]);
    assert_eq!(turns(&bench), 1);
}

fn turns(bench: &Bench) -> usize {
    bench.events().iter().filter(|event| matches!(event.kind, EventKind::TurnStarted)).count()
}

#[test]
fn a_process_that_is_told_to_end_leaves_its_thread_for_a_resume() {
    for (sent, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let bench = Bench::new();
        let script = bench.script(
            "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo $$ > pid.txt; sleep 100\" } }]\n\
             [[step]]\ntext = \"Went on.\"\n",
        );
        let child = bench.spawn(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]);
        wait_for("the command", || bench.read("pid.txt").ends_with('\n'));
        signal(&child, sent);
        Ran::from(child.wait_with_output().unwrap()).fails(code, &["stopped"]);
        assert!(!runs(bench.read("pid.txt").trim()), "the command was stopped");
        assert_eq!(bench.run(&["exec", "resume", "--last"]).succeeds().stdout, "Went on.\n");
    }
}

/// Whether a process is there and is more than an entry that nobody has reaped.
fn runs(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
fn a_process_under_nohup_is_not_ended_by_a_closed_terminal() {
    let bench = Bench::new();
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"mkfifo gate; echo > started; cat gate\" } }]\n\
         [[step]]\ntext = \"Went on.\"\n",
    );
    let mut command = Command::new("nohup");
    let exec = bench.command(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]);
    command.arg(exec.get_program()).args(exec.get_args()).current_dir(bench.project());
    command.env("HOME", bench.path()).env("EVERTURN_HOME", bench.home());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for("the command", || bench.read("started") == "\n");
    signal(&child, Signal::HUP);
    bench.file("gate", "go on");
    assert_eq!(Ran::from(child.wait_with_output().unwrap()).succeeds().stdout, "Went on.\n");
}

#[test]
fn an_ephemeral_thread_asks_nothing() {
    let bench = Bench::new();
    let temporary = bench.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let script = bench.script(SAYS_HI);
    let run = |more: &[&str]| {
        let mut command =
            bench.command(&[&["exec", "--ephemeral", "--script", &script], more, &["go"]].concat());
        Ran::from(command.env("TMPDIR", &temporary).output().unwrap())
    };
    let ran = run(&["--approval", "on-request"]).fails(2, &["--approval never", "--ephemeral"]);
    assert_eq!(ran.stdout, "");
    bench.configure("approval_policy = \"untrusted\"\n");
    run(&[]).fails(2, &["--approval never"]);
    run(&["--approval", "never"]).succeeds();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn nothing_is_left_of_an_ephemeral_thread_that_is_told_to_end() {
    let bench = Bench::new();
    let temporary = bench.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo > started; sleep 100\" } }]\n",
    );
    let full = ["exec", "--ephemeral", "--sandbox", "danger-full-access", "--script", &script, "go"];
    let child = bench.command(&full).env("TMPDIR", &temporary).spawn().unwrap();
    wait_for("the command", || bench.read("started") == "\n");
    signal(&child, Signal::TERM);
    Ran::from(child.wait_with_output().unwrap()).fails(143, &["SIGTERM"]);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "the folder is gone");
}

#[test]
fn only_the_last_turn_has_the_last_word() {
    let bench = Bench::new();
    let script = bench.script(
        "[[turn]]\nmatch = \"go\"\n[[turn.step]]\n\
         calls = [{ tool = \"exec_command\", args = { cmd = \"echo first > s.txt; sleep 100\" } }]\n\
         [[turn.step]]\ntext = \"Old.\"\n[[turn]]\nmatch = \"more\"\n[[turn.step]]\nmatch = \"other\"\ntext = \"New.\"\n",
    );
    cut_off(&bench, &script, &[]);
    let ran = bench.run(&["exec", "resume", "--last", "more", "-o", "answer.txt"]);
    let ran = ran.fails(1, &["Old.", "expects the user's last message"]);
    assert_eq!((ran.stdout.as_str(), bench.read("answer.txt").as_str()), ("", ""));
}

#[test]
fn a_resume_with_nothing_to_do_changes_nothing_and_says_nothing() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    bench.run(&["exec", "--script", &script, "go"]).succeeds();
    let before = bench.events();
    let resume = ["exec", "resume", "--last", "--json", "--sandbox", "workspace-write"];
    let ran = bench.run(&resume).fails(2, &["no turn was running"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(bench.events(), before);
}

#[test]
fn a_resumed_thread_changes_files_outside_of_a_repository_only_when_asked() {
    let bench = Bench::new();
    let script = bench.script(&SAYS_HI.repeat(4));
    let elsewhere = bench.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let elsewhere = elsewhere.to_str().unwrap();
    bench.run(&["exec", "--script", &script, "--sandbox", "workspace-write", "go"]).succeeds();
    let resume = |more: &[&str]| bench.run(&[&["exec", "resume", "--last", "on"], more].concat());
    let before = bench.events();
    resume(&["--cd", elsewhere]).fails(2, &[elsewhere, "--skip-git-repo-check"]);
    assert_eq!(bench.events(), before);
    resume(&["--cd", elsewhere, "--sandbox", "read-only"]).succeeds();
    resume(&["--sandbox", "workspace-write"]).fails(2, &[elsewhere, "--skip-git-repo-check"]);
    resume(&["--sandbox", "workspace-write", "--skip-git-repo-check"]).succeeds();
}

#[test]
fn a_file_without_an_end_is_refused() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    let zero = "/dev/zero";
    bench.run(&["exec", "--script", &script, "--output-schema", zero, "go"]).fails(2, &[zero, "larger than"]);
    bench.run(&["exec", "--script", zero, "go"]).fails(2, &[zero, "larger than"]);
    bench.run(&["exec", "--script", &script, "go"]).succeeds();
    std::fs::remove_file(&script).unwrap();
    std::os::unix::fs::symlink(zero, &script).unwrap();
    bench.run(&["exec", "resume", "--last", "on"]).fails(1, &["script", "larger than"]);
}

#[test]
fn an_image_for_a_model_that_sees_none_is_warned_of() {
    let bench = Bench::new();
    let replies = ["One.", "Two.", "Three."].map(|text| Reply::new().text(text));
    let server = ModelServer::start(replies.to_vec()).unwrap();
    bench.configure("[models.blind]\nimages = false\n");
    std::fs::write(bench.project().join("a.png"), PNG).unwrap();
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
        Ran::from(command.output().unwrap()).succeeds().stderr
    };
    let warning = "the model blind sees no images";
    assert!(run(&["exec", "-m", "blind", "-i", "a.png", "what is this?"]).contains(warning));
    assert!(run(&["exec", "resume", "--last", "-i", "a.png", "and this?"]).contains(warning));
    assert!(!run(&["exec", "resume", "--last", "-m", "gpt-5", "-i", "a.png", "now?"]).contains(warning));
}

#[test]
fn a_resumed_thread_takes_its_prompt_where_codex_takes_it() {
    let bench = Bench::new();
    let script =
        bench.script("[[step]]\ntext = \"One.\"\n[[step]]\ntext = \"Two.\"\n[[step]]\ntext = \"Three.\"\n");
    let ran = bench.run(&["exec", "--json", "--script", &script, "a"]).succeeds();
    let thread = ran.json()[0]["thread_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.run(&["exec", "resume", &thread, "b"]).succeeds().stdout, "Two.\n");
    let input = bench.run_with(&["exec", "resume", "--last", "-"], b"c").succeeds();
    assert_eq!(input.stdout, "Three.\n");
}

#[test]
fn what_the_command_line_changes_of_a_thread_is_told_to_the_model() {
    let bench = Bench::new();
    let server = ModelServer::start(vec![Reply::new().text("One."), Reply::new().text("Two.")]).unwrap();
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
        Ran::from(command.output().unwrap()).succeeds()
    };
    run(&["exec", "-c", "model_reasoning_effort=low", "-m", "gpt-5", "a"]);
    run(&["exec", "resume", "--last", "b", "-c", "approval_policy=on-request", "-m", "gpt-5-mini"]);
    let [first, second] = &server.requests()[..] else { panic!("two requests") };
    assert_eq!((&first.body["model"], &second.body["model"]), (&json!("gpt-5"), &json!("gpt-5-mini")));
    assert_eq!(
        (&first.body["reasoning"]["effort"], &second.body["reasoning"]["effort"]),
        (&json!("low"), &json!("low"))
    );
    let told = texts(&second.body);
    assert_eq!(told.matches("approval policy: never").count(), 1, "{told}");
    assert_eq!(told.matches("<environment_change>\\napproval policy: on-request").count(), 1, "{told}");
}

#[test]
fn a_thread_keeps_its_settings_whatever_the_file_says_by_now() {
    let bench = Bench::new();
    let looks = |depth: u32| Reply::new().call("list_dir", json!({ "depth": depth }));
    let replies = vec![looks(1), looks(2), Reply::new().text("One."), Reply::new().text("Two.")];
    let server = ModelServer::start(replies).unwrap();
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
        Ran::from(command.output().unwrap()).succeeds()
    };
    bench.configure("model = \"first\"\n[budget]\nmax_tool_calls = 100\n");
    run(&["exec", "a"]);
    bench.configure("model = \"second\"\napproval_policy = \"untrusted\"\n[budget]\nmax_tool_calls = 1\n");
    let ran = run(&["exec", "resume", "--last", "b", "--max-tokens", "1000000", "-c", "instructions=other"]);
    assert!(ran.stderr.contains("`instructions` is for new threads"), "{}", ran.stderr);
    let second = &server.requests()[3];
    assert_eq!(second.body["model"], "first");
    assert_ne!(second.body["instructions"], "other");
    assert!(!texts(&second.body).contains("environment_change"), "{}", second.body);
}

//! The commands of a conversation.

use super::{FREE, PLANNED, converse, last_thread, talk as talk_with};
use crate::binary::Bench;

const TALK: &str = r#"
[[turn]]
match = "hello"
[[turn.step]]
text = "Hi."
usage = { input = 100, cached = 40, output = 10 }

[[turn]]
match = "short and sweet"
[[turn.step]]
text = "Fixed."
"#;

fn talk() -> (Bench, String) {
    let bench = Bench::new();
    let script = bench.script(&(TALK.to_owned() + PLANNED));
    bench.run(&[&["exec"], &FREE[..], &["--script", &script, "hello"]].concat()).succeeds();
    (bench, script)
}

#[test]
fn a_plan_is_carried_out_after_a_yes() {
    let (bench, script) = talk();
    let ran = converse(&bench, &["--script", &script], &["/plan make a plan", "y", "/quit"]).succeeds();
    assert!(ran.stderr.contains("Proposed plan\n│ 1. Write done.txt\n"), "{ran:#?}");
    assert!(ran.stderr.contains("carry it out? [y/n]") && ran.stderr.contains("Carried out."), "{ran:#?}");
    assert_eq!(bench.read("done.txt"), "done\n");
    let status = bench.run(&["status"]).succeeds().stdout;
    assert!(status.contains("mode       code\n"), "{status}");
}

#[test]
fn a_plan_waits_after_a_no() {
    let (bench, script) = talk();
    let ran = converse(&bench, &["--script", &script], &["/plan make a plan", "n", "/quit"]).succeeds();
    assert!(ran.stderr.contains("the plan waits"), "{ran:#?}");
    assert!(!bench.project().join("done.txt").exists());
    let status = bench.run(&["status"]).succeeds().stdout;
    assert!(status.contains("mode       plan: nothing is changed\n"), "{status}");
}

#[test]
fn commands_say_what_they_do_and_wrong_ones_what_is_wrong() {
    let (bench, script) = talk();
    let lines = [
        "/help",
        "/mode pair",
        "/status",
        "/models",
        "/go",
        "/mode fast",
        "/undo 3",
        "/nothing",
        "/skills",
        "/prompts",
        "/mcp",
        "/personality friendly",
    ];
    let ran = converse(&bench, &["--script", &script], &[&lines[..], &["/quit"]].concat()).succeeds();
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for text in [
        "/rollback N",
        "pair mode: small steps",
        "mode       pair\n",
        "tokens     100 in (40 % cached), 10 out",
        "gpt-5",
        "no plan waits for a yes",
        "there is no mode \"fast\"",
        "/undo takes nothing behind it",
        "there is no command /nothing",
        "there are no skills here",
        "there are no prompts of your own here",
        "no MCP server is configured",
    ] {
        assert!(all.contains(text), "`{text}` is not said: {ran:#?}");
    }
}

#[test]
fn prompts_are_remembered_without_secrets_and_listed() {
    let (bench, script) = talk();
    let mut command = bench.command(&["resume", "--last", "--script", &script]);
    command.env("MY_API_TOKEN", "tok-1234567890");
    let ran = talk_with(command, &["hello tok-1234567890", "/history", "/quit"]);
    let ran = ran.succeeds();
    assert!(ran.stderr.contains("    0  hello "), "{ran:#?}");
    let all = bench.run(&["history", "--json"]).succeeds().json();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0]["offset"].as_u64(), all[0]["thread"].as_str()),
        (Some(0), Some(&*last_thread(&bench)))
    );
    let file = bench.home().join("history.jsonl");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("hello ") && !kept.contains("tok-1234567890"), "{kept}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Where nothing is to be remembered, nothing is.
    let other = Bench::new();
    let script = other.script(TALK);
    other.run(&["exec", "--script", &script, "hello"]).succeeds();
    converse(&other, &["--script", &script, "-c", "history.persistence=none"], &["hello", "/quit"])
        .succeeds();
    assert!(!other.home().join("history.jsonl").exists());
}

#[test]
fn a_prompt_of_ones_own_is_said_with_its_arguments() {
    let (bench, script) = talk();
    let folder = bench.home().join("prompts");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("fix.md"),
        "---\ndescription: mend it\nargument-hint: WHAT\n---\nFix $1, short and sweet.",
    )
    .unwrap();
    let ran = converse(&bench, &["--script", &script], &["/fix it", "/prompts:none x", "/prompts", "/quit"])
        .succeeds();
    assert!(ran.stderr.contains("Fixed."), "{ran:#?}");
    assert!(ran.stderr.contains("none") && ran.stdout.contains("/prompts:fix WHAT"), "{ran:#?}");
    let ran = bench.run(&["exec", "--script", &script, "/prompts:fix that"]).succeeds();
    assert!(ran.stdout.contains("Fixed."), "{ran:#?}");
    let shown = bench.run(&["sessions", "show", &last_thread(&bench)]).stdout;
    assert!(shown.contains("Fix that, short and sweet."), "{shown}");
}

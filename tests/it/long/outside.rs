//! `review`, `compact`, budgets and modes from the command line.

use super::{FREE, last_thread, repository};
use crate::binary::Bench;
use serde_json::{Value, json};

const REVIEWS: &str = r#"
[[step]]
text = "Looking at the diff."
calls = [{ tool = "exec_command", args = { cmd = "echo looked" } }]

[[step]]
text = '''{"findings": [{"title": "Off by one", "body": "The last line is lost.", "confidence_score": 0.9, "priority": 1,
"code_location": {"absolute_file_path": "src/a.rs", "line_range": {"start": 3, "end": 4}}}],
"overall_correctness": "patch is incorrect", "overall_explanation": "It loses a line.", "overall_confidence_score": 0.8}'''
"#;

#[test]
fn a_review_tells_findings_in_words_and_as_json() {
    let bench = Bench::new();
    repository(&bench, &[("a.rs", "first\n")]);
    let script = bench.script(REVIEWS);
    let ran = bench.run(&["review", "--base", "main", "--script", &script, "-o", "result.json"]).succeeds();
    assert_eq!(
        ran.stdout,
        "Verdict: patch is incorrect\n\nIt loses a line.\n\n- [P1] Off by one (src/a.rs:3-4)\n  The last line is lost.\n"
    );
    assert!(ran.stderr.contains("reviewing the changes against main\nLooking at the diff.\n"), "{ran:#?}");
    assert!(!ran.stderr.contains("overall_correctness"), "the JSON is not shown: {ran:#?}");
    let result: Value = serde_json::from_str(&bench.read("result.json")).unwrap();
    assert_eq!(result["findings"][0]["title"], "Off by one");
    let ran = bench.run(&["review", "--json", "--script", &script]).succeeds();
    let of = |kind: &str| ran.json().into_iter().find(|line| line["type"] == kind).unwrap();
    assert_eq!(of("review.entered")["request"], json!({ "target": "uncommitted" }));
    assert_eq!(of("review.exited")["outcome"]["review"]["overall_correctness"], "patch is incorrect");
}

#[test]
fn a_review_in_a_thread_is_a_part_of_it() {
    let bench = Bench::new();
    let script = bench.script("[[turn]]\nmatch = \"hello\"\n[[turn.step]]\ntext = \"Hi.\"\n[[turn]]\n[[turn.step]]\ntext = \"All is well.\"\n");
    bench.run(&["exec", "--script", &script, "hello"]).succeeds();
    let thread = last_thread(&bench);
    let ran =
        bench.run(&["review", "--thread", &thread, "look at the queue", "--script", &script]).succeeds();
    assert_eq!(ran.stdout, "All is well.\n");
    assert_eq!(last_thread(&bench), thread);
    let shown = bench.run(&["sessions", "show", &thread]).succeeds().stdout;
    assert!(shown.contains("reviewing look at the queue") && shown.contains("All is well."), "{shown}");
}

#[test]
fn a_review_takes_one_target_which_is_there() {
    let bench = Bench::new();
    bench.run(&["review", "--script", &bench.script(REVIEWS)]).fails(2, &["is in no git repository"]);
    repository(&bench, &[("a.rs", "first\n")]);
    let script = bench.script(REVIEWS);
    bench
        .run(&["review", "--base", "nosuch", "--script", &script])
        .fails(2, &["no commit or branch \"nosuch\""]);
    bench.run(&["review", "--commit", "deadbeef", "--script", &script]).fails(2, &["\"deadbeef\""]);
    bench.run(&["review", "--base", "a", "--commit", "b"]).fails(2, &["cannot be used with"]);
    bench.run(&["review", "--thread", "0123456789"]).fails(2, &["there is no thread 0123456789"]);
}

const CALLS: &str = r#"
[[turn]]
match = "work"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo 1 >> log" } }]
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo 2 >> log" } }]
[[turn.step]]
text = "Done."

[[turn]]
match = "go on"
[[turn.step]]
text = "Went on."
"#;

#[test]
fn a_spent_budget_exits_4_says_how_to_raise_it_and_goes_on_when_it_is_raised() {
    let bench = Bench::new();
    let script = bench.script(CALLS);
    let run = |args: &[&str]| bench.run(&[args, &FREE[..], &["--script", &script]].concat());
    run(&["exec", "--max-tool-calls", "1", "work"]).fails(
        4,
        &["the budget of 1 tool calls is spent", "raise --max-tool-calls", "-p 'go on' --max-tool-calls 2\n"],
    );
    assert_eq!(bench.read("log"), "1\n", "the second call did not run");
    let status = bench.run(&["status"]).succeeds().stdout;
    assert!(status.contains("budget     1 tool calls\n"), "{status}");
    // Not yet raised.
    run(&["exec", "resume", "--last", "go on"]).fails(4, &["tool calls is spent"]);
    let ran = run(&["exec", "resume", "--last", "go on", "--max-tool-calls", "9"]).succeeds();
    assert!(ran.stdout.contains("Went on."), "{ran:#?}");
    run(&["exec", "--max-tokens", "0", "work"]).fails(4, &["the budget of 0 tokens is spent"]);
    run(&["exec", "--max-cost", "0.5", "work"]).fails(4, &["$0.5", "price.input=2.50", "price.output=10.00"]);
    run(&["exec", "--max-cost=-1", "work"]).fails(2, &["no amount of dollars"]);
    run(&["exec", "--max-work", "0", "work"]).fails(2, &["no time"]);
}

#[test]
fn a_budget_of_work_counts_less_than_minutes() {
    let bench = Bench::new();
    let script = bench.script(&CALLS.replace("echo 1", "sleep 1; echo 1"));
    let run = |args: &[&str]| bench.run(&[args, &FREE[..], &["--script", &script]].concat());
    run(&["exec", "--max-work", "900ms", "work"])
        .fails(4, &["the budget of 900 milliseconds of work is spent", "raise --max-work"]);
    assert_eq!(bench.read("log"), "1\n", "the second call did not run");
    run(&["exec", "resume", "--last", "go on", "--max-work", "90s"]).succeeds();
    let status = bench.run(&["status"]).succeeds().stdout;
    assert!(status.contains("budget     90 s of work\n"), "{status}");
}

#[test]
fn plan_mode_changes_nothing_and_proposes() {
    let bench = Bench::new();
    let script = bench.script(
        r#"
[[step]]
calls = [{ tool = "apply_patch", input = """
*** Begin Patch
*** Add File: new.txt
+text
*** End Patch
""" }]
[[step]]
expect_output = "plan mode is on"
text = "<proposed_plan>\n1. Add new.txt\n</proposed_plan>"
"#,
    );
    let ran = bench
        .run(&[&["exec", "--mode", "plan"], &FREE[..], &["--json", "--script", &script, "add it"]].concat())
        .succeeds();
    let plan = ran.json().into_iter().find(|line| line["item"]["type"] == "proposed_plan").unwrap();
    assert_eq!(plan["item"]["text"], "1. Add new.txt");
    assert!(!bench.project().join("new.txt").exists());
    bench.run(&["exec", "--mode", "fast", "x"]).fails(2, &["plan, code, pair, execute"]);
    bench.run(&["exec", "--personality", "rude", "x"]).fails(2, &["friendly"]);
}

#[test]
fn a_thread_is_summarised_on_request() {
    let bench = Bench::new();
    let script = bench.script("[summary]\ntext = \"Hello was said.\"\n[[step]]\ntext = \"Hi.\"\n");
    bench.run(&["exec", "--script", &script, "hello"]).succeeds();
    let ran = bench.run(&["compact"]).succeeds();
    assert!(ran.stdout.contains("(summarised what was said so far, as asked: "), "{ran:#?}");
}

//! Rules about commands, as a user meets them.

use crate::binary::Bench;
use serde_json::json;

const RULES: &str = r#"
[[rule]]
prefix = ["touch", "made"]
decision = "allow"

[[rule]]
prefix = ["git", "push"]
decision = "forbid"
reason = "a person does that"
match = ["sudo git push"]
"#;

const THREE_CALLS: &str = r#"
[[step]]
calls = [
    { tool = "exec_command", args = { cmd = "ls && git push" } },
    { tool = "exec_command", args = { cmd = "touch made", sandbox_permissions = "require_escalated", justification = "it writes" } },
    { tool = "exec_command", args = { cmd = "touch other" } },
]

[[step]]
text = "{{output:1}}"
"#;

fn bench(rules: &str) -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.home().join("rules")).unwrap();
    std::fs::write(bench.home().join("rules/team.toml"), rules).unwrap();
    bench
}

#[test]
fn rules_decide_about_the_commands_of_a_turn() {
    let bench = bench(RULES);
    let script = bench.script(THREE_CALLS);
    let ran = bench.run(&["exec", "--script", &script, "go"]).succeeds();
    assert!(
        ran.stdout.contains("Forbidden by policy: a person does that [rule team.toml:6 (forbid `git push`)]"),
        "{ran:?}"
    );
    assert!(bench.project().join("made").exists(), "a rule allows it outside of the sandbox: {ran:?}");
    assert!(!bench.project().join("other").exists(), "the sandbox is read-only: {ran:?}");
}

#[test]
fn policy_check_says_what_a_thread_would_be_told() {
    let bench = bench(RULES);
    let ran = bench.run(&["policy", "check", "--json", "ls && git push --force"]).succeeds();
    let reason = "`git push --force`: it overwrites or removes what is on the other side";
    let rule = "a person does that [rule team.toml:6 (forbid `git push`)]";
    let expected = json!({ "class": "dangerous", "reason": reason, "verdict": "forbid", "rule": rule, "proposal": null });
    assert_eq!(ran.json(), [expected]);
    let ran = bench.run(&["policy", "check", "--", "cargo", "test", "-p", "x"]).succeeds();
    assert_eq!(
        ran.stdout,
        "class     ordinary\nrules     no rule speaks of it\nproposal  allow `cargo test`\n"
    );
    let ran = bench.run(&["policy", "check", "git status | cat"]).succeeds();
    assert!(ran.stdout.starts_with("class     safe\n"), "{ran:?}");
    bench.run(&["policy", "check"]).fails(2, &["COMMAND"]);
}

#[test]
fn policy_list_shows_rules_and_what_is_wrong() {
    let bench = bench(RULES);
    let ran = bench.run(&["policy", "list"]).succeeds();
    assert!(
        ran.stdout.contains("     2  allow   touch made\n     6  forbid  git push  (a person does that)\n"),
        "{ran:?}"
    );
    std::fs::write(bench.home().join("rules/z.toml"), "[[rule]]\nprefix = [\"x\"]\ndecision = \"never\"\n")
        .unwrap();
    let ran = bench.run(&["policy", "list"]);
    ran.fails(
        1,
        &[
            "z.toml:3: rule 1: `decision` must be \"allow\", \"ask\" or \"forbid\"",
            "every command is asked about",
        ],
    );
    let ran = bench.run(&["policy", "check", "ls"]).succeeds();
    assert!(ran.stdout.contains("rules     ask  the exec policy is broken"), "{ran:?}");
}

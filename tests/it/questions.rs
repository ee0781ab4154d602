//! Questions as a user meets them: what is asked, how it is answered from another terminal, what is kept of it.

use crate::{binary::Bench, commands::last_thread};
use serde_json::{Value, json};
use std::{fs::Permissions, os::unix::fs::PermissionsExt};

/// Asks the user for a style, and says what it was told.
pub(crate) const STYLE: &str = r#"
[[step]]
calls = [{ tool = "request_user_input", args = { questions = [{ id = "style", header = "Style", question = "Which style?", options = [{ label = "snake", description = "lower case" }, { label = "camel", description = "with humps" }] }] } }]
[[step]]
text = "Told: {{output}}"
"#;

/// Asks for two commands, which a rule can allow.
const TWICE: &str = r#"
[[step]]
calls = [{ tool = "exec_command", args = { cmd = "./step one", sandbox_permissions = "require_escalated", justification = "it makes a folder" } }]
[[step]]
calls = [{ tool = "exec_command", args = { cmd = "./step two", sandbox_permissions = "require_escalated", justification = "it makes a folder" } }]
[[step]]
text = "Both."
"#;

/// The id in the advice that a run ends with.
pub(crate) fn id_after<'a>(text: &'a str, command: &str) -> &'a str {
    let (_, rest) = text.rsplit_once(command).unwrap_or_else(|| panic!("no `{command}`: {text}"));
    rest.split_whitespace().next().unwrap()
}

#[test]
fn the_agents_question_is_listed_with_its_options_and_answered_by_number() {
    let bench = Bench::new();
    let script = bench.script(STYLE);
    let ran = bench.run(&["exec", "--script", &script, "go"]);
    let ran = ran.fails(3, &["The agent asks", "Style: Which style?", "2  camel — with humps"]);
    let id = id_after(&ran.stderr, "everturn answer ");
    let list = bench.run(&["approvals"]).succeeds().stdout;
    assert!(list.contains(&format!("{id}  the agent asks: Which style?")), "{list}");
    assert!(list.contains("    style: Which style?  1 snake | 2 camel"), "{list}");
    bench.run(&["approve", id]).fails(2, &["no question of yes or no", "everturn answer"]);
    bench.run(&["answer", id, "--option", "3"]).fails(2, &["it has 2 options, not 3"]);
    bench.run(&["answer", id, "--decline"]).fails(2, &["answered with a text"]);
    bench.run(&["answer", id, "--option", "1", "--json", "{}"]).fails(2, &["cannot be used with"]);
    let ran = bench.run(&["answer", id, "--option", "2"]).succeeds();
    assert!(ran.stderr.contains("answered: camel") && ran.stderr.contains("Told: "), "{ran:#?}");
    bench.run(&["answer", id, "snake"]).fails(2, &["no question"]);
}

#[test]
fn a_question_with_a_deadline_gets_its_default_and_the_turn_goes_on() {
    let bench = Bench::new();
    let script =
        bench.script(&STYLE.replace("with humps\" }] }]", "with humps\" }], default = \"snake\" }]"));
    let answered = ["exec", "--answer-timeout", "100ms", "--script", &script, "go"];
    let ran = bench.run(&answered).succeeds();
    assert!(ran.stdout.contains("snake"), "{ran:#?}");
    assert!(ran.stderr.contains("without an answer within 100 ms the defaults count"), "{ran:#?}");
    assert!(ran.stderr.contains("nobody answered in time"), "{ran:#?}");
}

#[test]
fn a_rule_that_is_added_with_a_yes_allows_the_next_one_and_the_audit_says_so() {
    let bench = Bench::new();
    let script = bench.script(TWICE);
    let step = bench.file("step", "#!/bin/sh\nmkdir \"$1\"\n");
    std::fs::set_permissions(step, Permissions::from_mode(0o755)).unwrap();
    let ran = bench
        .run(&["exec", "--approval", "on-request", "--script", &script, "go"])
        .fails(3, &["a rule could"]);
    let id = id_after(&ran.stderr, "everturn approve ");
    assert!(bench.run(&["approvals"]).stdout.contains("--rule allows all that begins with"));
    let ran = bench.run(&["approve", id, "--rule", "./step"]).succeeds();
    assert!(ran.stderr.contains("Both.") && ran.stderr.contains("added the rule `./step`"), "{ran:#?}");
    assert!(bench.project().join("two").is_dir());

    let thread = last_thread(&bench);
    let audit = bench.run(&["sessions", "show", &thread, "--audit", "--json"]).succeeds();
    let decision = |row: &Value| json!([row["kind"], row["what"], row["decision"], row["by"], row["grant"]]);
    let rows: Vec<Value> = audit.json().iter().skip(1).map(decision).collect();
    assert_eq!(
        rows,
        [
            json!(["call", "./step one", "approved with a rule", "cli", "unconfined"]),
            json!(["call", "./step two", "allowed", "rule", "unconfined"]),
        ]
    );
    assert_eq!(audit.json()[1]["rule"], "./step");
    assert_eq!(audit.json()[1]["question"], id);
    let table = bench.run(&["sessions", "show", &thread, "--audit"]).succeeds().stdout;
    assert!(table.starts_with("TIME (UTC)") && table.contains("rule: ./step"), "{table}");
}

#[test]
fn a_thread_is_shown_as_it_went() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"Hello.\"\n");
    bench.run(&["exec", "--script", &script, "say hello"]).succeeds();
    let thread = last_thread(&bench);
    let shown = bench.run(&["sessions", "show", &thread]).succeeds().stdout;
    let parts = ["thread ", "› say hello", "Hello.", "✓ done"];
    let places: Vec<_> = parts.iter().map(|part| shown.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {shown}");
    let lines = bench.run(&["sessions", "show", &thread, "--json"]).succeeds().json();
    assert_eq!(
        (&lines[0]["type"], &lines.last().unwrap()["type"]),
        (&json!("thread.started"), &json!("turn.completed"))
    );
}

#[test]
fn a_mistake_in_the_configuration_does_not_hide_the_threads() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"Hello.\"\n");
    bench.run(&["exec", "--script", &script, "go"]).succeeds();
    bench.configure("modle = \"m\"\ndurability = \"power\"\n");
    let place = format!("{}:1:1: unknown key `modle`", bench.home().join("config.toml").display());
    let list = bench.run(&["sessions"]).succeeds();
    assert!(list.stdout.contains("1 turns") && list.stderr.contains(&place), "{list:#?}");
    let thread = list.stdout.split_whitespace().next().unwrap();
    assert!(bench.run(&["sessions", "export", thread]).succeeds().stdout.contains("Hello."));
    assert!(bench.run(&["sessions", "show", thread]).succeeds().stdout.contains("Hello."));
    bench.run(&["exec", "--script", &script, "go"]).fails(2, &[&place]);
    let config = bench.run(&["config"]).fails(2, &[&place]);
    assert!(config.stdout.contains("durability") && config.stdout.contains("\"power\""), "{config:#?}");
}

#[test]
fn short_cuts_mean_what_they_stand_for() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"Hello.\"\n");
    let settings = |flags: &[&str]| {
        let args = [&["exec", "--script", &script], flags, &["go"]].concat();
        bench.run(&args).succeeds();
        let agent_core::EventKind::ThreadStarted { settings, .. } = bench.events().remove(0).kind else {
            panic!("no thread began")
        };
        json!([settings.sandbox, settings.approval, settings.answer_within])
    };
    let workspace = json!({ "type": "workspace_write", "writable_roots": [] });
    let open = json!({ "type": "workspace_write", "writable_roots": [], "network": "on" });
    assert_eq!(settings(&["--full-auto"]), json!([workspace, "never", null]));
    assert_eq!(settings(&["--yolo"]), json!([{ "type": "danger_full_access" }, "never", null]));
    assert_eq!(
        settings(&["--full-auto", "--network", "--answer-timeout", "2m"]),
        json!([open, "never", { "ms": 120_000, "otherwise": "deny" }])
    );
    bench.run(&["exec", "--network", "--script", &script, "go"]).fails(2, &["--network", "workspace-write"]);
    bench.run(&["exec", "--yolo", "--sandbox", "read-only", "go"]).fails(2, &["cannot be used with"]);
    let shared = "sandbox_workspace_write.exclude_slash_tmp=false";
    let with_tmp = json!({ "type": "workspace_write", "writable_roots": ["/tmp"] });
    assert_eq!(settings(&["--full-auto", "-c", shared]), json!([with_tmp, "never", null]));
}

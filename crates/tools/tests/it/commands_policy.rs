//! What is said of commands before they are decided upon: class, verdict, the rule to offer, and why they want out.

use crate::world::{World, finished};
use agent_core::{Class, OutputStatus, Preparation, SandboxPolicy, Verdict};
use serde_json::{Value, json};

const RULES: &str = r#"
[[rule]]
prefix = ["touch", "allowed"]
decision = "allow"

[[rule]]
prefix = ["git", "push"]
decision = "forbid"
reason = "a person does that"
match = ["git push origin"]
"#;

fn with_rules() -> World {
    World::with(|config| {
        std::fs::create_dir_all(config.home.join("rules")).unwrap();
        std::fs::write(config.home.join("rules/team.toml"), RULES).unwrap();
    })
}

async fn prepared(world: &World, cmd: &str) -> Preparation {
    world.prepare("exec_command", json!({ "cmd": cmd })).await.unwrap()
}

#[tokio::test]
async fn rules_of_the_home_speak_of_commands() {
    let world = with_rules();
    let rule = "team.toml:2 (allow `touch allowed`)".to_owned();
    assert_eq!(prepared(&world, "touch allowed").await.verdict, Verdict::Allow { rule });
    let reason = "a person does that [rule team.toml:6 (forbid `git push`)]".to_owned();
    let forbidden = Verdict::Forbid { reason };
    assert_eq!(prepared(&world, "ls && git push").await.verdict, forbidden);
    let list = world.prepare("shell", json!({ "command": ["git", "push"] })).await.unwrap();
    assert_eq!(list.verdict, forbidden);
    assert_eq!(prepared(&world, "touch other").await.verdict, Verdict::Silent);
}

#[tokio::test]
async fn a_rule_that_is_added_or_broken_counts_for_the_next_command() {
    let world = with_rules();
    assert_eq!(prepared(&world, "make all").await.verdict, Verdict::Silent);
    let file = world.home.path().join("rules/more.toml");
    std::fs::write(&file, "[[rule]]\nprefix = [\"make\"]\ndecision = \"ask\"\n").unwrap();
    assert!(matches!(prepared(&world, "make all").await.verdict, Verdict::Ask { .. }));
    std::fs::write(&file, "[[rule]]\nprefix = \"make\"\n").unwrap();
    let Verdict::Ask { reason } = prepared(&world, "touch allowed").await.verdict else {
        panic!("it was not asked")
    };
    assert!(reason.contains("more.toml:2: rule 1: `prefix` must be a list"), "{reason}");
    assert!(matches!(prepared(&world, "git push").await.verdict, Verdict::Forbid { .. }));
}

#[tokio::test]
async fn files_of_the_configuration_count_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("company.toml");
    std::fs::write(&file, "[[rule]]\nprefix = [\"npm\", \"publish\"]\ndecision = \"forbid\"\n").unwrap();
    let world = World::with(|config| config.policy.files.push(file));
    assert!(matches!(prepared(&world, "npm publish").await.verdict, Verdict::Forbid { .. }));
}

#[tokio::test]
async fn a_narrow_rule_is_offered_and_written_when_it_is_approved() {
    let world = World::new();
    let offered = prepared(&world, "./say.sh 'a b' 2>&1 | tail -n 5").await.amendment;
    assert_eq!(offered.as_deref(), Some("./say.sh 'a b'"));
    for cmd in ["ls", "rm -rf x", "make a; make b", "python3 -c x", "$X", "touch x"] {
        assert_eq!(prepared(&world, cmd).await.amendment, None, "{cmd}");
    }
    world.write("say.sh", "#!/bin/sh\necho \"$1\"\n");
    let mut request = world.request("exec_command", json!({ "cmd": "sh ./say.sh 'a b'" })).await;
    request.amendment = request.preparation.amendment.clone();
    assert_eq!(request.amendment.as_deref(), Some("sh ./say.sh 'a b'"));
    let output = finished(world.run(request).await);
    assert_eq!((output.plain_text().as_str(), output.status), ("a b\n", OutputStatus::Ok));
    let again = prepared(&world, "sh ./say.sh 'a b'").await;
    assert_eq!(again.verdict, Verdict::Allow { rule: "approved.toml:3 (allow `sh ./say.sh a b`)".into() });
    assert_eq!(again.amendment, None);
}

#[tokio::test]
async fn a_rule_that_cannot_be_written_does_not_keep_an_approved_command_from_running() {
    let world = World::new();
    std::fs::write(world.home.path().join("rules"), "in the way").unwrap();
    // Nothing is allowed by rules that cannot be read.
    let mut request = world.request("exec_command", json!({ "cmd": "echo hi; make -n x || true" })).await;
    assert!(matches!(request.preparation.verdict, Verdict::Ask { .. }));
    request.amendment = Some("make x".to_owned());
    assert!(finished(world.run(request).await).plain_text().starts_with("hi\n"));
}

#[tokio::test]
async fn leaving_the_sandbox_takes_a_reason() {
    let world = World::new();
    let asked = |arguments: Value| {
        let mut all = json!({ "cmd": "touch a" });
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        world.prepare("exec_command", all)
    };
    let inside = asked(json!({})).await.unwrap();
    assert_eq!(inside.justification, None);
    let same =
        asked(json!({ "sandbox_permissions": "use_default", "justification": "because" })).await.unwrap();
    assert_eq!(same, inside, "a reason without the wish asks for nothing");
    let outside =
        json!({ "sandbox_permissions": "require_escalated", "justification": " it writes to the cache " });
    let outside = asked(outside).await.unwrap();
    assert_eq!(outside.justification.as_deref(), Some("it writes to the cache"));
    assert_ne!(outside.digest, inside.digest, "approved inside is not approved outside");
    for arguments in
        [json!({}), json!({ "justification": " " }), json!({ "justification": "x".repeat(1_001) })]
    {
        let mut arguments = arguments;
        arguments["sandbox_permissions"] = "require_escalated".into();
        let error = asked(arguments).await.unwrap_err();
        assert!(error.contains("exec_command: `justification`"), "{error}");
    }
    let error = asked(json!({ "sandbox_permissions": "all" })).await.unwrap_err();
    assert!(
        error.contains("`sandbox_permissions` must be one of \"use_default\", \"require_escalated\""),
        "{error}"
    );
    let list = json!({ "command": ["touch", "a"], "sandbox_permissions": "require_escalated", "justification": "why" });
    assert_eq!(world.prepare("shell", list).await.unwrap().justification.as_deref(), Some("why"));
}

#[tokio::test]
async fn a_repository_below_the_threads_directory_is_not_trusted() {
    let mut world = World::new();
    world.sandbox = SandboxPolicy::DangerFullAccess;
    std::fs::create_dir_all(world.path("sub/.git")).unwrap();
    let class = async |arguments| world.prepare("exec_command", arguments).await.unwrap().class;
    assert_eq!(class(json!({ "cmd": "git status" })).await, Class::Safe);
    assert_eq!(class(json!({ "cmd": "git status", "workdir": "sub" })).await, Class::Ordinary);
    assert_eq!(class(json!({ "cmd": "cd sub && git status" })).await, Class::Ordinary);
    assert_eq!(class(json!({ "cmd": "ls", "workdir": "sub" })).await, Class::Safe);
}

//! What is offered, what is said of calls, and what is said of calls that make no sense.

use crate::world::{World, function};
use agent_core::{
    Access, Class, Containment, OutputStatus, Payload, Repeat, SandboxPolicy, Subject, ToolCallHandler,
    ToolKind,
};
use serde_json::json;

#[tokio::test]
async fn the_tools_are_offered_with_their_schemas() {
    let world = World::new();
    let specs = world.registry.specs();
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let expected = [
        "exec_command",
        "write_stdin",
        "shell",
        "apply_patch",
        "read_file",
        "list_dir",
        "grep_files",
        "view_image",
        "update_plan",
        "request_user_input",
    ];
    assert_eq!(names, expected);
    for spec in &specs {
        assert!(!spec.description.is_empty());
        match &spec.kind {
            ToolKind::Function { parameters } => {
                assert_eq!(parameters["type"], "object");
                assert_eq!(parameters["additionalProperties"], false);
            }
            ToolKind::Freeform { grammar } => {
                assert_eq!(spec.name, "apply_patch");
                assert!(grammar.as_ref().unwrap().starts_with("start: "));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_unknown_tool_is_rejected_with_the_known_ones() {
    let error = World::new().prepare("run_shell", json!({})).await.unwrap_err();
    assert!(error.contains("no tool `run_shell`"), "{error}");
    assert!(error.contains("`exec_command`") && error.contains("`update_plan`"), "{error}");
}

#[tokio::test]
async fn bad_arguments_are_rejected_with_the_field() {
    let world = World::new();
    for (name, arguments, said) in [
        ("exec_command", json!({ "command": "ls" }), "there is no field `command`; `cmd` is missing"),
        ("exec_command", json!({ "cmd": " " }), "`cmd` is empty"),
        ("exec_command", json!({ "cmd": 1 }), "`cmd` must be a string, but is a number, `1`"),
        ("exec_command", json!({ "cmd": "ls\0" }), "`cmd` must be a string"),
        ("exec_command", json!({ "cmd": "ls", "workdir": "a\0b" }), "`workdir` must be a string"),
        (
            "exec_command",
            json!({ "cmd": "ls", "tty": "yes" }),
            "`tty` must be true or false, but is a string",
        ),
        ("exec_command", json!({ "cmd": "ls", "rows": 0 }), "`rows` must be a whole number from 1 to 1000"),
        ("exec_command", json!(["ls"]), "the arguments are a list"),
        ("write_stdin", json!({}), "`session_id` is missing"),
        ("write_stdin", json!({ "session_id": 1, "chars": "a\0" }), "`chars` must be a string"),
        ("write_stdin", json!({ "session_id": 1, "yield_time_ms": 40_000 }), "from 1 to 30000"),
        ("local_shell", json!({ "command": "ls" }), "`command` must be a list of strings"),
        ("shell", json!({ "command": ["ls", "a\0b"] }), "`command` must be a list of strings"),
        ("read_file", json!({ "path": "a\0b" }), "`path` must be a string"),
        ("list_dir", json!({ "path": ["a"] }), "`path` must be a string"),
        ("view_image", json!({ "path": "" }), "`path` is empty"),
        ("exec_command", json!({ "cmd": "ls", "timeout_ms": 0 }), "from 1 to 3600000, but is a number, `0`"),
        ("shell", json!({ "command": "ls" }), "`command` must be a list of strings"),
        ("shell", json!({ "command": [""] }), "the program, is empty"),
        ("read_file", json!({ "path": "a", "offset": 0 }), "`offset` must be a whole number"),
        ("grep_files", json!({ "pattern": "(" }), "not a regular expression"),
        ("update_plan", json!({ "plan": [{ "step": "a" }] }), "`status` (one of"),
        ("apply_patch", json!({ "patch": "x" }), "`input` is missing"),
        ("apply_patch", json!({ "input": "x" }), "*** Begin Patch"),
    ] {
        let error = world.prepare(name, arguments).await.unwrap_err();
        assert!(error.contains(said), "{name}: {error}");
    }
    let error = world.prepare_payload("exec_command", Payload::Function { arguments: "{".into() }).await;
    assert!(error.unwrap_err().contains("not JSON"));
}

#[tokio::test]
async fn a_command_is_described() {
    let world = World::new();
    let preparation = world
        .prepare("exec_command", json!({ "cmd": "touch a", "workdir": "sub", "timeout_ms": 5 }))
        .await
        .unwrap();
    assert_eq!((preparation.access, preparation.repeat), (Access::Mutating, Repeat::Never));
    assert_eq!((preparation.class, preparation.timeout_ms), (Class::Ordinary, 5));
    assert!(matches!(preparation.containment, Containment::Uncontained { .. }));
    let command = vec!["/bin/bash".to_owned(), "-c".to_owned(), "touch a".to_owned()];
    assert_eq!(preparation.subject, Subject::Command { command, cwd: format!("{}/sub", world.cwd()) });
}

#[tokio::test]
async fn known_commands_have_their_class() {
    let mut world = World::new();
    let safe = world.prepare("exec_command", json!({ "cmd": "git status" })).await.unwrap();
    assert_eq!((safe.access, safe.repeat, safe.class), (Access::ReadOnly, Repeat::Safe, Class::Safe));
    assert!(matches!(safe.containment, Containment::Uncontained { .. }), "nothing holds it either");
    let dangerous = world.prepare("shell", json!({ "command": ["rm", "-rf", "x"] })).await.unwrap();
    assert_eq!((dangerous.access, dangerous.class), (Access::Mutating, Class::Dangerous));
    world.sandbox = SandboxPolicy::DangerFullAccess;
    let free = world.prepare("exec_command", json!({ "cmd": "touch a" })).await.unwrap();
    assert_eq!(free.containment, Containment::Contained);
}

#[tokio::test]
async fn the_digest_names_the_call_and_its_policies() {
    let mut world = World::new();
    let digest =
        async |world: &World, arguments| world.prepare("exec_command", arguments).await.unwrap().digest;
    let one = digest(&world, json!({ "cmd": "touch a" })).await;
    assert_eq!(digest(&world, json!({ "cmd": "touch a", "timeout_ms": 7 })).await, one, "the same command");
    assert_ne!(digest(&world, json!({ "cmd": "touch b" })).await, one);
    assert_ne!(digest(&world, json!({ "cmd": "touch a", "workdir": "x" })).await, one);
    world.sandbox = SandboxPolicy::DangerFullAccess;
    assert_ne!(digest(&world, json!({ "cmd": "touch a" })).await, one);
    let read = async |arguments| world.prepare("read_file", arguments).await.unwrap().digest;
    assert_ne!(read(json!({ "path": "a" })).await, read(json!({ "path": "b" })).await);
}

#[tokio::test]
async fn looking_is_read_only_and_repeatable() {
    let world = World::new();
    for (name, arguments) in [
        ("read_file", json!({ "path": "a" })),
        ("list_dir", json!({})),
        ("grep_files", json!({ "pattern": "a" })),
        ("view_image", json!({ "path": "a" })),
        ("update_plan", json!({ "plan": [] })),
    ] {
        let preparation = world.prepare(name, arguments.clone()).await.unwrap();
        assert_eq!((preparation.access, preparation.repeat), (Access::ReadOnly, Repeat::Safe), "{name}");
        assert_eq!(preparation.containment, Containment::Contained, "{name}");
        let request = world.request_payload(name, function(&arguments)).await;
        assert_eq!(world.registry.recover(request).await, agent_core::ToolAnswer::NotStarted, "{name}");
    }
}

#[tokio::test]
async fn a_plan_is_told_and_set() {
    let world = World::new();
    let plan = json!({ "plan": [{ "step": "look", "status": "in_progress" }] });
    let preparation = world.prepare("update_plan", plan.clone()).await.unwrap();
    assert!(matches!(&preparation.subject, Subject::Plan { plan } if plan.steps.len() == 1));
    assert_eq!(world.call("update_plan", plan).await.plain_text(), "Plan updated");
    let two = json!({ "plan": [
        { "step": "a", "status": "in_progress" }, { "step": "b", "status": "in_progress" },
    ] });
    assert!(world.prepare("update_plan", two).await.unwrap_err().contains("at most one"));
}

#[tokio::test]
async fn what_is_called_by_another_name_is_served() {
    let world = World::new();
    let arguments = json!({ "command": ["printf", "a b"] });
    assert!(world.prepare("local_shell", arguments.clone()).await.is_ok());
    assert_eq!(world.call("local_shell", arguments).await.plain_text(), "a b");
}

#[tokio::test]
async fn a_dangling_link_is_explained_by_every_tool() {
    let world = World::new();
    std::os::unix::fs::symlink("nowhere", world.path("dangling")).unwrap();
    for (name, arguments, said) in [
        ("exec_command", json!({ "cmd": "touch ran", "workdir": "dangling" }), "dangling does not exist"),
        (
            "exec_command",
            json!({ "cmd": "touch ran", "workdir": "dangling", "tty": true }),
            "dangling does not exist",
        ),
        ("read_file", json!({ "path": "dangling" }), "dangling does not exist"),
        ("read_file", json!({ "path": "dangling/x" }), "does not exist"),
        ("list_dir", json!({ "path": "dangling" }), "dangling does not exist"),
        ("grep_files", json!({ "path": "dangling", "pattern": "x" }), "dangling does not exist"),
        ("view_image", json!({ "path": "dangling" }), "dangling does not exist"),
    ] {
        let output = world.call(name, arguments).await;
        assert_eq!(output.status, OutputStatus::Failed, "{name}");
        assert!(output.plain_text().contains(said), "{name}: {}", output.plain_text());
    }
    assert!(!world.path("ran").exists() && !world.path("nowhere").exists());
    assert_eq!(world.ledger(), "");
}

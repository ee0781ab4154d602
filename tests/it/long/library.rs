//! Skills, hooks, notify, trust and features as the configuration brings them.

use super::FREE;
use crate::binary::{Bench, Ran};
use test_kit::{ModelServer, Reply};

const SKILL: &str = "---\nname: release\ndescription: how to make a release\n---\nTag it first.\n";

fn skill(folder: std::path::PathBuf) {
    std::fs::create_dir_all(folder.join("release")).unwrap();
    std::fs::write(folder.join("release/SKILL.md"), SKILL).unwrap();
}

fn run(bench: &Bench, server: &ModelServer, args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
    command.output().unwrap().into()
}

fn input(server: &ModelServer, at: usize) -> String {
    server.requests()[at].body["input"].to_string()
}

#[test]
fn a_skill_is_listed_to_the_model_and_told_when_it_is_named() {
    let bench = Bench::new();
    skill(bench.home().join("skills"));
    let server = ModelServer::start(vec![Reply::new().text("Ok."); 2]).unwrap();
    run(&bench, &server, &["exec", "use $release and echo $HOME"]).succeeds();
    let told = input(&server, 0);
    assert!(told.contains("how to make a release") && told.contains("Tag it first."), "{told}");
    run(&bench, &server, &["exec", "make a release"]).succeeds();
    let told = input(&server, 1);
    assert!(told.contains("how to make a release") && !told.contains("Tag it first."), "{told}");
    let listed = bench.run(&["skills", "--json"]).succeeds().json();
    assert_eq!((listed[0]["name"].as_str(), listed[0]["scope"].as_str()), (Some("release"), Some("user")));
}

#[test]
fn a_broken_skill_is_a_warning_and_the_rest_goes_on() {
    let bench = Bench::new();
    skill(bench.home().join("skills"));
    let folder = bench.home().join("skills/broken");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("SKILL.md"), "---\nname: [\n---\nx").unwrap();
    let script = bench.script("[[step]]\ntext = \"Ok.\"\n");
    bench.run(&["exec", "--script", &script, "hello"]).succeeds().fails(0, &["SKILL.md", "left out"]);
}

#[test]
fn what_a_project_brings_counts_once_it_is_trusted() {
    let bench = Bench::new();
    let folder = bench.project().join(".everturn");
    skill(folder.join("skills"));
    std::fs::write(folder.join("config.toml"), "model = \"of-the-project\"\n").unwrap();
    let model = || bench.run(&["config", "get", "model"]).stdout;
    assert_ne!(model(), "of-the-project\n");
    bench.run(&["config"]).succeeds();
    let server = ModelServer::start(vec![Reply::new().text("Ok."); 3]).unwrap();
    let project = bench.project().canonicalize().unwrap();
    let says = format!("everturn trust {}", project.display());
    run(&bench, &server, &["exec", "hello"]).fails(0, &[&says]);
    assert!(!input(&server, 0).contains("how to make a release"));
    bench.run(&["trust"]).fails(0, &["is trusted"]);
    assert_eq!(model(), "of-the-project\n");
    run(&bench, &server, &["exec", "hello"]).succeeds();
    let (told, asked) = (input(&server, 1), server.requests()[1].body["model"].clone());
    assert!(told.contains("how to make a release"), "{told}");
    assert_eq!(asked, "of-the-project");
    bench.run(&["trust", "--no"]).fails(0, &["is not trusted"]);
    let ran = run(&bench, &server, &["exec", "hello"]).succeeds();
    assert!(!ran.stderr.contains("everturn trust"), "nobody asks again: {ran:#?}");
    bench.run(&["trust", "--forget"]).fails(0, &["is not decided about"]);
    assert!(bench.run(&["trust", "--show"]).stdout.contains("is not decided about"));
    bench.run(&["trust", "/no/such/folder"]).fails(2, &["there is no directory"]);
}

#[test]
fn hooks_run_and_may_change_or_stop_a_turn() {
    let bench = Bench::new();
    bench.configure(
        r#"
[[hooks]]
name = "adds"
phase = "pre_turn"
command = ["sh", "-c", "echo '{\"context\": \"The build is red.\"}'"]
[[hooks]]
name = "guards"
phase = "pre_tool_use"
tools = ["exec_command"]
command = ["sh", "-c", "echo not today >&2; exit 2"]
"#,
    );
    let server = ModelServer::start(vec![
        Reply::new().call("exec_command", serde_json::json!({ "cmd": "echo ran > ran.txt" })),
        Reply::new().text("Ok."),
    ])
    .unwrap();
    let ran = run(&bench, &server, &[&["exec"], &FREE[..], &["hello"]].concat()).succeeds();
    assert!(input(&server, 0).contains("The build is red."), "{ran:#?}");
    assert!(input(&server, 1).contains("not today"), "{}", input(&server, 1));
    assert!(!bench.project().join("ran.txt").exists());
    bench.configure("[[hooks]]\nname = \"stops\"\nphase = \"pre_run\"\ncommand = [\"sh\", \"-c\", \"echo closed >&2; exit 2\"]\n");
    let ran = run(&bench, &server, &["exec", "hello"]).fails(1, &["closed"]);
    assert_eq!(server.requests().len(), 2, "no model was asked: {ran:#?}");
}

#[test]
fn a_program_is_told_of_the_end_of_a_turn() {
    let bench = Bench::new();
    let told = bench.path().join("told.json");
    bench.configure(
        &format!(
            "notify = [\"sh\", \"-c\", 'printf %s \"$1\" > {}.part && mv {0}.part {0}', \"notify\"]\n",
            told.display()
        )
        .replace("{0}", &told.display().to_string()),
    );
    let script = bench.script("[[step]]\ntext = \"Ok.\"\n");
    bench.run(&["exec", "--script", &script, "hello"]).succeeds();
    crate::commands::wait_for("the notification", || told.exists());
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(told).unwrap()).unwrap();
    assert_eq!(
        (&told["type"], &told["last-assistant-message"], &told["input-messages"]),
        (&"agent-turn-complete".into(), &"Ok.".into(), &serde_json::json!(["hello"]))
    );
}

#[test]
fn features_are_listed_and_switched() {
    let bench = Bench::new();
    let state = |args: &[&str]| {
        let all = bench.run(&[&["features", "--json"], args].concat()).succeeds().json();
        all.into_iter().find(|line| line["name"] == "skills").unwrap()["on"].clone()
    };
    assert_eq!((state(&[]), state(&["-c", "features.skills=false"])), (true.into(), false.into()));
    skill(bench.home().join("skills"));
    let server = ModelServer::start(vec![Reply::new().text("Ok.")]).unwrap();
    run(&bench, &server, &["exec", "--disable", "skills", "use $release"]).succeeds();
    assert!(!input(&server, 0).contains("how to make a release"));
    bench.run(&["exec", "--enable", "skils", "x"]).fails(2, &["skills"]);
}

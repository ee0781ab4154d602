//! Hooks as they are written: what is wrong with one, and that layers add theirs up.

use crate::scene::Scene;
use agent_core::HookPhase;
use config::{HookCommand, Layer};

#[test]
fn the_hooks_of_all_layers_run_the_weaker_ones_first() {
    let scene = Scene::new()
        .file(
            "profile = \"p\"\nprojects.\"PROJECT\".trust_level = \"trusted\"\n\
             [[hooks]]\nname = \"user\"\nphase = \"pre_run\"\ncommand = \"u\"\n\
             [[profiles.p.hooks]]\nname = \"profile\"\nphase = \"pre_run\"\ncommand = \"p\"\n",
        )
        .with("project/.git/HEAD", "")
        .with(
            "project/.everturn/config.toml",
            "[[hooks]]\nname = \"project\"\nphase = \"pre_run\"\ncommand = [\"check/it\", \"-q\"]\n",
        )
        .with(
            "project/below/.everturn/config.toml",
            "[[hooks]]\nname = \"below\"\nphase = \"pre_run\"\ncommand = [\"it\"]\n",
        )
        .cwd("project/below")
        .set("hooks=[{ name = \"run 1\", phase = \"pre_run\", command = \"r\" }]")
        .set("hooks=[{ name = \"run 2\", phase = \"pre_run\", command = \"r\" }]")
        .managed("[[hooks]]\nname = \"managed\"\nphase = \"pre_run\"\ncommand = \"m\"\n");
    let project = scene.home().canonicalize().unwrap().join("project");
    let text = std::fs::read_to_string(scene.path()).unwrap();
    std::fs::write(scene.path(), text.replace("PROJECT", project.to_str().unwrap())).unwrap();
    let hooks = scene.load().config.hooks;
    let found: Vec<(&str, Layer)> = hooks.iter().map(|hook| (hook.name.as_str(), hook.layer)).collect();
    let expected = [
        ("user", Layer::User),
        ("project", Layer::Project),
        ("profile", Layer::Profile),
        ("run 1", Layer::Override),
        ("run 2", Layer::Override),
        ("managed", Layer::Managed),
    ];
    assert_eq!(found, expected);
    let program = project.join(".everturn/check/it").to_string_lossy().into_owned();
    assert_eq!(
        hooks[1].command,
        HookCommand::Argv(vec![program, "-q".into()]),
        "relative to the file that says it"
    );
    assert!(hooks.iter().all(|hook| hook.phase == HookPhase::PreRun && hook.timeout_ms == 5_000));
    let below = "HOME/project/below/.everturn/config.toml:1:3: `hooks` has no effect in a folder of a project; only the file at \
                 its root says that";
    assert_eq!(scene.notices(), [below]);
    let loaded = scene.load();
    let listed: Vec<String> =
        loaded.provenance.find("hooks").iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(listed, ["hooks.managed", "hooks.override", "hooks.profile", "hooks.project", "hooks.user"]);
}

#[test]
fn what_is_wrong_with_a_hook_has_its_line() {
    let cases = [
        (
            "[[hooks]]\nphase = \"pre_tool\"\ncommand = \"c\"\n",
            "FILE:2:9: `hooks.1.phase` is \"pre_tool\"; it takes \"session_start\", \"pre_run\", \"post_run\", \
             \"pre_turn\", \"post_turn\", \"pre_tool_use\" or \"post_tool_use\"",
        ),
        (
            "[[hooks]]\nphase = \"pre_run\"\ncommand = []\n",
            "FILE:3:11: `hooks.1.command` is []; it takes a line for the shell, or an array with a program and its \
             arguments",
        ),
        (
            "[[hooks]]\nphase = \"pre_run\"\ncomand = \"c\"\n",
            "FILE:3:1: unknown key `hooks.1.comand`; did you mean `hooks.1.command`?\n\
             FILE:1:1: `hooks.1` is without `command`; it takes a table with `phase` and `command`",
        ),
        (
            "[[hooks]]\nphase = \"pre_run\"\ncommand = \"c\"\n[[hooks]]\nphase = \"pre_run\"\ncommand = \"c\"\n\
             timeout_ms = 0\n",
            "FILE:7:14: `hooks.2.timeout_ms` is 0; it takes a whole number from 1",
        ),
        (
            "[[hooks]]\nphase = \"pre_run\"\ncommand = \"c\"\ntimeout_ms = 9999999\n",
            "FILE:4:14: `hooks.1.timeout_ms` is 9999999; it takes at most 600000",
        ),
        (
            "hooks = [\"a\"]\n",
            "FILE:1:10: `hooks.1` is \"a\"; it takes an array of tables, each with `phase` and `command`",
        ),
        (
            "hooks = 3\n",
            "FILE:1:9: `hooks` is 3; it takes an array of tables, each with `phase` and `command`",
        ),
    ];
    for (text, expected) in cases {
        let error = Scene::new().file(text).error();
        let mut lines: Vec<&str> = error.lines().collect();
        let mut wanted: Vec<&str> = expected.lines().collect();
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted, "{text}");
    }
}

#[test]
fn hooks_as_codex_writes_them_are_a_notice() {
    let scene = Scene::new().file("[[hooks.Stop]]\ncommand = \"c\"\n");
    assert_eq!(
        scene.notices(),
        [
            "FILE:1:3: `hooks` has no effect here: hooks are written as an array of tables, `[[hooks]]`, see docs/hooks.md"
        ]
    );
    assert_eq!(scene.load().config.hooks, []);
}

#[test]
fn a_hook_without_a_name_is_called_after_what_it_runs() {
    let long = "x".repeat(50);
    let scene = Scene::new().file(&format!(
        "[[hooks]]\nphase = \"pre_run\"\ncommand = [\"/usr/bin/check\", \"a\"]\n\
         [[hooks]]\nphase = \"pre_run\"\ncommand = \"{long}\"\n"
    ));
    let hooks = scene.load().config.hooks;
    assert_eq!(hooks[0].name, "check");
    assert_eq!(hooks[1].name, format!("{}…", "x".repeat(40)));
}

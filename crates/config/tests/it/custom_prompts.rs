//! Prompts of the user's own.

use crate::scene::Scene;
use agent_core::PromptInfo;
use config::{CustomPrompts, Trust};

fn scene() -> Scene {
    Scene::new()
        .with(
            "prompts/fix.md",
            "---\ndescription: Fixes it\nargument-hint: [file] [line]\n---\nFix $1 at $2.\n",
        )
        .with("prompts/plain.md", "Say hello.\n")
        .with("project/.git/HEAD", "")
        .with("project/.everturn/prompts/plain.md", "Say hello to the project.")
        .with(
            "project/.everturn/prompts/ship.md",
            "---\nargument-hint: \"TARGET=<name>\"\n---\nShip to $TARGET",
        )
        .cwd("project")
}

fn find(scene: &Scene, trust: Trust) -> CustomPrompts {
    CustomPrompts::find(&scene.home(), Some(&scene.home().join("project")), trust)
}

#[test]
fn prompts_are_found_and_those_of_a_trusted_project_go_first() {
    let scene = scene();
    let prompts = find(&scene, Trust::Trusted);
    assert_eq!(prompts.expand("/prompts:plain"), Some(Ok("Say hello to the project.".into())));
    assert_eq!(prompts.expand("/prompts:fix src/a.rs 7"), Some(Ok("Fix src/a.rs at 7.".into())));
    assert_eq!(prompts.expand("/ship TARGET=prod"), Some(Ok("Ship to prod".into())));
    assert_eq!(prompts.expand("/unknown"), None, "it may be a command of the surface");
    assert_eq!(prompts.expand("plain"), None);
    let missing = prompts.expand("/ship").unwrap().unwrap_err().to_string();
    assert_eq!(missing, "/prompts:ship needs $TARGET (as TARGET=value); it takes TARGET=<name>");
    let unknown = prompts.expand("/prompts:nope x").unwrap().unwrap_err().to_string();
    assert_eq!(unknown, "there is no prompt `nope`; there are fix, plain, ship");
    for trust in [Trust::Unknown, Trust::Untrusted] {
        let prompts = find(&scene, trust);
        assert_eq!(prompts.expand("/prompts:plain"), Some(Ok("Say hello.".into())));
        assert_eq!(prompts.expand("/ship TARGET=prod"), None);
    }
}

#[test]
fn prompts_are_listed_by_name() {
    let scene = scene();
    let expected = PromptInfo {
        name: "fix".into(),
        description: "Fixes it".into(),
        argument_hint: Some("[file] [line]".into()),
        path: scene.home().join("prompts/fix.md").to_string_lossy().into_owned(),
    };
    let prompts = find(&scene, Trust::Untrusted);
    assert_eq!(prompts.infos().len(), 2);
    assert_eq!(prompts.infos()[0], expected, "{:?}", prompts.warnings);
    assert_eq!(prompts.warnings, [""; 0]);
}

#[test]
fn what_is_wrong_with_one_is_a_warning_and_the_rest_goes_on() {
    let scene = scene()
        .with("prompts/broken.md", "---\ndescription: [open\n---\nx")
        .with("prompts/empty.md", "---\ndescription: d\n---\n\n")
        .with("prompts/odd name.md", "x")
        .with("prompts/ignored.txt", "x");
    let prompts = find(&scene, Trust::Untrusted);
    let warnings: Vec<String> = prompts.warnings.iter().map(|warning| scene.shown(warning)).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].starts_with("HOME/prompts/broken.md:"), "{warnings:?}");
    assert_eq!(warnings[1], "HOME/prompts/empty.md: says nothing; this prompt is left out");
    assert!(warnings[2].starts_with("HOME/prompts/odd name.md: its name has more than"), "{warnings:?}");
    assert_eq!(prompts.infos().len(), 2);
}

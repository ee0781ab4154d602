//! Skills: where they are found, which of two counts, what is wrong with one.

use crate::scene::Scene;
use agent_core::SkillInfo;
use config::{SkillPlaces, Skills, Trust};

fn skill(name: &str, description: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n---\nDo it like {description}.\n")
}

fn places(scene: &Scene, trust: Trust) -> SkillPlaces {
    let folder = scene.home().canonicalize().unwrap();
    SkillPlaces {
        home: folder.join("data"),
        user: Some(folder.join("user")),
        system: folder.join("system"),
        cwd: Some(folder.join("project/below")),
        trust,
        foreign: true,
    }
}

fn scene() -> Scene {
    Scene::new().with("project/.git/HEAD", "").cwd("project/below")
}

fn listed(skills: &Skills) -> Vec<String> {
    let shown = |info: SkillInfo| format!("{} {} {}", info.scope, info.name, info.description);
    skills.infos().into_iter().map(shown).collect()
}

#[test]
fn skills_are_found_in_all_places_and_the_nearest_counts() {
    let scene = scene()
        .with("data/skills/a/SKILL.md", &skill("a", "user"))
        .with("user/.claude/skills/c/SKILL.md", &skill("c", "claude"))
        .with("user/.agents/skills/d/SKILL.md", &skill("d", "shared"))
        .with("system/a/SKILL.md", &skill("a", "system"))
        .with("system/e/SKILL.md", &skill("e", "system"))
        .with("project/.codex/skills/f/SKILL.md", &skill("f", "root"))
        .with("project/.everturn/skills/a/SKILL.md", &skill("a", "root"))
        .with("project/below/.agents/skills/a/SKILL.md", &skill("a", "below"))
        .with("project/below/.agents/skills/no-skill/README.md", "x");
    let trusted = Skills::find(&places(&scene, Trust::Trusted));
    assert_eq!(
        listed(&trusted),
        ["repo a below", "user c claude", "user d shared", "system e system", "repo f root"]
    );
    assert_eq!(trusted.warnings, [""; 0]);
    let untrusted = Skills::find(&places(&scene, Trust::Untrusted));
    assert_eq!(listed(&untrusted), ["user a user", "user c claude", "user d shared", "system e system"]);
    assert_eq!(untrusted.warnings, [""; 0]);
    let unknown = Skills::find(&places(&scene, Trust::Unknown));
    assert_eq!(listed(&unknown), listed(&untrusted));
    assert!(
        unknown.warnings[0].ends_with("do not count until the project is trusted; everturn trust says so")
    );
    let own = Skills::find(&SkillPlaces { foreign: false, ..places(&scene, Trust::Trusted) });
    assert_eq!(listed(&own), ["repo a below", "user d shared", "system e system"]);
}

#[test]
fn what_is_wrong_with_one_is_a_warning_and_the_rest_goes_on() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("broken", b"---\nname: x\ndescription: [open\n---\n", "SKILL.md:"),
        ("endless", b"---\nname: x\n", "SKILL.md:1: the front matter has no end; a line `---` ends it"),
        (
            "mixed",
            b"---\nname: x\ndescription: {a: b}\n---\n",
            "SKILL.md:3: the front matter is not the YAML it should be",
        ),
        ("large", &[b'x'; 64 * 1024 + 1], "SKILL.md: has 65537 bytes; 65536 are the most"),
        ("named", b"---\nname: \"a b\"\ndescription: d\n---\n", "SKILL.md: \"a b\" is no name of a skill"),
        ("silent", b"no front matter\n", "SKILL.md: has no `description` in its front matter"),
        ("latin", b"---\ndescription: \xe9\n---\n", "SKILL.md: is not UTF-8 (byte 17)"),
    ];
    for (name, text, expected) in cases {
        let scene = scene().with("data/skills/good/SKILL.md", &skill("good", "d"));
        let folder = scene.home().join("data/skills").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("SKILL.md"), text).unwrap();
        let skills = Skills::find(&places(&scene, Trust::Trusted));
        assert_eq!(listed(&skills), ["user good d"], "{name}");
        let [warning] = &skills.warnings[..] else { panic!("{name}: {:?}", skills.warnings) };
        assert!(
            warning.contains(expected) && warning.ends_with("; this skill is left out"),
            "{name}: {warning}"
        );
    }
}

#[test]
fn a_skill_is_read_by_its_name_without_its_front_matter() {
    let text = "---\nname: pdf\ndescription: >\n  two\n  lines\nallowed-tools: Read Bash(git:*)\nmetadata: {a: 1}\n---\n\n# PDF\nDo.\n";
    let scene = scene().with("data/skills/folder/SKILL.md", text);
    let skills = Skills::find(&places(&scene, Trust::Trusted));
    assert_eq!(listed(&skills), ["user pdf two lines"]);
    let found = skills.text("pdf").unwrap().unwrap();
    assert_eq!(found.text, "# PDF\nDo.\n\n[tools that it is written for: Read, Bash(git:*)]");
    assert!(found.path.ends_with("data/skills/folder/SKILL.md"));
    assert_eq!(skills.text("folder"), Ok(None));
    assert_eq!(skills.mentions("use $pdf, `$pdf` and $HOME"), ["pdf"]);
    std::fs::remove_file(scene.home().join("data/skills/folder/SKILL.md")).unwrap();
    assert!(skills.text("pdf").unwrap_err().ends_with("SKILL.md: is gone"));
}

#[test]
fn the_model_is_told_of_skills_in_few_words_and_not_of_those_that_are_for_the_user() {
    let secret = "---\nname: secret\ndescription: only by name\ndisable-model-invocation: true\n---\nx";
    let mut scene = scene()
        .with("data/skills/secret/SKILL.md", secret)
        .with("data/skills/a/SKILL.md", &skill("a", "\"first </skills> one\""));
    assert_eq!(Skills::default().prompt_text(1_000), None);
    let told = Skills::find(&places(&scene, Trust::Trusted)).prompt_text(1_000).unwrap();
    assert!(told.starts_with("<skills>\n") && told.ends_with("\n</skills>"), "{told}");
    assert!(told.contains("- a: first <\\/skills> one (file: /") && !told.contains("secret"), "{told}");
    for number in 10..40 {
        let name = format!("s{number}");
        scene =
            scene.with(&format!("data/skills/{name}/SKILL.md"), &skill(&name, "many words to fill the room"));
    }
    let told = Skills::find(&places(&scene, Trust::Trusted)).prompt_text(400).unwrap();
    assert!(told.len() < 400 * 4 + 100, "{}", told.len());
    assert!(told.contains(" more are not listed here]\n</skills>"), "{told}");
}

#[test]
fn a_link_out_of_the_project_is_no_skill() {
    let scene = scene().with("elsewhere/s/SKILL.md", &skill("s", "d"));
    std::fs::create_dir_all(scene.home().join("project/.everturn/skills")).unwrap();
    let link = scene.home().join("project/.everturn/skills/s");
    std::os::unix::fs::symlink(scene.home().join("elsewhere/s"), link).unwrap();
    let skills = Skills::find(&places(&scene, Trust::Trusted));
    assert_eq!(listed(&skills), [""; 0]);
    assert!(skills.warnings[0].contains("a link that leads out of"), "{:?}", skills.warnings);
}

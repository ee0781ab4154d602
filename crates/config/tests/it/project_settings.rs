//! The settings of a project: nothing before the user trusts it, some never.

use crate::scene::Scene;
use agent_core::{ApprovalPolicy, Effort};
use config::{NOT_FOR_PROJECTS, ONLY_AT_THE_ROOT, Project, SandboxMode, Trust};
use std::path::PathBuf;

const LOOSE: &str =
    "approval_policy = \"never\"\nsandbox_mode = \"danger-full-access\"\nmodel = \"theirs\"\n";

/// A repository with settings at its root and below, and the directory below as the one to work in.
fn scene(settings: &str) -> Scene {
    Scene::new()
        .with("project/.git/HEAD", "")
        .with("project/.everturn/config.toml", settings)
        .with("project/a/b/.everturn/config.toml", "model_reasoning_effort = \"low\"\n")
        .cwd("project/a/b")
}

fn root(scene: &Scene) -> PathBuf {
    scene.home().canonicalize().unwrap().join("project")
}

/// The same, with what the user says of the project before the rest of the user's file.
fn said(scene: Scene, level: &str, rest: &str) -> Scene {
    let root = root(&scene);
    scene.file(&format!("{rest}\n[projects.{root:?}]\ntrust_level = \"{level}\"\n"))
}

#[test]
fn nothing_of_a_project_counts_before_it_is_trusted() {
    let scene = scene(LOOSE);
    let loaded = scene.load();
    assert_eq!((loaded.config.approval_policy, loaded.config.sandbox_mode), (None, None));
    assert_eq!(loaded.config.model, "gpt-6.2-sol");
    assert_eq!(
        scene.notices(),
        [
            "HOME/project/.everturn/config.toml is not read: nobody has said yet whether this project is trusted. everturn \
             trust HOME/project says so, everturn trust --no HOME/project that it is not"
        ]
    );
    let root = root(&scene);
    let files = vec![root.join(".everturn/config.toml"), root.join("a/b/.everturn/config.toml")];
    assert_eq!(loaded.project, Some(Project { root, trust: Trust::Unknown, files }));
}

#[test]
fn not_even_its_mistakes_are_read_before_it_is_trusted() {
    let scene = said(scene("not toml ["), "untrusted", "");
    assert_eq!(scene.load().project.unwrap().trust, Trust::Untrusted);
    assert_eq!((scene.warnings(), scene.notices()), (Vec::new(), Vec::new()));
}

#[test]
fn a_trusted_projects_settings_are_between_the_users_and_the_profiles() {
    let project =
        "model = \"project\"\nlog_dir = \"x\"\nmodel_reasoning_effort = \"high\"\ninstructions = \"i\"\n";
    let user = "model = \"user\"\nmodel_reasoning_summary = \"concise\"\ninstructions = \"u\"\n\
                [profiles.p]\ninstructions = \"profile\"\n";
    let scene = said(scene(project), "trusted", user).profile("p");
    let config = scene.load().config;
    assert_eq!(config.model, "project");
    assert_eq!(config.model_reasoning_effort, Some(Effort::Low), "the folder below goes before the root");
    assert_eq!(config.instructions.as_deref(), Some("profile"));
    assert_eq!(
        scene.setting("model_reasoning_effort"),
        "\"low\" from HOME/project/a/b/.everturn/config.toml:1:1 (project)"
    );
    assert_eq!(scene.setting("model"), "\"project\" from HOME/project/.everturn/config.toml:1:1 (project)");
    let stronger = scene.variable("EVERTURN_MODEL", "variable");
    assert_eq!(stronger.load().config.model, "variable");
}

#[test]
fn a_trusted_project_may_choose_the_policies() {
    let scene = said(scene(LOOSE), "trusted", "");
    let config = scene.load().config;
    assert_eq!(config.approval_policy, Some(ApprovalPolicy::Never));
    assert_eq!(config.sandbox_mode, Some(SandboxMode::DangerFullAccess));
}

#[test]
fn some_keys_are_never_a_projects_to_say() {
    let project = "profile = \"p\"\nlog = \"debug\"\nnotify = [\"evil\"]\nmodel_provider = \"ollama\"\n\
                   openai_base_url = \"http://evil\"\nbackend = \"temporal\"\nbudget.tokens = 1\n\
                   cli_auth_credentials_store = \"keyring\"\nhistory.persistence = \"none\"\n\
                   sandbox.unreadable = []\nshell_environment_policy.ignore_default_excludes = true\n\
                   temporal.address = \"evil:1\"\nprojects.\"/\".trust_level = \"trusted\"\n\
                   [model_providers.openai]\nenv_key = \"OTHER\"\n[profiles.p]\nmodel = \"m\"\n";
    let scene = said(scene(project), "trusted", "");
    let plain = said(self::scene(""), "trusted", "");
    assert_eq!(scene.load().config, plain.load().config);
    let notices = scene.notices();
    for key in NOT_FOR_PROJECTS {
        let named = notices.iter().any(|notice| notice.contains(&format!(": `{key}")));
        assert!(named, "{key}: {notices:#?}");
    }
    assert!(
        notices.contains(
            &"HOME/project/.everturn/config.toml:3:1: `notify` has no effect in the file of a project; only your own \
              settings say that"
                .to_owned()
        ),
        "{notices:#?}"
    );
    assert!(notices.iter().any(|notice| notice.contains("the profile p has no effect here")), "{notices:#?}");
}

/// An agent that works at the root can write into the folders below: see [`ONLY_AT_THE_ROOT`].
#[test]
fn a_folder_below_the_root_says_nothing_of_what_runs_and_what_may_be_touched() {
    let below = "model = \"m\"\napproval_policy.granular.patches = false\nsandbox_mode = \"danger-full-access\"\n\
                 exec_policy_files = [\"x\"]\nweb_search = \"live\"\ntools.web_search = true\nfeatures.skills = false\n\
                 hooks = [{ phase = \"pre_run\", command = \"c\" }]\nmcp_servers.s.command = \"c\"\n\
                 sandbox.hide_dotenv = false\nsandbox_workspace_write.network_access = true\n\
                 shell_environment_policy.inherit = \"all\"\n";
    let written = scene("").with("project/a/b/.everturn/config.toml", below);
    let written = said(written, "trusted", "");
    let plain = said(scene("").with("project/a/b/.everturn/config.toml", "model = \"m\"\n"), "trusted", "");
    assert_eq!(written.load().config, plain.load().config);
    let notices = written.notices();
    for key in ONLY_AT_THE_ROOT {
        let named = notices.iter().any(|notice| {
            notice.contains(&format!(": `{key}")) && notice.ends_with("; only the file at its root says that")
        });
        assert!(named, "{key}: {notices:#?}");
    }
}

#[test]
fn mistakes_of_a_trusted_project_name_file_and_line() {
    let scene = said(scene("\nmodle = \"m\"\n"), "trusted", "");
    assert_eq!(
        scene.error(),
        "HOME/project/.everturn/config.toml:2:1: unknown key `modle`; did you mean `model`?"
    );
    let (config, warnings) = scene.look();
    assert_eq!(config.model_reasoning_effort, Some(Effort::Low));
    assert!(warnings[0].contains("not heard"), "{warnings:?}");
    let broken = said(self::scene("model ="), "trusted", "");
    assert!(broken.error().starts_with("HOME/project/.everturn/config.toml:1:8"), "{}", broken.error());
    assert_eq!(broken.look().1.len(), 1);
}

#[test]
fn a_link_out_of_the_project_is_not_followed() {
    let scene =
        Scene::new().with("project/.git/HEAD", "").with("elsewhere/config.toml", LOOSE).cwd("project");
    std::os::unix::fs::symlink(scene.home().join("elsewhere"), scene.home().join("project/.everturn"))
        .unwrap();
    let scene = said(scene, "trusted", "");
    assert_eq!(scene.load().config.sandbox_mode, None);
    assert_eq!(
        scene.notices(),
        [
            "HOME/project/.everturn/config.toml: a link that leads out of HOME/project is not followed; its settings do not \
          count"
        ]
    );
}

#[test]
fn the_users_own_file_is_no_projects() {
    // The data folder is where a project would have its settings.
    let scene = Scene::new().file("model = \"user\"\n");
    let home = scene.home().join(".everturn");
    std::fs::create_dir(&home).unwrap();
    std::fs::rename(scene.path(), home.join("config.toml")).unwrap();
    let environment = scene.environment();
    let sources = config::Sources {
        environment: &environment,
        home: &home,
        profile: None,
        flags: Vec::new(),
        overrides: Vec::new(),
    };
    let cwd = scene.home();
    let site = config::Site { cwd: Some(&cwd), ..config::Site::default() };
    let loaded = config::load_at(&sources, &site).unwrap();
    assert_eq!((loaded.config.model.as_str(), loaded.notices), ("user", Vec::new()));
    assert_eq!(loaded.project.unwrap().files, [""; 0].map(PathBuf::from));
}

#[test]
fn the_feature_can_be_off() {
    let scene = said(scene(LOOSE), "trusted", "").set("features.project_config=false");
    assert_eq!(scene.load().config.sandbox_mode, None);
}

//! What whoever manages a machine allows, and that nothing goes over it.

use crate::scene::Scene;
use agent_core::{ApprovalPolicy, SandboxPolicy, Settings};
use config::{FlagValue, SandboxMode, WebSearch};

const POLICIES: &str = "allowed_approval_policies = [\"on-request\", \"untrusted\"]\n\
                        allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n";

#[test]
fn a_value_that_is_not_allowed_names_both_places() {
    let danger = "sandbox_mode = \"danger-full-access\"";
    let file = Scene::new().file(&format!("log = \"x\"\n{danger}\n")).managed(POLICIES);
    let not = "which HOME/managed.toml:2:25 does not allow; it allows \"read-only\", \"workspace-write\"";
    assert_eq!(file.error(), format!("FILE:2:1: `sandbox_mode` is \"danger-full-access\", {not}"));
    let flag = Scene::new().managed(POLICIES).flag(FlagValue::new(
        "--sandbox",
        "sandbox_mode",
        "danger-full-access",
    ));
    assert_eq!(flag.error(), format!("--sandbox: `sandbox_mode` is \"danger-full-access\", {not}"));
    let profile = Scene::new().managed(POLICIES).file(&format!("[profiles.p]\n{danger}\n")).profile("p");
    assert_eq!(profile.error(), format!("FILE:2:1: `sandbox_mode` is \"danger-full-access\", {not}"));
    let variable = Scene::new().managed(POLICIES).variable("CODEX_APPROVAL_POLICY", "never");
    assert_eq!(
        variable.error(),
        "environment variable CODEX_APPROVAL_POLICY: `approval_policy` is \"never\", which HOME/managed.toml:1:29 does not \
         allow; it allows \"on-request\", \"untrusted\""
    );
    let granular = Scene::new().managed(POLICIES).set("approval_policy.granular.patches=false");
    assert!(
        granular
            .error()
            .contains("`approval_policy.granular.patches` is false, which HOME/managed.toml:1:29")
    );
}

#[test]
fn a_trusted_project_cannot_loosen_it_either() {
    let scene = Scene::new()
        .with("project/.git/HEAD", "")
        .with("project/.everturn/config.toml", "\nsandbox_mode = \"danger-full-access\"\n")
        .cwd("project")
        .managed(POLICIES);
    let root = scene.home().canonicalize().unwrap().join("project");
    let scene = scene.set(&format!("projects.{:?}.trust_level=\"trusted\"", root));
    assert!(
        scene.error().starts_with(
            "HOME/project/.everturn/config.toml:2:1: `sandbox_mode` is \"danger-full-access\", which"
        ),
        "{}",
        scene.error()
    );
}

#[test]
fn where_nothing_is_said_the_default_of_a_command_gives_way() {
    let config = Scene::new().managed(POLICIES).load().config;
    assert_eq!((config.approval_policy, config.sandbox_mode), (None, None));
    assert_eq!(config.constraints.approval_or(ApprovalPolicy::Never), ApprovalPolicy::OnRequest);
    assert_eq!(config.constraints.approval_or(ApprovalPolicy::Untrusted), ApprovalPolicy::Untrusted);
    assert_eq!(config.constraints.sandbox_or(SandboxMode::DangerFullAccess), SandboxMode::ReadOnly);
    assert_eq!(config.constraints.sandbox_or(SandboxMode::WorkspaceWrite), SandboxMode::WorkspaceWrite);
    let free = Scene::new().load().config.constraints;
    assert!(free.is_empty());
    assert_eq!(free.sandbox_or(SandboxMode::DangerFullAccess), SandboxMode::DangerFullAccess);
}

#[test]
fn models_and_providers_are_held_to_their_lists_everywhere() {
    let managed = "allowed_models = [\"gpt-*\", \"own\"]\nallowed_providers = [\"work\", \"openai\"]\n";
    let good = Scene::new().managed(managed).file("model = \"gpt-9\"\nreview_model = \"own\"\n");
    assert_eq!(good.load().config.model, "gpt-9");
    let cases = [
        ("model = \"o3\"", "`model` is \"o3\""),
        ("review_model = \"o3\"", "`review_model` is \"o3\""),
        ("modes.plan.model = \"o3\"", "`modes.plan.model` is \"o3\""),
        ("model_provider = \"ollama\"", "`model_provider` is \"ollama\""),
    ];
    for (line, expected) in cases {
        let error = Scene::new().managed(managed).file(line).error();
        assert!(error.contains(expected) && error.contains("HOME/managed.toml:"), "{error}");
    }
    let default = Scene::new().managed("allowed_models = [\"x-*\", \"own\"]\n");
    assert_eq!(default.setting("model"), "\"own\" from HOME/managed.toml:1:18 (managed)");
    let none = Scene::new().managed("allowed_models = [\"x-*\"]\n");
    assert!(none.error().contains("`model` is \"gpt-6.2-sol\", which HOME/managed.toml:1:18 does not allow"));
}

#[test]
fn the_web_can_be_closed_by_every_name_that_opens_it() {
    for open in ["web_search=live", "tools.web_search=true", "features.web_search_request=true"] {
        let error = Scene::new().managed("web_search = \"off\"\n").set(open).error();
        assert!(
            error.contains("which HOME/managed.toml:1:14 does not allow; it allows \"disabled\""),
            "{error}"
        );
    }
    let cached = Scene::new().managed("web_search = \"cached\"\n").set("web_search=cached");
    assert_eq!(cached.load().config.web_search, WebSearch::Cached);
    let off = Scene::new().managed("web_search = \"off\"\n").set("tools.web_search=false");
    assert_eq!(off.load().config.web_search, WebSearch::Disabled);
}

#[test]
fn a_budget_is_held_below_its_maximum_and_is_the_maximum_where_nothing_is_said() {
    let managed = "[max_budget]\ntokens = 1000\ncost_usd = 2.5\nturn_seconds = 10\n";
    let scene = Scene::new().managed(managed);
    let budget = scene.load().config.budget;
    assert_eq!(
        (budget.tokens, budget.cost_microusd, budget.turn_ms, budget.tool_calls),
        (Some(1_000), Some(2_500_000), Some(10_000), None)
    );
    assert_eq!(scene.setting("budget.max_tokens"), "1000 from HOME/managed.toml:2:10 (managed)");
    let lower =
        Scene::new().managed(managed).file("budget.tokens = 10\n[budget]\n".split('\n').next().unwrap());
    assert_eq!(lower.load().config.budget.tokens, Some(10));
    let over = Scene::new().managed(managed).file("budget.tokens = 1001\n");
    assert_eq!(
        over.error(),
        "FILE:1:8: `budget.max_tokens` is 1001, which HOME/managed.toml:2:10 does not allow; the most is 1000"
    );
    let over = Scene::new().managed(managed).file("budget.max_turn_ms = 10001\n");
    assert!(over.error().ends_with("does not allow; the most is 10000"), "{}", over.error());
}

#[test]
fn what_is_fixed_stays_and_who_said_otherwise_is_told() {
    let managed = "[fixed]\nsandbox_mode = \"read-only\"\nfeatures.skills = false\n";
    let scene = Scene::new()
        .managed(managed)
        .file("sandbox_mode = \"workspace-write\"\n")
        .set("features.skills=false");
    assert_eq!(scene.load().config.sandbox_mode, Some(SandboxMode::ReadOnly));
    assert_eq!(scene.setting("sandbox_mode"), "\"read-only\" from HOME/managed.toml:2:1 (managed)");
    assert_eq!(
        scene.notices(),
        ["FILE:1:1: `sandbox_mode` is fixed by HOME/managed.toml:2:1; it stays \"read-only\""]
    );
}

#[test]
fn a_second_file_can_only_add() {
    let more = "allowed_sandbox_modes = [\"read-only\", \"danger-full-access\"]\n\
                [fixed]\nlog = \"more\"\nmodel = \"theirs\"\n[max_budget]\ntokens = 2000\ntool_calls = 3\n";
    let own = "allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n\
               [fixed]\nmodel = \"ours\"\n[max_budget]\ntokens = 1000\n";
    let scene = Scene::new().managed(own).with("more.toml", more);
    let path = scene.home().join("more.toml");
    let scene = scene.variable("EVERTURN_MANAGED_CONFIG", path.to_str().unwrap());
    let config = scene.load().config;
    assert_eq!((config.model.as_str(), config.log.as_deref()), ("ours", Some("more")));
    assert_eq!((config.budget.tokens, config.budget.tool_calls), (Some(1_000), Some(3)));
    assert_eq!(config.constraints.sandbox_or(SandboxMode::DangerFullAccess), SandboxMode::ReadOnly);
    for mode in ["workspace-write", "danger-full-access"] {
        let scene = Scene::new().managed(own).with("more.toml", more);
        let path = scene.home().join("more.toml");
        let scene = scene.variable("EVERTURN_MANAGED_CONFIG", path.to_str().unwrap());
        assert!(scene.set(&format!("sandbox_mode={mode}")).error().contains("does not allow"), "{mode}");
    }
}

#[test]
fn a_file_that_is_wrong_stops_every_run() {
    let cases = [
        (
            "allowed_sandbox_mode = [\"read-only\"]",
            "HOME/managed.toml:1:1: unknown key `allowed_sandbox_mode`; did you mean `allowed_sandbox_modes`?",
        ),
        (
            "allowed_sandbox_modes = [\"readonly\"]",
            "HOME/managed.toml:1:25: `allowed_sandbox_modes` is [\"readonly\"]; it takes an array with at least one of \
             \"read-only\", \"workspace-write\", \"danger-full-access\"",
        ),
        ("allowed_models = []", "HOME/managed.toml:1:18 (managed)"),
        (
            "web_search = true",
            "HOME/managed.toml:1:14: `web_search` is true; it takes \"off\", \"cached\" or \"live\"",
        ),
        ("max_budget = 3", "HOME/managed.toml:1:14: `max_budget` is 3; it takes a table"),
        (
            "max_budget.tokens = -1",
            "HOME/managed.toml:1:21: `max_budget.tokens` is -1; it takes a whole number from 0",
        ),
        (
            "max_budget.token = 1",
            "HOME/managed.toml:1:12: unknown key `max_budget.token`; did you mean `max_budget.tokens`?",
        ),
        (
            "fixed.modle = \"m\"",
            "HOME/managed.toml:1:7: unknown key `fixed.modle`; did you mean `fixed.model`?",
        ),
        ("fixed = [", "HOME/managed.toml:1:10"),
        (
            "[[hooks]]\nphase = \"never\"\ncommand = \"c\"",
            "HOME/managed.toml:2:9: `hooks.1.phase` is \"never\"",
        ),
    ];
    for (text, expected) in cases {
        let error = Scene::new().managed(text).error();
        let expected = expected.trim_end_matches(" (managed)");
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let empty = Scene::new().managed("allowed_models = []").error();
    assert!(empty.contains("`allowed_models` allows nothing; a list needs at least one value"), "{empty}");
    let scene = Scene::new();
    std::fs::create_dir(scene.home().join("managed.toml")).unwrap();
    assert!(scene.error().contains("managed.toml cannot be read"), "{}", scene.error());
}

#[test]
fn settings_from_elsewhere_are_checked_by_the_same_lists() {
    let managed = format!("{POLICIES}allowed_models = [\"gpt-*\"]\n");
    let constraints = Scene::new().managed(&managed).load().config.constraints;
    let good = Settings::new("/w", "gpt-1");
    assert_eq!(constraints.refusals(&good), [""; 0]);
    let bad = Settings {
        sandbox: SandboxPolicy::DangerFullAccess,
        approval: ApprovalPolicy::Never,
        ..Settings::new("/w", "o3")
    };
    let refused = constraints.refusals(&bad);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused[1].starts_with("`sandbox_mode` is \"danger-full-access\", which"), "{refused:?}");
}

//! What is said when something is wrong, word for word.

use crate::scene::Scene;
use config::FlagValue;
use std::os::unix::fs::PermissionsExt;

/// Checks files and what is said of them.
fn check(cases: &[(&str, &str)]) {
    for (file, expected) in cases {
        assert_eq!(Scene::new().file(file).error(), *expected, "{file}");
    }
}

#[test]
fn an_unknown_key_comes_with_the_nearest_one_or_the_table_it_belongs_in() {
    check(&[
        ("model_provder = \"x\"", "FILE:1:1: unknown key `model_provder`; did you mean `model_provider`?"),
        (
            "\n  Model-Provider = \"x\"",
            "FILE:2:3: unknown key `Model-Provider`; did you mean `model_provider`?",
        ),
        (
            "[model_providers.a]\nbase_ulr = \"http://h\"",
            "FILE:2:1: unknown key `model_providers.a.base_ulr`; did you mean `model_providers.a.base_url`?",
        ),
        ("wire_api = \"chat\"", "FILE:1:1: unknown key `wire_api`; it belongs in [model_providers.NAME]"),
        (
            "max_tokens = 1\n[budget]\nmodel = \"x\"",
            "FILE:1:1: unknown key `max_tokens`; it belongs in [budget]\n\
             FILE:3:1: unknown key `budget.model`; it belongs in [modes.NAME] or the top of the file, before any [table]",
        ),
        (
            "[profiles.p]\nmodl = \"x\"\nwire_api = \"chat\"\nprofile = \"q\"\n[profiles.p.budget]\nmodel = \"x\"",
            "FILE:2:1: unknown key `profiles.p.modl`; did you mean `profiles.p.model`?\n\
             FILE:3:1: unknown key `profiles.p.wire_api`; it belongs in [profiles.p.model_providers.NAME]\n\
             FILE:4:1: unknown key `profiles.p.profile`; it belongs in the top of the file, before any [table]\n\
             FILE:6:1: unknown key `profiles.p.budget.model`; it belongs in [profiles.p.modes.NAME] or [profiles.p]",
        ),
        (
            "budget.zzzzzzz = 1",
            "FILE:1:8: unknown key `budget.zzzzzzz`; there are cost_usd, max_cost_usd, max_tokens, max_tool_calls, max_turn_ms, \
             max_work_minutes, tokens, tool_calls, turn_seconds, work_minutes",
        ),
        (
            "qqqqqqqqqqq = 1",
            "FILE:1:1: unknown key `qqqqqqqqqqq`; everturn config keys lists those there are",
        ),
    ]);
}

#[test]
fn a_pasted_key_is_not_repeated_and_the_way_to_keep_it_is_named() {
    let advice = "a provider's key is kept out of this file: name its environment variable with `env_key`, or use everturn login";
    let error =
        Scene::new().file("api_key = \"sk-secret\"\n[model_providers.a]\napi_key = \"sk-secret\"").error();
    assert_eq!(
        error,
        format!(
            "FILE:1:1: unknown key `api_key`; {advice}\nFILE:3:1: unknown key `model_providers.a.api_key`; {advice}"
        )
    );
    check(&[
        (
            "[model_providers.a]\nenv_key = \"sk-secret\"",
            "FILE:2:11: `model_providers.a.env_key` is a string; it takes the name of an environment variable, such as \
             \"MY_API_KEY\"",
        ),
        (
            "[model_providers.a]\nexperimental_bearer_token = [\"sk-secret\"]",
            "FILE:2:29: `model_providers.a.experimental_bearer_token` is an array; it takes a string",
        ),
        (
            "openai_base_url = \"https://me:secret@host/v1\"",
            "FILE:1:19: `openai_base_url` is a string; it takes an address without a user name or a password; `env_key` \
             names the variable with a key",
        ),
        (
            "[model_providers.a]\nexperimental_bearer_token = sk-secret",
            "FILE:2:29: not TOML: string values must be quoted, expected literal string",
        ),
    ]);
}

#[test]
fn a_password_in_a_variable_is_not_repeated() {
    let scene = Scene::new().variable("OPENAI_BASE_URL", "https://me:secret@host/v1");
    assert_eq!(
        scene.error(),
        "environment variable OPENAI_BASE_URL: `openai_base_url` is a string; it takes an address without a user name or \
         a password; `env_key` names the variable with a key"
    );
}

#[test]
fn a_bad_value_comes_with_what_is_allowed() {
    check(&[
        (
            "approval_policy = \"sometimes\"",
            "FILE:1:19: `approval_policy` is \"sometimes\"; it takes \"untrusted\", \"on-failure\", \"on-request\" or \
             \"never\"",
        ),
        ("model = 5", "FILE:1:9: `model` is 5; it takes a string that is not blank"),
        (
            "hide_agent_reasoning = \"yes\"",
            "FILE:1:24: `hide_agent_reasoning` is \"yes\"; it takes true or false",
        ),
        (
            "model_context_window = 0",
            "FILE:1:24: `model_context_window` is 0; it takes a whole number from 1",
        ),
        ("budget.max_tokens = -5", "FILE:1:21: `budget.max_tokens` is -5; it takes a whole number from 0"),
        (
            "budget.max_tokens = 99999999999999999999",
            "FILE:1:21: `budget.max_tokens` is 99999999999999999999; it takes a whole number from 0",
        ),
        (
            "project_doc_fallback_filenames = [\"a\", 1]",
            "FILE:1:34: `project_doc_fallback_filenames` is [\"a\", 1]; it takes an array of strings",
        ),
        (
            "models.m.efforts = [\"huge\"]",
            "FILE:1:20: `models.m.efforts` is [\"huge\"]; it takes an array of \"none\", \"minimal\", \"low\", \"medium\", \
             \"high\", \"xhigh\" and \"max\"",
        ),
        ("budget = 3", "FILE:1:10: `budget` is a number; it takes a table"),
        ("profiles = 3", "FILE:1:12: `profiles` is 3; it takes a table of tables"),
        ("profiles.p = \"x\"", "FILE:1:14: `profiles.p` is \"x\"; it takes a table"),
        ("model = { name = \"x\" }", "FILE:1:9: `model` is a table; it takes a string that is not blank"),
        (
            "model_providers.a.base_url = \"localhost:1\"",
            "FILE:1:30: `model_providers.a.base_url` is \"localhost:1\"; it takes an address that begins with http:// or \
             https://",
        ),
        (
            "sandbox_mode = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
            "FILE:1:16: `sandbox_mode` is \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…; it takes \
             \"read-only\", \"workspace-write\" or \"danger-full-access\"",
        ),
    ]);
}

#[test]
fn a_model_and_a_provider_have_a_name() {
    check(&[
        ("model = \"\"", "FILE:1:9: `model` is \"\"; it takes a string that is not blank"),
        (
            "[profiles.p]\nmodel_provider = \" \\t\"",
            "FILE:2:18: `profiles.p.model_provider` is \" \\t\"; it takes a string that is not blank",
        ),
    ]);
    let scene = Scene::new().flag(FlagValue::new("--model", "model", "")).set("model_provider= ");
    assert_eq!(
        scene.error(),
        "-c: `model_provider` is \"\"; it takes a string that is not blank\n\
         --model: `model` is \"\"; it takes a string that is not blank"
    );
    assert_eq!(Scene::new().set("developer_instructions=").load().config.developer_instructions, None);
}

#[test]
fn a_key_of_a_profile_is_given_to_c_without_the_profile() {
    let file = "[profiles.x]\nlog = \"debug\"\n";
    for given in ["profiles.x.model=1", "profiles.x={model=\"m\"}", "profiles={}"] {
        let key = given.split_once('=').unwrap().0;
        assert_eq!(
            Scene::new().file(file).profile("x").set(given).error(),
            format!(
                "-c: unknown key `{key}`; with -c the keys of the chosen profile are given without `profiles.NAME.` before \
                 them, for example -c model=NAME"
            )
        );
    }
}

#[test]
fn everything_wrong_is_said_at_once_wherever_it_was_set() {
    let scene = Scene::new()
        .file("modell = \"x\"\nlog = 1\n[profiles.p]\nlog = 2\n")
        .variable("CODEX_APPROVAL_POLICY", "often")
        .set("sandbox_mode=none")
        .set("nothing")
        .set("a b=sk-secret")
        .set("modell=x")
        .flag(FlagValue::new("--max-tokens", "budget.max_tokens", -1_i64))
        .profile("q");
    assert_eq!(
        scene.error(),
        "FILE:1:1: unknown key `modell`; did you mean `model`?\n\
         FILE:2:7: `log` is 1; it takes a string\n\
         FILE:4:7: `profiles.p.log` is 2; it takes a string\n\
         environment variable CODEX_APPROVAL_POLICY: `approval_policy` is \"often\"; it takes \"untrusted\", \
         \"on-failure\", \"on-request\" or \"never\"\n\
         -c: `sandbox_mode` is \"none\"; it takes \"read-only\", \"workspace-write\" or \"danger-full-access\"\n\
         -c: `nothing` is no setting; write KEY=VALUE, for example model=gpt-6.2-sol\n\
         -c: `a b` is no setting; write KEY=VALUE, for example model=gpt-6.2-sol\n\
         -c: unknown key `modell`; did you mean `model`?\n\
         --max-tokens: `budget.max_tokens` is -1; it takes a whole number from 0\n\
         --profile: there is no profile `q`; profiles are p"
    );
}

#[test]
fn what_is_no_toml_is_shown_with_its_line() {
    check(&[
        (
            "log = \"a\"\n\tmodel = gpt 5\n",
            "FILE:2:10: not TOML: string values must be quoted, expected literal string\n  |\n2 | \tmodel = gpt 5\n  | \t        ^",
        ),
        ("log = \"a\"\nlog = \"b\"\n", "FILE:2:1: not TOML: duplicate key\n  |\n2 | log = \"b\"\n  | ^"),
        ("[budget", "FILE:1:8: not TOML: unclosed table, expected `]`\n  |\n1 | [budget\n  |        ^"),
    ]);
}

#[test]
fn a_setting_under_two_names_is_refused() {
    check(&[(
        "openai_base_url = \"http://a\"\n[model_providers.openai]\nbase_url = \"http://b\"\n",
        "FILE:1:1: `model_providers.openai.base_url` is set twice, here as `openai_base_url`; keep one of them",
    )]);
}

#[test]
fn a_profile_or_provider_that_is_not_there_comes_with_those_that_are() {
    check(&[
        ("profile = \"x\"", "FILE:1:1: there is no profile `x`; add a table [profiles.NAME] to config.toml"),
        (
            "model_provider = \"opnai\"\n[model_providers.mine]\nbase_url = \"http://h\"",
            "FILE:1:1: there is no provider `opnai`; providers are anthropic, llamacpp, lmstudio, mine, ollama, openai, openrouter, \
             vllm",
        ),
        (
            "model_provider = \"mine\"\n[model_providers.mine]\nname = \"Mine\"",
            "FILE:3:1: provider `mine` has no address; set `model_providers.mine.base_url`",
        ),
    ]);
    let scene =
        Scene::new().variable("EVERTURN_PROFILE", "x").file("profiles.a.log = \"\"\nprofiles.b.log = \"\"");
    assert_eq!(
        scene.error(),
        "environment variable EVERTURN_PROFILE: there is no profile `x`; profiles are a, b"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path()).unwrap();
    assert_eq!(scene.error(), "FILE cannot be read: Is a directory (os error 21)");
    let scene = Scene::new();
    std::fs::write(scene.path(), b"model = \"\xff\"").unwrap();
    assert_eq!(scene.error(), "FILE cannot be read: stream did not contain valid UTF-8");
    let scene = Scene::new().file(&"#".repeat(1_048_577));
    assert_eq!(scene.error(), "FILE has more than 1048576 bytes; it was not read");
    let scene = Scene::new().file("");
    std::fs::set_permissions(scene.path(), PermissionsExt::from_mode(0o000)).unwrap();
    // A user whom permissions do not stop, as in many containers, reads it all the same.
    if std::fs::read(scene.path()).is_err() {
        assert_eq!(scene.error(), "FILE cannot be read: Permission denied (os error 13)");
    }
}

#[test]
fn instructions_come_from_a_file_that_must_be_there_and_say_something() {
    let missing = Scene::new().file("model_instructions_file = \"none.md\"");
    assert_eq!(
        missing.error(),
        "FILE:1:1: `model_instructions_file`: HOME/none.md cannot be read: No such file or directory (os error 2)"
    );
    let scene = Scene::new().file("experimental_instructions_file = \"own.md\"\ninstructions = \"text\"");
    std::fs::write(scene.home().join("own.md"), " \n").unwrap();
    assert_eq!(scene.error(), "FILE:1:1: `model_instructions_file`: HOME/own.md is empty");
    std::fs::write(scene.home().join("own.md"), "from the file\n").unwrap();
    assert_eq!(scene.load().config.instructions.as_deref(), Some("from the file\n"));
    assert_eq!(
        scene.notices(),
        ["FILE:2:1: `instructions` has no effect beside `model_instructions_file` (FILE:1:1)"]
    );
    let scene = scene.set("instructions=stronger");
    assert_eq!(scene.load().config.instructions.as_deref(), Some("stronger"));
    assert_eq!(scene.notices(), [""; 0]);
}

#[test]
fn keys_of_codex_without_effect_are_a_notice_each_and_warn_of_nothing() {
    let scene = Scene::new().file(
        "service_tier = \"x\"\nmodel_verbosity = \"low\"\n[agents.a]\ncommand = \"b\"\n[agents.c]\ncommand = \"d\"\n\
         [sandbox_workspace_write]\nnetwork_access = true\n[tui]\nnotifications = true\nanything = { at = \"all\" }\n\
         [profiles.p]\nzsh_path = \"m\"\n[profiles.q]\nzsh_path = \"m\"\n",
    );
    let notices = [
        "FILE:3:2: `agents` has no effect here: there are no sub-agents",
        "FILE:2:1: `model_verbosity` has no effect here: this parameter of the model's API is not sent",
        "FILE:1:1: `service_tier` has no effect here: this parameter of the model's API is not sent",
        "FILE:9:2: `tui` has no effect here: there is no full-screen interface",
    ];
    assert_eq!(scene.notices(), notices);
    assert_eq!(scene.warnings(), [""; 0]);
    let found = scene.profile("p").notices();
    assert_eq!(
        found[4..],
        ["FILE:13:1: `profiles.p.zsh_path` has no effect here: the tools are what they are"]
    );
}

#[test]
fn whoever_only_looks_is_warned_of_a_file_that_is_wrong_and_gets_the_rest() {
    let scene =
        Scene::new().file("modle = \"m\"\nlog = 3\ndurability = \"power\"\n[temporal]\naddress = \"a:1\"\n");
    assert!(scene.error().contains("FILE:1:1: unknown key `modle`"));
    let (config, warnings) = scene.look();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("FILE:1:1: unknown key `modle`") && warnings[0].contains("not heard"));
    assert!(warnings[1].contains("FILE:2:7: `log` is 3"), "{warnings:?}");
    assert_eq!((config.log, config.durability), (None, config::Durability::Power));
    assert_eq!(config.temporal.address.as_deref(), Some("a:1"));

    let (config, warnings) = Scene::new().file("model = \n[temporal]\naddress = \"a:1\"\n").look();
    assert_eq!((config.temporal.address, warnings.len()), (None, 1));
    let unknown = "model_provider = \"nobody\"\n[temporal]\naddress = \"a:1\"\n";
    let (config, warnings) = Scene::new().file(unknown).look();
    assert!(warnings[0].contains("there is no provider `nobody`"), "{warnings:?}");
    assert_eq!(config.temporal.address.as_deref(), Some("a:1"));
    assert!(Scene::new().set("modle=m").look_fails().contains("unknown key `modle`"));
}

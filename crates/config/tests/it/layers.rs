//! Which layer wins, and what is said of where a value came from.

use crate::scene::Scene;
use config::{FlagValue, Listing, Origin, Value};

/// A layer that sets the model to its own name.
fn add(scene: Scene, layer: &str) -> Scene {
    match layer {
        "flag" => scene.flag(FlagValue::new("--model", "model", "flag")),
        "override" => scene.set("model=override"),
        "everturn" => scene.variable("EVERTURN_MODEL", "everturn"),
        "codex" => scene.variable("CODEX_MODEL", "codex"),
        "profile" => scene.profile("p").file("[profiles.p]\nmodel = \"profile\"\n"),
        "user" => scene.file("model = \"user\"\n"),
        "both" => scene.profile("p").file("model = \"user\"\n[profiles.p]\nmodel = \"profile\"\n"),
        _ => scene,
    }
}

#[test]
fn each_layer_goes_before_the_next_and_says_where_it_is() {
    let cases: [(&[&str], &str); 8] = [
        (&["flag", "override"], "\"flag\" from --model"),
        (&["override", "everturn"], "\"override\" from -c"),
        (&["everturn", "codex"], "\"everturn\" from environment variable EVERTURN_MODEL"),
        (&["codex", "profile"], "\"codex\" from environment variable CODEX_MODEL"),
        (&["both"], "\"profile\" from FILE:3:1 (profile p)"),
        (&["user"], "\"user\" from FILE:1:1"),
        (&[], "\"gpt-6.2-sol\" from default"),
        (&["flag", "override", "everturn", "codex", "both"], "\"flag\" from --model"),
    ];
    for (layers, expected) in cases {
        let scene = layers.iter().fold(Scene::new(), |scene, layer| add(scene, layer));
        assert_eq!(scene.setting("model"), expected, "{layers:?}");
        assert_eq!(Value::from(scene.load().config.model), expected_value(expected));
    }
}

fn expected_value(expected: &str) -> Value {
    expected.split('"').nth(1).unwrap().into()
}

#[test]
fn tables_are_merged_and_arrays_replaced() {
    let scene = Scene::new()
        .file(
            "[shell_environment_policy]\nexclude = [\"A\", \"B\"]\nset = { X = \"1\", Y = \"2\" }\n\
             [profiles.p.shell_environment_policy]\nexclude = [\"C\"]\nset.Y = \"3\"\n",
        )
        .profile("p");
    assert_eq!(scene.setting("shell_environment_policy.exclude"), "[\"C\"] from FILE:5:1 (profile p)");
    assert_eq!(scene.setting("shell_environment_policy.set.X"), "\"1\" from FILE:3:9");
    assert_eq!(scene.setting("shell_environment_policy.set.Y"), "\"3\" from FILE:6:5 (profile p)");
}

#[test]
fn the_profile_is_chosen_like_any_other_setting() {
    let file = "profile = \"of_file\"\n[profiles.of_file]\nlog = \"of_file\"\n[profiles.of_variable]\nlog = \"of_variable\"\n\
                [profiles.of_override]\nlog = \"of_override\"\n[profiles.of_flag]\nlog = \"of_flag\"\n";
    let log = |scene: &Scene| scene.load().config.log.unwrap();
    let scene = Scene::new().file(file);
    assert_eq!(log(&scene), "of_file");
    let scene = scene.variable("EVERTURN_PROFILE", "of_variable");
    assert_eq!(log(&scene), "of_variable");
    let scene = scene.set("profile=of_override");
    assert_eq!(log(&scene), "of_override");
    let scene = scene.profile("of_flag");
    assert_eq!(log(&scene), "of_flag");
    assert_eq!(scene.load().config.profile.as_deref(), Some("of_flag"));
}

#[test]
fn an_empty_variable_is_not_set() {
    let scene = Scene::new().variable("EVERTURN_MODEL", "").variable("CODEX_MODEL", "codex");
    assert_eq!(scene.load().config.model, "codex");
}

#[test]
fn an_override_takes_toml_and_else_a_string() {
    let scene = Scene::new()
        .set("model=gpt-5.1")
        .set("developer_instructions = a = b ")
        .set("budget.max_tokens=1_000")
        .set("models.\"gpt-5.1\".images=false")
        .set("shell_environment_policy.exclude=[\"A*\"]")
        .set("shell_environment_policy.set={CI=\"1\", B=\"2\"}")
        .set("shell_environment_policy.set.B=two")
        .set("log='debug'");
    let config = scene.load().config;
    assert_eq!(config.model, "gpt-5.1");
    assert_eq!(config.developer_instructions.as_deref(), Some("a = b"));
    assert_eq!(config.budget.tokens, Some(1_000));
    assert_eq!(config.models["gpt-5.1"].images, Some(false));
    assert_eq!(config.shell_environment_policy.exclude, ["A*"]);
    let set: Vec<(&str, &str)> = config
        .shell_environment_policy
        .set
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(set, [("B", "two"), ("CI", "1")]);
    assert_eq!(config.log.as_deref(), Some("debug"));
}

#[test]
fn of_two_overrides_for_one_key_the_last_counts() {
    let scene = Scene::new().set("model=a").set("model=b");
    assert_eq!(scene.load().config.model, "b");
}

#[test]
fn paths_are_relative_to_what_says_them() {
    let scene = Scene::new().file("[sandbox_workspace_write]\nwritable_roots = [\"~/a\", \"b\", \"/c\"]\n");
    let home = scene.home();
    let roots = scene.load().config.sandbox_workspace_write.writable_roots;
    assert_eq!(roots, ["/h/a".into(), home.join("b"), "/c".into()]);
    let scene = Scene::new().set("sandbox_workspace_write.writable_roots=[\"d\"]");
    let roots = scene.load().config.sandbox_workspace_write.writable_roots;
    assert_eq!(roots, [std::env::current_dir().unwrap().join("d")]);
}

#[test]
fn the_listing_leaves_out_other_providers_unless_all_is_wanted() {
    let loaded = Scene::new().file("[model_providers.vllm]\nbase_url = \"http://gpu:8000/v1\"\n").load();
    let urls = |listing| {
        let listed = loaded.provenance.list(listing);
        let urls = listed.iter().filter(|(path, _)| path.last() == "base_url");
        urls.map(|(path, _)| path.segments()[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(urls(Listing::Effective), ["openai", "vllm"]);
    assert_eq!(
        urls(Listing::All),
        ["anthropic", "llamacpp", "lmstudio", "ollama", "openai", "openrouter", "vllm"]
    );
    let unset: Vec<&str> = loaded.provenance.unset().map(|key| key.path).collect();
    assert!(unset.contains(&"sandbox_mode") && !unset.contains(&"model"), "{unset:?}");
    assert_eq!(
        loaded.provenance.find("model_providers.vllm.base_url")[0].1.origin.layer(),
        config::Layer::User
    );
    assert_eq!(loaded.provenance.find("model")[0].1.origin, Origin::Default);
    assert!(loaded.provenance.find("no such").is_empty());
    assert_eq!(
        loaded.provenance.find("openai_base_url"),
        loaded.provenance.find("model_providers.openai.base_url")
    );
}

#[test]
fn no_listing_and_no_debug_output_shows_a_secret() {
    let scene = Scene::new().file(
        "[shell_environment_policy.set]\nMY_TOKEN = \"sk-1\"\nPLAIN = \"seen\"\n\
         [model_providers.mine]\nbase_url = \"http://h/v1\"\nexperimental_bearer_token = \"sk-2\"\n\
         http_headers = { Authorization = \"Bearer sk-3\", X-Team = \"seen\" }\nquery_params = { api-key = \"sk-4\" }\n",
    );
    let loaded = scene.load();
    let shown: Vec<String> = loaded
        .provenance
        .list(Listing::All)
        .iter()
        .map(|(path, setting)| format!("{path} = {}", setting.value))
        .collect();
    let shown = format!("{}\n{loaded:?}\n{:?}", shown.join("\n"), (&loaded.warnings, &loaded.notices));
    assert!(!shown.contains("sk-"), "{shown}");
    assert!(shown.contains("model_providers.mine.http_headers.Authorization = (hidden)"));
    assert!(shown.contains("model_providers.mine.http_headers.X-Team = \"seen\""));
    assert!(shown.contains("shell_environment_policy.set.PLAIN = \"seen\""));
    let mut secrets = loaded.config.secrets(&scene.environment());
    secrets.sort();
    assert_eq!(secrets, ["Bearer sk-3", "sk-1", "sk-2", "sk-3", "sk-4"]);
}

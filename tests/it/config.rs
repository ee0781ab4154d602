//! `everturn config` and what a wrong setting gets.

use crate::binary::Bench;
use serde_json::{Value, json};

const SECRET: &str = "sk-written-into-the-file";

fn setting(bench: &Bench, args: &[&str], key: &str) -> Value {
    let ran = bench.run(&[args, &["config", "--json"]].concat()).succeeds();
    let found = ran.json().into_iter().find(|setting| setting["key"] == key);
    found.unwrap_or_else(|| panic!("{key} is not listed"))
}

#[test]
fn each_value_is_shown_with_where_it_came_from() {
    let bench = Bench::new();
    bench.configure("model = \"of-the-file\"\n\n[profiles.work]\nmodel = \"of-the-profile\"\n");
    let file = bench.home().join("config.toml");
    let at = |line: u32| format!("{}:{line}:1", file.display());
    let seen = |args: &[&str]| {
        let found = setting(&bench, args, "model");
        (found["value"].as_str().unwrap().to_owned(), found["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(seen(&[]), ("of-the-file".into(), at(1)));
    assert_eq!(seen(&["--profile", "work"]), ("of-the-profile".into(), format!("{} (profile work)", at(4))));
    assert_eq!(seen(&["-c", "model=of-c"]), ("of-c".into(), "-c".into()));
    assert_eq!(seen(&["-c", "model=of-c", "-m", "of-flag"]), ("of-flag".into(), "--model".into()));
    let variable =
        bench.command(&["config", "get", "model"]).env("CODEX_MODEL", "of-codex").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&variable.stdout), "of-codex\n");
    let table = bench.run(&["config"]).succeeds().stdout;
    let line = table.lines().find(|line| line.starts_with("approval_policy ")).unwrap();
    assert!(line.contains("never") && line.contains("on-request"), "{line}");
}

#[test]
fn a_typo_is_named_with_its_place_and_the_nearest_key() {
    let bench = Bench::new();
    bench.configure("modle = \"x\"\napproval_policy = \"sometimes\"\n");
    let file = bench.home().join("config.toml");
    // What only looks goes on: see `questions`.
    for args in [&["exec", "hi"][..], &["resume", "--last"], &["config", "get", "model"]] {
        let ran = bench.run(args).fails(
            2,
            &[
                &format!("{}:1:1", file.display()),
                "`modle`",
                "`model`",
                &format!("{}:2:", file.display()),
                "\"sometimes\"",
                "\"never\"",
            ],
        );
        assert_eq!(ran.stdout, "");
    }
    bench.configure("");
    bench.run(&["exec", "-c", "model_provder=x", "hi"]).fails(2, &["-c", "`model_provider`"]);
    bench.run(&["exec", "-c", "model_provider=nobody", "hi"]).fails(2, &["nobody", "openai", "ollama"]);
    bench.run(&["exec", "--profile", "none", "hi"]).fails(2, &["none"]);
    bench.run(&["config", "get", "nonsense"]).fails(2, &["everturn config keys"]);
}

#[test]
fn what_is_set_counts_at_every_level_of_the_command() {
    let bench = Bench::new();
    bench.configure("[profiles.work]\nlog = \"off\"\n");
    let get = |args: &[&str]| bench.run(args).succeeds().stdout;
    assert_eq!(get(&["config", "get", "model", "-c", "model=inner"]), "inner\n");
    assert_eq!(get(&["-c", "model=outer", "config", "-c", "model=middle", "get", "model"]), "middle\n");
    let all = ["-c", "budget.max_tokens=1", "config", "-c", "budget.max_tool_calls=2", "get", "budget"];
    assert_eq!(
        get(&[&all[..], &["-c", "budget.max_turn_ms=3"]].concat()),
        "budget.max_tokens = 1\nbudget.max_tool_calls = 2\nbudget.max_turn_ms = 3\n"
    );
    assert_eq!(get(&["config", "get", "log", "--profile", "work"]), "off\n");
    assert_eq!(get(&["config", "-m", "outer", "get", "model", "-m", "inner"]), "inner\n");
    bench.run(&["config", "-m", ""]).fails(2, &["--model", "`model`", "not blank"]);
}

#[test]
fn what_has_no_effect_is_said_where_settings_are_listed() {
    let bench = Bench::new();
    bench.configure(
        "model_provider = \"ollama\"\n[tui]\ntheme = \"x\"\n[model_providers.draft]\nname = \"d\"\n",
    );
    let listed = bench.run(&["config"]).succeeds();
    let other = bench.run(&["sessions"]).succeeds();
    for notice in ["`tui` has no effect", "no `model` is set"] {
        assert!(listed.stderr.contains(notice) && !other.stderr.contains(notice), "{listed:#?}\n{other:#?}");
    }
    for ran in [listed, other] {
        assert!(ran.stderr.contains("provider `draft` has no address"), "{ran:#?}");
    }
}

#[test]
fn a_key_in_the_file_goes_before_a_kept_one() {
    let bench = Bench::new();
    let provider = "[model_providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    bench.configure(&format!("{provider}experimental_bearer_token = \"{SECRET}\"\n"));
    let login = || bench.run_with(&["login", "--provider", "mine"], b"sk-of-login\n").succeeds().stderr;
    let status = || {
        let shown = bench.run(&["login", "--status"]).succeeds().stdout;
        shown.lines().find(|line| line.starts_with("mine ")).unwrap_or_default().to_owned()
    };
    let said = login();
    let place = format!("{}:3:1: `experimental_bearer_token`", bench.home().join("config.toml").display());
    assert!(said.contains("everturn login --provider mine") && !said.contains(SECRET), "{said}");
    assert!(said.contains(&place) && said.contains("goes before it"), "{said}");
    assert_eq!(status(), "mine         key from the configuration");
    bench.configure(provider);
    assert_eq!(status(), "mine         key from everturn login");
    assert!(!login().contains("goes before it"));
}

#[test]
fn a_secret_in_the_file_is_shown_nowhere() {
    let bench = Bench::new();
    bench.configure(&format!(
        "[model_providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\nexperimental_bearer_token = \"{SECRET}\"\n\
         http_headers = {{ X-Api-Key = \"{SECRET}\" }}\n"
    ));
    for args in
        [&["config"][..], &["config", "--all"], &["config", "--json"], &["config", "get", "model_providers"]]
    {
        let ran = bench.run(args).succeeds();
        assert!(
            ran.stdout.contains("model_providers.mine") && !format!("{ran:?}").contains(SECRET),
            "{ran:#?}"
        );
    }
    bench.configure(&format!("api_key = \"{SECRET}\"\n"));
    let ran = bench.run(&["config"]).fails(2, &["api_key", "login"]);
    assert!(!ran.stderr.contains(SECRET), "{ran:#?}");
}

#[test]
fn the_settings_of_codex_are_taken_over_once() {
    let bench = Bench::new();
    let codex = bench.path().join("codex");
    std::fs::create_dir(&codex).unwrap();
    std::fs::write(
        codex.join("config.toml"),
        "model = \"gpt-5-codex\"\nmodel_reasoning_effort = \"high\"\n[tui]\ntheme = \"x\"\n[model_providers.mine]\nname = \
         \"Mine\"\nbase_url = \"http://127.0.0.1:1/v1\"\nwire_api = \"chat\"\n",
    )
    .unwrap();
    let import = |more: &[&str]| {
        let args = [&["config", "import"], more].concat();
        crate::binary::Ran::from(bench.command(&args).env("CODEX_HOME", &codex).output().unwrap())
    };
    let ran = import(&[]).succeeds();
    assert!(ran.stdout.contains("taken") && ran.stdout.contains("tui"), "{ran:#?}");
    assert_eq!(setting(&bench, &[], "model")["value"], json!("gpt-5-codex"));
    assert_eq!(setting(&bench, &[], "model_providers.mine.wire_api")["value"], json!("chat"));
    import(&[]).fails(2, &["--force"]);
    import(&["--force"]).succeeds();
    std::fs::write(codex.join("config.toml"), "model_provider = \"gone\"\n").unwrap();
    let place = format!("{}:4:1: there is no provider `gone`", bench.home().join("config.toml").display());
    import(&["--force"]).fails(1, &[&place]);
}

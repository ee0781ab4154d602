//! `everturn doctor`: what it finds, what it says to do, and that nothing stops it.

mod on_temporal;

use crate::binary::{Bench, Ran};
use serde_json::{Value, json};
use test_kit::{ClosedPort, ModelServer, Reply, ServerOptions};

const KEY: &str = "sk-test-1234567890";

/// A home whose model is `test-model` of the provider at this address.
fn configured(url: &str) -> Bench {
    let bench = Bench::new();
    bench.configure(&format!(
        "model_provider = \"kit\"\nmodel = \"test-model\"\n\
         [model_providers.kit]\nbase_url = \"{url}\"\nenv_key = \"KIT_KEY\"\n\
         [models.test-model]\ncontext_window = 1000\n"
    ));
    bench
}

/// A provider that takes one key.
fn provider() -> ModelServer {
    let options = ServerOptions { key: Some(KEY), ..ServerOptions::default() };
    ModelServer::start_with(Vec::<Reply>::new(), options).unwrap()
}

/// Runs it for programs, with this key.
fn with_key(bench: &Bench, key: &str, args: &[&str]) -> Ran {
    let args = [&["doctor", "--json"], args].concat();
    bench.command(&args).env("KIT_KEY", key).output().unwrap().into()
}

/// What was found of a subject: verdict, text, remedy, one entry each.
fn of(ran: &Ran, subject: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = ran.json().into_iter().filter(|finding| finding["subject"] == subject);
    found
        .map(|finding| (text(&finding["verdict"]), text(&finding["found"]), text(&finding["remedy"])))
        .collect()
}

/// The one thing that was found of a subject.
#[track_caller]
fn one(ran: &Ran, subject: &str) -> (String, String, String) {
    let [found] = of(ran, subject).try_into().unwrap_or_else(|_| panic!("not one {subject}: {ran:#?}"));
    found
}

fn verdicts(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    ran.json().iter().map(|finding| (text(&finding["subject"]), text(&finding["verdict"]))).collect()
}

#[test]
fn where_nothing_is_missing_each_subject_is_one_object() {
    let server = provider();
    let bench = configured(&server.url());
    let ran = with_key(&bench, KEY, &[]).succeeds();
    let ok = |subject: &str, found: String| json!({ "subject": subject, "verdict": "ok", "found": found, "remedy": null });
    let home = bench.home();
    assert_eq!(
        ran.json(),
        [
            ok("configuration", home.join("config.toml").display().to_string()),
            ok("data folder", format!("{} can be written to", home.display())),
            ok("database", "it opens; threads survive the death of a process".to_owned()),
            ok("undo", "turns can be taken back with their changes of files".to_owned()),
            ok("sandbox", "commands can be held to every policy".to_owned()),
            ok("model", "test-model, with a window of 1000 tokens".to_owned()),
            ok("key", "that of kit is in KIT_KEY".to_owned()),
            ok(
                "provider",
                format!("kit at {} answers and takes the key; it has test-model", server.address())
            ),
        ]
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(server.request_count(), 0, "no model was asked");
}

#[test]
fn what_is_no_terminal_gets_words_and_the_sum_is_beside_it() {
    let server = provider();
    let bench = configured(&server.url());
    let ran: Ran =
        bench.command(&["doctor", "-c", "model=other"]).env("KIT_KEY", KEY).output().unwrap().into();
    let ran = ran.succeeds();
    let home = bench.home().display().to_string();
    let expected = format!(
        "\
ok      configuration     {home}/config.toml
ok      data folder       {home} can be written to
ok      database          it opens; threads survive the death of a process
ok      undo              turns can be taken back with their changes of files
warning model             other is not in the catalogue: its context window is not known
                          remedy: set models.\"other\".context_window to the tokens that fit
ok      key               that of kit is in KIT_KEY
warning provider          kit at {} answers and takes the key, and does not list other
                          remedy: set `model` to one that it has: test-model, test-model-mini
",
        server.address()
    );
    // What can hold commands depends on the system.
    let told = |line: &&str| !line.starts_with("ok      sandbox ");
    let stdout: String = ran.stdout.lines().filter(told).map(|line| line.to_owned() + "\n").collect();
    assert_eq!(stdout, expected);
    assert_eq!(ran.stderr, "2 warnings\n");
}

#[test]
fn a_wrong_key_is_a_problem_and_is_not_shown() {
    let server = provider();
    let wrong = "sk-wrong-0987654321";
    let ran = with_key(&configured(&server.url()), wrong, &[]).fails(1, &[]);
    let (verdict, found, remedy) = one(&ran, "provider");
    assert_eq!(verdict, "problem");
    assert!(found.contains("401 Unauthorized") && found.contains("[redacted]"), "{found}");
    assert_eq!(remedy, "check the key: set KIT_KEY, or run everturn login --provider kit");
    assert!(!format!("{ran:?}").contains(wrong), "{ran:#?}");
}

#[test]
fn a_provider_that_is_not_there_is_a_problem_with_its_address() {
    let port = ClosedPort::take().unwrap();
    let ran = with_key(&configured(&port.url()), KEY, &[]).fails(1, &[]);
    let (verdict, found, remedy) = one(&ran, "provider");
    assert_eq!(verdict, "problem");
    assert!(found.starts_with(&format!("{} did not answer", port.address())), "{found}");
    assert_eq!(remedy, format!("is the server at http://{} running?", port.address()));
    let local = format!("model_providers.ollama.base_url={}", port.url());
    let ran = with_key(&Bench::new(), KEY, &["-c", "model_provider=ollama", "-c", &local]).fails(1, &[]);
    assert_eq!(one(&ran, "key").0, "ok", "{ran:#?}");
    assert_eq!(one(&ran, "provider").0, "problem", "{ran:#?}");
}

#[test]
fn without_a_key_no_provider_is_asked_and_both_ways_to_give_one_are_named() {
    let bench = Bench::new();
    let ran = bench.run(&["doctor", "--json"]).fails(1, &[]);
    let expected = [
        ("configuration", "ok"),
        ("data folder", "ok"),
        ("database", "ok"),
        ("undo", "ok"),
        ("sandbox", "ok"),
        ("model", "ok"),
        ("key", "problem"),
    ];
    assert_eq!(verdicts(&ran), expected.map(|(subject, verdict)| (subject.to_owned(), verdict.to_owned())));
    let (_, found, remedy) = one(&ran, "key");
    assert_eq!(found, "there is none for OpenAI");
    assert!(remedy.starts_with("set OPENAI_API_KEY, or run everturn login --provider openai"), "{remedy}");
    bench.run(&["doctor"]).fails(1, &["1 problem"]);
}

#[test]
fn a_key_of_everturn_login_is_found_and_files_that_others_read_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let server = provider();
    let bench = configured(&server.url());
    bench.run_with(&["login", "--provider", "kit"], KEY.as_bytes()).succeeds();
    let ran = bench.run(&["doctor", "--json"]).succeeds();
    assert_eq!(one(&ran, "key"), ("ok".into(), "everturn login keeps that of kit".into(), String::new()));
    assert_eq!(one(&ran, "provider").0, "ok");
    let file = bench.home().join("auth.json");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let ran = bench.run(&["doctor", "--json"]).succeeds();
    let verdicts: Vec<String> = of(&ran, "key").into_iter().map(|(verdict, ..)| verdict).collect();
    assert_eq!(verdicts, ["warning", "ok"], "{ran:#?}");
    assert!(!ran.stdout.contains(KEY), "{ran:#?}");
}

#[test]
fn a_broken_configuration_is_found_and_the_rest_goes_on() {
    let server = provider();
    let bench = configured(&server.url());
    let ran = with_key(&bench, KEY, &["-c", "modle=x", "--profile", "none"]).fails(1, &[]);
    let wrong = of(&ran, "configuration");
    let texts: Vec<&str> = wrong.iter().map(|(_, found, _)| found.as_str()).collect();
    let says = |text: &str| texts.iter().any(|found| found.contains(text));
    assert!(wrong.len() == 2 && says("`modle`") && says("no profile `none`"), "{ran:#?}");
    assert!(wrong[1].2.ends_with("the rest is looked at without -c and --profile"), "{ran:#?}");
    assert_eq!(one(&ran, "provider").0, "ok", "the file holds all the same: {ran:#?}");

    let file = bench.home().join("config.toml");
    for text in ["model = \"half\nmodel_provider = \"kit\"\n", "modle = \"x\"\n"] {
        bench.configure(text);
        let ran = bench.run(&["doctor", "--json", "-c", "model=mine"]).fails(1, &[]);
        let (verdict, found, remedy) = one(&ran, "configuration");
        assert!(found.starts_with(&file.display().to_string()), "{found}");
        assert_eq!(verdict, "problem");
        assert!(remedy.ends_with("the rest is looked at without the file"), "{remedy}");
        assert!(one(&ran, "model").1.starts_with("mine "), "{ran:#?}");
        assert!(one(&ran, "key").1.contains("OpenAI"), "{ran:#?}");
    }
    let mut bad_variable = bench.command(&["doctor", "--json", "--backend", "temporal"]);
    bad_variable.env("CODEX_APPROVAL_POLICY", "x").env("EVERTURN_TEMPORAL_CLI", "/nowhere/temporal");
    let ran = Ran::from(bad_variable.output().unwrap()).fails(1, &[]);
    assert!(one(&ran, "data folder").1.contains(&bench.home().display().to_string()), "{ran:#?}");
    // The variables that set nothing are heard all the same.
    assert!(one(&ran, "temporal program").1.contains("/nowhere/temporal"), "{ran:#?}");
    let told = of(&ran, "configuration");
    assert!(told.last().unwrap().2.ends_with("with the defaults alone"), "{ran:#?}");
}

#[test]
fn what_will_surprise_somebody_is_a_warning() {
    let server = provider();
    let bench = configured(&server.url());
    let token = "sk-in-the-file-123";
    let config = std::fs::read_to_string(bench.home().join("config.toml")).unwrap();
    bench.configure(
        &config.replace("env_key = \"KIT_KEY\"", &format!("experimental_bearer_token = \"{token}\"")),
    );
    let ran = bench.run(&["doctor", "--json"]).fails(1, &[]);
    let told = of(&ran, "configuration");
    assert_eq!((told[0].0.as_str(), told[1].0.as_str(), told.len()), ("ok", "warning", 2), "{ran:#?}");
    assert!(told[1].1.contains("written here in full"), "{ran:#?}");
    assert_eq!(one(&ran, "key").1, "that of kit is in the configuration");
    assert!(!ran.stdout.contains(token), "{ran:#?}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_found_and_the_rest_goes_on() {
    let server = provider();
    let bench = configured(&server.url());
    let file = bench.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let base_url = format!("model_providers.kit.base_url={}", server.url());
    let args = ["-c", "model_provider=kit", "-c", "model_providers.kit.env_key=KIT_KEY", "-c", &base_url];
    let args = [&["doctor", "--json"], &args[..]].concat();
    for (home, says) in
        [(file.as_path(), "cannot be used: "), ("/proc".as_ref(), "/proc cannot be written to: ")]
    {
        if cfg!(not(target_os = "linux")) && home.starts_with("/proc") {
            continue;
        }
        let ran = bench.command(&args).env("EVERTURN_HOME", home).env("KIT_KEY", KEY).output().unwrap();
        let ran = Ran::from(ran).fails(1, &[]);
        let (verdict, found, remedy) = one(&ran, "data folder");
        assert_eq!(verdict, "problem");
        assert!(found.contains(says), "{found}");
        assert!(remedy.contains("EVERTURN_HOME"), "{remedy}");
        assert_eq!(of(&ran, "database"), []);
        assert!(one(&ran, "provider").1.contains("takes the key"), "{ran:#?}");
    }
}

#[test]
fn a_database_that_is_none_is_a_problem() {
    let server = provider();
    let bench = configured(&server.url());
    std::fs::write(
        bench.home().join("everturn.db"),
        "this is no database, but long enough to be read as one",
    )
    .unwrap();
    let ran = with_key(&bench, KEY, &[]).fails(1, &[]);
    let (verdict, found, _) = one(&ran, "database");
    assert_eq!(verdict, "problem");
    assert!(found.contains("everturn.db"), "{found}");
    assert_eq!(one(&ran, "provider").0, "ok");
}

#[test]
fn a_scripted_model_needs_no_provider() {
    let bench = Bench::new();
    let script = bench.script("[[turn]]\n[[turn.step]]\ntext = \"Done.\"\n");
    let model = format!("model=scripted:{script}");
    let ran = bench.run(&["doctor", "--json", "-c", &model]).succeeds();
    let (_, found, _) = one(&ran, "model");
    assert!(found.contains(&script), "{found}");
    assert!(of(&ran, "key").is_empty() && of(&ran, "provider").is_empty(), "{ran:#?}");
    let ran = bench.run(&["doctor", "--json", "-c", "model=scripted:/nowhere.toml"]).fails(1, &[]);
    assert_eq!(one(&ran, "model").0, "problem");
}

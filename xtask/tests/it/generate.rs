//! What is made from code is what is in the repository, and the schema says of a file what the program says of it.

use xtask::{GENERATED, generate, repository_root, stale};

#[test]
fn generated_files_are_current() {
    let stale = stale(&repository_root()).unwrap();
    assert!(stale.is_empty(), "run `cargo xtask gen`: {} stale", stale.join(", "));
}

#[test]
fn a_file_that_is_missing_or_changed_is_stale_and_is_written() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("docs")).unwrap();
    let all: Vec<&str> = GENERATED.iter().map(|file| file.path).collect();
    assert_eq!(stale(root.path()).unwrap(), all);
    assert_eq!(generate(root.path()).unwrap(), all);
    assert_eq!(stale(root.path()).unwrap(), [""; 0]);
    std::fs::write(root.path().join(all[0]), "changed").unwrap();
    assert_eq!(generate(root.path()).unwrap(), all[..1]);
    assert_eq!(stale(root.path()).unwrap(), [""; 0]);
}

/// What the schema says of a file.
fn fits(file: &str) -> bool {
    let schema = GENERATED.iter().find(|file| file.path.ends_with(".json")).unwrap().text().unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("config.json", schema).unwrap();
    let index = compiler.compile("config.json", &mut schemas).unwrap();
    let file: toml::Table = file.parse().unwrap();
    schemas.validate(&serde_json::to_value(file).unwrap(), index).is_ok()
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let good = [
        "",
        "model = \"m\"\napproval_policy = \"never\"\nmodel_reasoning_effort = \"xhigh\"",
        "approval_policy = { granular = { commands = false, rules = true } }",
        "mcp_servers = { a = { command = \"b\" } }\nnotify = [\"x\"]\nsandbox_workspace_write.network_access = true",
        "[model_providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\nenv_key = \"KEY\"\nhttp_headers = { X-A = \"b\" }",
        "[models.\"gpt-5.1\"]\ncontext_window = 1\nefforts = [\"low\"]\nprice = { input = 0.5, output = 3 }",
        "profile = \"p\"\n[profiles.p]\nmodel = \"m\"\n[profiles.p.budget]\nmax_tokens = 1",
    ];
    let bad = [
        "modell = \"m\"",
        "model = 1",
        "approval_policy = \"often\"",
        "approval_policy = { granular = { command = false } }",
        "budget.max_tokens = -1",
        "model_providers.mine.base_url = \"127.0.0.1\"",
        "model_providers.mine.base_url = \"https://me@host\"",
        "model_providers.mine.env_key = \"sk-1\"",
        "models.m.efforts = [\"huge\"]",
        "profiles.p.modell = \"m\"",
        "profiles.p.profile = \"q\"",
        "profiles.p.profiles = {}",
    ];
    for file in good {
        assert!(fits(file), "{file}");
    }
    for file in bad {
        assert!(!fits(file), "{file}");
    }
}

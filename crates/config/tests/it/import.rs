//! Codex's settings, taken over.

use crate::scene::Scene;
use config::{Environment, Existing, Import, ImportError, KeyPath, Verdict};
use std::{os::unix::fs::PermissionsExt, path::Path};

/// What people have in their files, with everything that makes a line hard to leave out.
const CODEX: &str = r#"# my settings
model = "gpt-5.1-codex"   # the good one
model_reasoning_effort = "high"
approval_policy = "on-request"
notify = ["python3",
  "~/notify.py", # [not a header]
]
experimental_instructions_file = "prompt.md"
custom_thing = """
[not.a.header]
text
"""
cli_auth_credentials_store = "ephemeral"
sandbox_workspace_write = { an_old_key = true, writable_roots = ["/srv/cache", "here"] }
profile = "fast"

[model_providers.azure] # work
name = "Azure"
base_url = "https://me.openai.azure.com/openai/v1"
env_key = "AZURE_OPENAI_API_KEY"
query_params = { api-version = "2025-04-01-preview" }
wire_api = "responses"
supports_websockets = true

[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]

[mcp_servers.docs.env]
TOKEN = "sk-1"

[[hooks.stop]]
command = "true"

[projects."/srv/code"]
trust_level = "trusted"

[tui]
notifications = true

[profiles.fast]
model = "gpt-5-mini"
model_verbosity = "low"

# the end
"#;

const TAKEN: &str = r#"# Taken over by `everturn config import`. What has no effect here is commented out; nothing was left out.
# All keys: docs/config.md, or `everturn config keys`.

# my settings
model = "gpt-5.1-codex"   # the good one
model_reasoning_effort = "high"
approval_policy = "on-request"
notify = ["python3",
  "~/notify.py", # [not a header]
]
experimental_instructions_file = "FOLDER/prompt.md"
# custom_thing = """
# [not.a.header]
# text
# """
# cli_auth_credentials_store = "ephemeral"
# sandbox_workspace_write = { an_old_key = true, writable_roots = ["/srv/cache", "here"] }
sandbox_workspace_write.writable_roots = ["/srv/cache", "FOLDER/here"]
profile = "fast"

[model_providers.azure] # work
name = "Azure"
base_url = "https://me.openai.azure.com/openai/v1"
env_key = "AZURE_OPENAI_API_KEY"
query_params = { api-version = "2025-04-01-preview" }
wire_api = "responses"
# supports_websockets = true

[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]

[mcp_servers.docs.env]
TOKEN = "sk-1"

# [[hooks.stop]]
# command = "true"

[projects."/srv/code"]
trust_level = "trusted"

# [tui]
# notifications = true

[profiles.fast]
model = "gpt-5-mini"
# model_verbosity = "low"

# the end
"#;

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn read(folder: &Path) -> Import {
    Import::read(&folder.join("config.toml"), &Environment::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_file_of_codex_keeps_its_text_and_what_has_no_effect_becomes_a_comment() {
    let folder = folder_with(&[("config.toml", CODEX), ("prompt.md", "be brief")]);
    let import = read(folder.path());
    let here = folder.path().to_str().unwrap();
    assert_eq!(import.text.replace(here, "FOLDER"), TAKEN);
    import.load(folder.path()).unwrap();
    let verdict = |key: &str| {
        let found = import.keys.iter().find(|(path, _)| path.to_string() == key);
        found.map(|(_, verdict)| verdict.clone()).unwrap_or_else(|| panic!("{key}"))
    };
    assert_eq!(verdict("model"), Verdict::Taken);
    assert_eq!(verdict("profiles.fast.model"), Verdict::Taken);
    assert_eq!(verdict("mcp_servers.docs.command"), Verdict::Taken);
    let unknown = "unknown key `custom_thing`; everturn config keys lists those there are";
    assert_eq!(verdict("custom_thing"), Verdict::Unknown(unknown.into()));
    let bad = "`cli_auth_credentials_store` is \"ephemeral\"; it takes \"file\", \"keyring\" or \"auto\"";
    assert_eq!(verdict("cli_auth_credentials_store"), Verdict::BadValue(bad.into()));
    assert_eq!(std::fs::read_to_string(folder.path().join("config.toml")).unwrap(), CODEX);
}

#[test]
fn what_was_taken_over_loads_without_a_warning_and_only_its_owner_can_read_it() {
    let folder = folder_with(&[("config.toml", CODEX), ("prompt.md", "be brief")]);
    let scene = Scene::new();
    let path = read(folder.path()).write(&scene.home(), Existing::Keep).unwrap();
    assert_eq!(path, scene.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let config = scene.load().config;
    assert_eq!((scene.warnings(), scene.notices()), (Vec::new(), Vec::new()));
    assert_eq!((config.model.as_str(), config.profile.as_deref()), ("gpt-5-mini", Some("fast")));
    assert_eq!(config.instructions.as_deref(), Some("be brief"));
    let roots = config.sandbox_workspace_write.writable_roots;
    assert_eq!(roots, ["/srv/cache".into(), folder.path().join("here")]);
    assert_eq!(std::fs::read_dir(scene.home()).unwrap().count(), 1, "a draft was left behind");
}

#[test]
fn settings_that_are_there_stay_unless_they_are_to_be_replaced() {
    let folder = folder_with(&[("config.toml", "model = \"new\"")]);
    let scene = Scene::new().file("model = \"old\"");
    let import = read(folder.path());
    let refused = import.write(&scene.home(), Existing::Keep).unwrap_err();
    let expected =
        format!("{} is there already; everturn config import --force replaces it", scene.path().display());
    assert_eq!(refused.to_string(), expected);
    assert_eq!(scene.load().config.model, "old");
    assert_eq!(std::fs::read_dir(scene.home()).unwrap().count(), 1, "a draft was left behind");
    import.write(&scene.home(), Existing::Replace).unwrap();
    assert_eq!(scene.load().config.model, "new");
}

#[test]
fn profiles_in_files_of_their_own_become_tables_and_go_before_older_ones() {
    let folder = folder_with(&[
        ("config.toml", "model = \"m\"\n[profiles.work]\nmodel = \"older\"\n[profiles.home]\nmodel = \"h\""),
        (
            "work.config.toml",
            "model = \"w\"\nprofile = \"home\"\n[model_providers.p]\nbase_url = \"http://p\"\n[tui]\ntheme = \"x\"\n",
        ),
        ("odd name.config.toml", "log = \"debug\"\n[[skills.config]]\npath = \"x\"\n"),
    ]);
    let import = read(folder.path());
    let expected = "model = \"m\"\n# [profiles.work]\n# model = \"older\"\n[profiles.home]\nmodel = \"h\"\n\
                    \n# From odd name.config.toml:\n[profiles.\"odd name\"]\nlog = \"debug\"\n\
                    # [[profiles.\"odd name\".skills.config]]\n# path = \"x\"\n\
                    \n# From work.config.toml:\n[profiles.work]\nmodel = \"w\"\n# profile = \"home\"\n\
                    [profiles.work.model_providers.p]\nbase_url = \"http://p\"\n# [profiles.work.tui]\n# theme = \"x\"\n";
    assert_eq!(import.text.split_once("\n\n").unwrap().1, expected);
    assert_eq!(import.files.len(), 3);
    let superseded = import.keys.iter().find(|(key, _)| key.to_string() == "profiles.work").unwrap();
    assert!(
        matches!(&superseded.1, Verdict::Unserved(why) if why.ends_with("work.config.toml takes its place"))
    );
}

#[test]
fn what_is_wrong_as_a_whole_is_said_of_the_new_file_and_does_not_stop_the_import() {
    let folder = folder_with(&[("config.toml", "model_provider = \"oss\"\nmodel = \"gpt-oss\"")]);
    let import = read(folder.path());
    let scene = Scene::new();
    let path = import.write(&scene.home(), Existing::Keep).unwrap();
    let problem = import.load(&scene.home()).map(|loaded| loaded.config).unwrap_err().to_string();
    let line = import.text.lines().position(|line| line.starts_with("model_provider")).unwrap() + 1;
    let expected = format!("{}:{line}:1: there is no provider `oss`; providers are", path.display());
    assert!(problem.starts_with(&expected), "{problem}");
    assert_eq!(problem.replace(path.to_str().unwrap(), "FILE"), scene.error());
    assert_eq!(import.keys.len(), 2);
    assert!(import.keys.contains(&(["model".to_owned()].into_iter().collect::<KeyPath>(), Verdict::Taken)));
}

#[test]
fn parameters_of_an_address_go_to_the_table_for_them() {
    const FIRST: &str = "https://x.azure.com/openai?api-version=1&odd.name=a\\b";
    let cases = [
        (
            "[model_providers.azure]\n  base_url = \"FIRST\" # work\nname = \"Azure\"\n",
            "[model_providers.azure]\n  base_url = \"https://x.azure.com/openai\" # work\n  query_params.api-version = \
             \"1\"\n  query_params.\"odd.name\" = \"a\\\\b\"\nname = \"Azure\"\n",
        ),
        (
            "model_providers.azure.base_url = 'https://x/?a=1'\n",
            "model_providers.azure.base_url = \"https://x/\"\nmodel_providers.azure.query_params.a = \"1\"\n",
        ),
        (
            "[model_providers]\na = { base_url = \"http://a?v=1\", name = \"A\" }\nb = { base_url = \"http://b?v=2\" }\n",
            "[model_providers]\na = { base_url = \"http://a\", query_params.v = \"1\", name = \"A\" }\n\
             b = { base_url = \"http://b\", query_params.v = \"2\" }\n",
        ),
        (
            "[profiles.p.model_providers.a]\nbase_url = \"http://a?v=1\"\n",
            "[profiles.p.model_providers.a]\nbase_url = \"http://a\"\nquery_params.v = \"1\"\n",
        ),
        ("model_providers.a.base_url = \"http://a?\"\n", "model_providers.a.base_url = \"http://a\"\n"),
    ];
    for (codex, expected) in cases {
        let codex = codex.replace("FIRST", &FIRST.replace('\\', "\\\\"));
        let folder = folder_with(&[("config.toml", &codex)]);
        let import = read(folder.path());
        assert_eq!(import.text.split_once("\n\n").unwrap().1, expected, "{codex}");
        import.load(folder.path()).unwrap();
        assert!(import.keys.iter().all(|(_, verdict)| *verdict == Verdict::Taken), "{:?}", import.keys);
    }
}

#[test]
fn an_address_that_cannot_be_taken_apart_with_certainty_becomes_a_comment() {
    let cases = [
        ("base_url = \"http://a?v=%20\"", 0),
        ("base_url = \"http://a?v\"", 0),
        // What is left of the provider has no address.
        ("base_url = \"http://a?v=1\"\nquery_params = { w = \"2\" }", 1),
        ("base_url = \"http://a?v=1\"\n[model_providers.a.query_params]\nw = \"2\"", 1),
    ];
    for (codex, left_without_address) in cases {
        let folder = folder_with(&[("config.toml", &format!("[model_providers.a]\n{codex}\n"))]);
        let import = read(folder.path());
        let address = codex.lines().next().unwrap();
        assert!(import.text.contains(&format!("\n# {address}\n")), "{}", import.text);
        let warnings = import.load(folder.path()).unwrap().warnings;
        assert_eq!(warnings.len(), left_without_address, "{codex}: {warnings:?}");
    }
}

#[test]
fn a_path_in_the_users_home_stays_what_it_is() {
    let folder =
        folder_with(&[("config.toml", "model_instructions_file = \"~/own.md\""), ("own.md", "be brief")]);
    let environment =
        Environment::new([("HOME".into(), folder.path().into()), ("EVERTURN_PROFILE".into(), "x".into())]);
    let import = Import::read(&folder.path().join("config.toml"), &environment).unwrap();
    assert!(import.text.ends_with("\n\nmodel_instructions_file = \"~/own.md\"\n"), "{}", import.text);
    import.load(folder.path()).unwrap();
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let folder = folder_with(&[]);
    let from = folder.path().join("config.toml");
    let missing = Import::read(&from, &Environment::default()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("there is no file {}; name another with --from FILE", from.display())
    );
    let folder = folder_with(&[("config.toml", "model = \"a\"\n"), ("p.config.toml", "x")]);
    let broken = Import::read(&folder.path().join("config.toml"), &Environment::default()).unwrap_err();
    assert!(matches!(&broken, ImportError::Unusable(_)));
    assert!(broken.to_string().contains("p.config.toml:1:"), "{broken}");
}

#[test]
fn codex_is_looked_for_where_codex_looks() {
    let environment = |pairs: &[(&str, &str)]| {
        Environment::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    };
    let source = |pairs| Import::default_source(&environment(pairs));
    assert_eq!(source(&[("HOME", "/h")]), Some("/h/.codex/config.toml".into()));
    assert_eq!(source(&[("HOME", "/h"), ("CODEX_HOME", "/c")]), Some("/c/config.toml".into()));
    assert_eq!(source(&[]), None);
}

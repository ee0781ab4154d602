//! The tables `[mcp_servers.NAME]`.

use crate::scene::Scene;
use config::{McpApprovalMode, McpServerEntry, McpTransportEntry, Secret};
use std::collections::{BTreeMap, BTreeSet};

fn entry(transport: McpTransportEntry) -> McpServerEntry {
    McpServerEntry {
        enabled: true,
        transport,
        startup_timeout_sec: 10,
        tool_timeout_sec: 60,
        enabled_tools: None,
        disabled_tools: BTreeSet::new(),
        approval_mode: McpApprovalMode::Auto,
        tools: BTreeMap::new(),
        scopes: Vec::new(),
    }
}

#[test]
fn every_setting_of_a_server_reaches_the_configuration() {
    let scene = Scene::new().file(
        "[mcp_servers.local]\nenabled = false\ncommand = \"npx\"\nargs = [\"-y\", \"docs\"]\nenv = { DOCS_TOKEN = \"sk-1\" }\n\
         env_vars = [\"LANG\"]\ncwd = \"~/docs\"\nstartup_timeout_sec = 20\ntool_timeout_sec = 90\nenabled_tools = [\"a\"]\n\
         disabled_tools = [\"b\"]\ndefault_tools_approval_mode = \"prompt\"\ntools.a.approval_mode = \"approve\"\n\
         [mcp_servers.\"far.away\"]\nurl = \"https://h/mcp?key=k-1\"\nbearer_token_env_var = \"TOKEN\"\nhttp_headers = { X-Team = \"t\" }\n\
         env_http_headers = { X-Key = \"KEY\" }\nscopes = [\"read\"]\n",
    );
    let config = scene.load().config;
    let local = McpServerEntry {
        enabled: false,
        startup_timeout_sec: 20,
        tool_timeout_sec: 90,
        enabled_tools: Some(["a".to_owned()].into()),
        disabled_tools: ["b".to_owned()].into(),
        approval_mode: McpApprovalMode::Prompt,
        tools: [("a".to_owned(), McpApprovalMode::Approve)].into(),
        ..entry(McpTransportEntry::Stdio {
            command: "npx".into(),
            args: vec!["-y".into(), "docs".into()],
            env: [("DOCS_TOKEN".to_owned(), Secret::new("sk-1"))].into(),
            env_vars: vec!["LANG".into()],
            cwd: Some("/h/docs".into()),
        })
    };
    let far = McpServerEntry {
        scopes: vec!["read".into()],
        ..entry(McpTransportEntry::Http {
            url: Secret::new("https://h/mcp?key=k-1"),
            bearer_token_env_var: Some("TOKEN".into()),
            http_headers: [("X-Team".to_owned(), Secret::new("t"))].into(),
            env_http_headers: [("X-Key".to_owned(), "KEY".to_owned())].into(),
        })
    };
    assert_eq!(config.mcp_servers, [("local".to_owned(), local), ("far.away".to_owned(), far)].into());
    assert_eq!(config.mcp_servers["far.away"].secret_variables(), ["TOKEN", "KEY"]);
    assert_eq!(scene.setting("mcp_servers.local.env.DOCS_TOKEN"), "(hidden) from FILE:5:9");
    let environment = scene.variable("TOKEN", "t-1").variable("KEY", "k-2").environment();
    let secrets = config.secrets(&environment);
    for secret in ["sk-1", "k-1", "t-1", "k-2"] {
        assert!(secrets.contains(&secret.to_owned()), "{secret} of {secrets:?}");
    }
}

#[test]
fn a_server_is_either_a_program_or_an_address() {
    let neither = Scene::new().file("[mcp_servers.docs]\nenabled = true\n").error();
    assert_eq!(
        neither,
        "FILE:2:1: MCP server `docs` has neither `mcp_servers.docs.command` nor `mcp_servers.docs.url`; set one of them"
    );
    let both = Scene::new().file("[mcp_servers.docs]\ncommand = \"c\"\nurl = \"http://h\"\n").error();
    assert_eq!(
        both,
        "FILE:3:1: `mcp_servers.docs.command` and `mcp_servers.docs.url` are both set; keep one of them"
    );
    let twice = Scene::new()
        .file("[mcp_servers.docs]\ncommand = \"c\"\n[mcp_servers.docs]\ncommand = \"d\"\n")
        .error();
    assert!(twice.starts_with("FILE:3"), "{twice}");
}

#[test]
fn what_belongs_to_the_other_kind_of_server_is_a_warning() {
    let scene =
        Scene::new().file("[mcp_servers.docs]\nurl = \"http://h\"\nargs = [\"a\"]\nenv = { A = \"b\" }\n");
    assert_eq!(
        scene.warnings(),
        [
            "FILE:3:1: `mcp_servers.docs.args` has no effect: the server has a `url`",
            "FILE:4:9: `mcp_servers.docs.env` has no effect: the server has a `url`",
        ]
    );
}

#[test]
fn a_key_of_codex_without_effect_is_a_warning() {
    let scene = Scene::new().file("[mcp_servers.docs]\ncommand = \"c\"\nrequired = true\n");
    let told = scene.notices();
    assert!(
        told[0].contains("`mcp_servers.docs.required` has no effect here: a server that is not there"),
        "{told:?}"
    );
}

//! Whole configurations: what there is without a file, and every key of the table once.

use crate::scene::Scene;
use agent_core::{
    ApprovalPolicy, Budget, CompactAt, Effort, GranularPolicy, HookPhase, Mode, Otherwise, Route, Summary,
    Undo,
};
use config::{
    AnswerWithin, Backend, Config, Constraints, CredentialsStore, DevServerStart, Durability, Fallback,
    Features, HistoryPersistence, HistorySettings, HookCommand, HookEntry, Inherit, KEYS, Kind, Layer,
    ModeEntry, ModelEntry, PriceEntry, Sandbox, SandboxMode, SandboxWorkspaceWrite, ShellEnvironmentPolicy,
    Temporal, TemporalTls, WebSearch,
};
use std::collections::BTreeMap;

/// The table `[temporal]` where nothing is said.
fn temporal() -> Temporal {
    Temporal {
        address: None,
        namespace: None,
        profile: None,
        config_file: None,
        api_key_env: "TEMPORAL_API_KEY".into(),
        tls: TemporalTls::default(),
        grpc_meta: BTreeMap::new(),
        queue: None,
        model_queue: None,
        bus: None,
        dev_server: DevServerStart::Auto,
        search_attributes: false,
        codec_keys: None,
    }
}

#[test]
fn without_a_file_everything_has_its_default() {
    let loaded = Scene::new().load();
    let expected = Config {
        model: "gpt-6.2-sol".into(),
        model_provider: "openai".into(),
        model_providers: loaded.config.model_providers.clone(),
        models: BTreeMap::new(),
        approval_policy: None,
        sandbox_mode: None,
        sandbox_workspace_write: SandboxWorkspaceWrite {
            writable_roots: Vec::new(),
            network_access: false,
            exclude_slash_tmp: true,
            exclude_tmpdir_env_var: true,
        },
        sandbox: Sandbox::default(),
        exec_policy_files: Vec::new(),
        answer_within: AnswerWithin { ms: None, otherwise: Otherwise::Deny },
        web_search: WebSearch::Disabled,
        model_reasoning_effort: None,
        model_reasoning_summary: None,
        model_context_window: None,
        model_max_output_tokens: None,
        instructions: None,
        developer_instructions: None,
        project_doc_max_bytes: 32_768,
        tool_output_token_limit: 8_192,
        project_doc_fallback_filenames: vec!["CLAUDE.md".into()],
        shell_environment_policy: ShellEnvironmentPolicy {
            inherit: Inherit::All,
            ignore_default_excludes: false,
            exclude: Vec::new(),
            set: BTreeMap::new(),
            include_only: Vec::new(),
        },
        show_raw_agent_reasoning: false,
        hide_agent_reasoning: false,
        cli_auth_credentials_store: CredentialsStore::File,
        durability: Durability::Process,
        budget: Budget::default(),
        compact_at: CompactAt::Percent(80),
        mode: Mode::Code,
        modes: BTreeMap::new(),
        review_model: None,
        undo: Undo::On,
        personality: None,
        hooks: Vec::new(),
        notify: Vec::new(),
        history: HistorySettings { persistence: HistoryPersistence::SaveAll, max_bytes: 4_194_304 },
        features: Features::default(),
        constraints: Constraints::default(),
        backend: Backend::Local,
        temporal: temporal(),
        mcp_servers: BTreeMap::new(),
        log: None,
        profile: None,
    };
    assert_eq!(loaded.config, expected);
    assert_eq!((loaded.warnings, loaded.notices), (Vec::new(), Vec::new()));
}

#[test]
fn every_setting_reaches_the_configuration() {
    let scene = Scene::new().file(
            "model = \"m\"\napproval_policy = { granular = { patches = false } }\nsandbox_mode = \"workspace-write\"\n\
             model_reasoning_effort = \"xhigh\"\nmodel_reasoning_summary = \"concise\"\n\
             model_context_window = 100_000\nmodel_max_output_tokens = 0x1000\n\
             instructions = \"i\"\ndeveloper_instructions = \"d\"\nproject_doc_max_bytes = 0\ntool_output_token_limit = 512\n\
             project_doc_fallback_filenames = []\nshow_raw_agent_reasoning = true\nhide_agent_reasoning = true\n\
             cli_auth_credentials_store = \"auto\"\ndurability = \"power\"\nlog = \"debug\"\n\
             exec_policy_files = [\"/r.toml\"]\nanswer_timeout_ms = 6\nanswer_otherwise = \"abort\"\nweb_search = \"cached\"\n\
             compact_at_percent = 50\nreview_model = \"r\"\nundo = false\npersonality = \"friendly\"\n\
             mode = \"plan\"\nplan_mode_reasoning_effort = \"high\"\nnotify = [\"n\", \"m\"]\n\
             history = { persistence = \"none\", max_bytes = 9 }\n\
             modes.plan = { model = \"p\", instructions = \"only plan\", tools = [\"read_*\"] }\n\
             modes.pair.tools = []\n\
             [sandbox_workspace_write]\nwritable_roots = [\"/w\"]\nnetwork_access = true\nexclude_slash_tmp = false\n\
             exclude_tmpdir_env_var = false\n\
             [sandbox]\nunreadable = [\"/s\"]\nhide_dotenv = true\nmax_processes = 3\nmax_memory_percent = 4\nmax_file_mb = 5\n\
             [budget]\ntokens = 1\nmax_tool_calls = 2\nturn_seconds = 3\ncost_usd = 0.25\nwork_minutes = 0\n\
             [[hooks]]\nphase = \"pre_tool_use\"\ncommand = [\"./check\", \"-q\"]\ntools = [\"exec_*\"]\n\
             cwd_prefix = \"~/w\"\ntimeout_ms = 7\n\
             [[hooks]]\nname = \"log\"\nphase = \"post_turn\"\ncommand = \"cat >> log\"\n\
             [shell_environment_policy]\ninherit = \"core\"\nignore_default_excludes = true\nexclude = [\"e\"]\n\
             include_only = [\"o\"]\n\
             [models.\"vendor/m:8b\"]\ncontext_window = 1\nmax_output_tokens = 2\nparallel_tool_calls = false\n\
             reasoning = true\nefforts = [\"low\", \"high\"]\nfreeform_tools = true\nimages = false\n\
             price = { input = 1.25, cached_input = 0.1, output = 10 }\n",
        );
    let config = scene.load().config;
    let refused = GranularPolicy { commands: Route::Ask, patches: Route::Refuse, tools: Route::Ask };
    let model = ModelEntry {
        context_window: Some(1),
        max_output_tokens: Some(2),
        parallel_tool_calls: Some(false),
        reasoning: Some(true),
        efforts: Some(vec![Effort::Low, Effort::High]),
        freeform_tools: Some(true),
        images: Some(false),
        price: PriceEntry { input: Some(1_250_000), cached_input: Some(100_000), output: Some(10_000_000) },
    };
    let expected = Config {
        model: "m".into(),
        model_provider: "openai".into(),
        model_providers: config.model_providers.clone(),
        models: [("vendor/m:8b".into(), model)].into(),
        approval_policy: Some(ApprovalPolicy::Granular(refused)),
        sandbox_mode: Some(SandboxMode::WorkspaceWrite),
        sandbox_workspace_write: SandboxWorkspaceWrite {
            writable_roots: vec!["/w".into()],
            network_access: true,
            exclude_slash_tmp: false,
            exclude_tmpdir_env_var: false,
        },
        sandbox: Sandbox {
            unreadable: Some(vec!["/s".into()]),
            hide_dotenv: true,
            max_processes: Some(3),
            max_memory_percent: Some(4),
            max_file_mb: Some(5),
        },
        exec_policy_files: vec!["/r.toml".into()],
        answer_within: AnswerWithin { ms: Some(6), otherwise: Otherwise::Abort },
        web_search: WebSearch::Cached,
        model_reasoning_effort: Some(Effort::XHigh),
        model_reasoning_summary: Some(Summary::Concise),
        model_context_window: Some(100_000),
        model_max_output_tokens: Some(4096),
        instructions: Some("i".into()),
        developer_instructions: Some("d".into()),
        project_doc_max_bytes: 0,
        tool_output_token_limit: 512,
        project_doc_fallback_filenames: Vec::new(),
        shell_environment_policy: ShellEnvironmentPolicy {
            inherit: Inherit::Core,
            ignore_default_excludes: true,
            exclude: vec!["e".into()],
            set: BTreeMap::new(),
            include_only: vec!["o".into()],
        },
        show_raw_agent_reasoning: true,
        hide_agent_reasoning: true,
        cli_auth_credentials_store: CredentialsStore::Auto,
        durability: Durability::Power,
        budget: Budget {
            tokens: Some(1),
            tool_calls: Some(2),
            turn_ms: Some(3_000),
            cost_microusd: Some(250_000),
            work_ms: Some(0),
        },
        compact_at: CompactAt::Percent(50),
        mode: Mode::Plan,
        modes: [
            (
                Mode::Plan,
                ModeEntry {
                    model: Some("p".into()),
                    effort: Some(Effort::High),
                    instructions: Some("only plan".into()),
                    tools: Some(vec!["read_*".into()]),
                },
            ),
            (Mode::Pair, ModeEntry { tools: Some(Vec::new()), ..ModeEntry::default() }),
        ]
        .into(),
        review_model: Some("r".into()),
        undo: Undo::Off,
        personality: Some("friendly".into()),
        hooks: hooks(&scene.home()),
        notify: vec!["n".into(), "m".into()],
        history: HistorySettings { persistence: HistoryPersistence::None, max_bytes: 9 },
        features: Features::default(),
        constraints: Constraints::default(),
        backend: Backend::Local,
        temporal: temporal(),
        mcp_servers: BTreeMap::new(),
        log: Some("debug".into()),
        profile: None,
    };
    assert_eq!(config, expected);
}

/// The hooks of the file above.
fn hooks(home: &std::path::Path) -> Vec<HookEntry> {
    let check = HookEntry {
        name: "check".into(),
        phase: HookPhase::PreToolUse,
        command: HookCommand::Argv(vec![home.join("check").to_string_lossy().into_owned(), "-q".into()]),
        tools: vec!["exec_*".into()],
        cwd_prefix: Some("/h/w".into()),
        timeout_ms: 7,
        layer: Layer::User,
    };
    let log = HookEntry {
        name: "log".into(),
        phase: HookPhase::PostTurn,
        command: HookCommand::Line("cat >> log".into()),
        tools: Vec::new(),
        cwd_prefix: None,
        timeout_ms: 5_000,
        layer: Layer::User,
    };
    vec![check, log]
}

#[test]
fn a_policy_in_words_takes_the_place_of_a_granular_one_and_the_other_way_round() {
    let granular = "approval_policy.granular.commands = false\n[profiles.p]\napproval_policy = \"never\"\n";
    let config = Scene::new().file(granular).profile("p").load().config;
    assert_eq!(config.approval_policy, Some(ApprovalPolicy::Never));
    let scene = Scene::new().file("approval_policy = \"never\"").set("approval_policy.granular.tools=false");
    let refused = GranularPolicy { tools: Route::Refuse, ..GranularPolicy::default() };
    assert_eq!(scene.load().config.approval_policy, Some(ApprovalPolicy::Granular(refused)));
}

/// No key of the table may be without effect: each changes the configuration when it is set.
#[test]
fn no_key_of_the_table_is_forgotten() {
    for key in KEYS {
        let value = match key.kind {
            Kind::Text | Kind::Secret | Kind::Guarded => "\"other\"".to_owned(),
            Kind::Variable => "\"OTHER\"".to_owned(),
            Kind::Url => "\"http://other\"".to_owned(),
            Kind::Endpoint => "\"http://other/mcp\"".to_owned(),
            Kind::Bus => "\"nats://other\"".to_owned(),
            Kind::Path => "\"other\"".to_owned(),
            Kind::Paths | Kind::Texts => "[\"other\"]".to_owned(),
            Kind::Bool => (key.default != Fallback::Bool(true) && key.default != Fallback::Depends("`true`"))
                .to_string(),
            Kind::Count(_) => "7".to_owned(),
            Kind::Percent => "7".to_owned(),
            Kind::Dollars => "0.5".to_owned(),
            Kind::Hooks => "[{ phase = \"pre_run\", command = \"c\" }]".to_owned(),
            Kind::Word(words) => {
                let default = key.default.value();
                let other = words.iter().find(|word| default != Some(word.word.into())).unwrap();
                format!("\"{}\"", other.word)
            }
            Kind::Words(words) => format!("[\"{}\"]", words[0].word),
        };
        // It says nothing of the settings, only which files count: tests/it/project_settings.rs.
        if key.path == "projects.*.trust_level" {
            continue;
        }
        let path = if key.path == "features.*" {
            "features.skills".to_owned()
        } else {
            key.path.replacen(".*", ".openai", 1).replace('*', "other")
        };
        // These need something to work upon.
        let more = match key.path {
            "model_provider" => "[model_providers.other]\nbase_url = \"http://h\"",
            "profile" => "[profiles.other]",
            "mcp_servers.*.command" | "mcp_servers.*.url" => "",
            key if key.starts_with("mcp_servers.*") => {
                let of_url =
                    ["bearer_token_env_var", "http_headers", "scopes"].iter().any(|name| key.contains(name));
                if of_url {
                    "[mcp_servers.openai]\nurl = \"http://h\""
                } else {
                    "[mcp_servers.openai]\ncommand = \"c\""
                }
            }
            "model_providers.*.requires_openai_auth" => "[model_providers.other]\nbase_url = \"http://h\"",
            _ => "",
        };
        let path =
            if key.path.ends_with("requires_openai_auth") { path.replace("openai.", "other.") } else { path };
        let value = if key.path.ends_with("requires_key") || key.path == "features.*" {
            "false".to_owned()
        } else {
            value
        };
        let scene = Scene::new().file(&format!("{more}\n"));
        std::fs::write(scene.home().join("other"), "own instructions").unwrap();
        let before = scene.load().config;
        let path_of_file = scene.home().join("other");
        let value = if key.kind == Kind::Path { format!("{path_of_file:?}") } else { value };
        let after = scene.set(&format!("{path}={value}")).load().config;
        assert!(before != after, "{path} = {value} changes nothing");
    }
}

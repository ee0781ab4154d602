//! The keys of Codex that are known and have no effect here, each with the reason.
//!
//! Users bring their `config.toml`; a key that is only of no use yet is a warning, and what nobody knows is an error.
//! Source of the names: OpenAI's configuration reference and JSON schema of Codex, as of November 2026, with the keys
//! that earlier versions had.

/// A key or a table of Codex that has no effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// Where it is, with `*` for a name that the user chooses. All that is below it has no effect either.
    pub path: &'static str,
    /// Why, or what to use, to follow "has no effect".
    pub why: &'static str,
}

const MCP: &str = "here: MCP needs no switch";
const MCP_LOGIN: &str = "here: a login listens at a free port of this machine";
const MCP_KEYS: &str = "here: tokens are kept as `cli_auth_credentials_store` says";
const MCP_CLIENT: &str = "here: this client is registered with each server, or use `bearer_token_env_var`";
const MCP_PARALLEL: &str = "here: calls that only look run side by side, others one by one";
const MCP_REQUIRED: &str = "here: a server that is not there is a warning, and the thread goes on";
const COMPACTION: &str = "here: the summary has a form of its own, see `compact_at_percent`";
const FEATURES: &str = "here: the features that are not finished say so in `everturn features list`";
const PERMISSIONS: &str =
    "here: there are no named permissions; `sandbox_mode` and `sandbox` say what may be touched";
const SCREEN: &str = "here: there is no full-screen interface";
const SKILLS: &str =
    "here: skills are files in folders, see docs/context.md; there are no plugins and no apps";
const AGENTS: &str = "here: there are no sub-agents";
const REVIEW: &str = "here: approvals are decided by the policy and by the user, not by a model";
const PARAMETER: &str = "here: this parameter of the model's API is not sent";
const TELEMETRY: &str = "here: nothing is sent home, and traces come with a later version";
const CHATGPT: &str = "here: ChatGPT accounts are not used, only keys of an API";
const REALTIME: &str = "here: there is no voice";
const WINDOWS: &str = "here: it is for Windows only";
const OWN_STORE: &str = "here: threads are kept in the data folder, see EVERTURN_HOME";
const OWN_TOOLS: &str = "here: the tools are what they are";
const OWN_TEXT: &str = "here: what is told to the model beside the instructions cannot be switched off";
const PRODUCT: &str = "here: it belongs to Codex itself";
const GRANULAR: &str = "here: `commands`, `patches` and `tools` are what can be switched";
const OWN_CATALOGUE: &str = "here: use `models.NAME`";

const fn of(path: &'static str, why: &'static str) -> Unserved {
    Unserved { path, why }
}

/// All of them.
pub const UNSERVED: &[Unserved] = &[
    of("agents", AGENTS),
    of("allow_login_shell", OWN_TOOLS),
    of("analytics", TELEMETRY),
    of("approval_policy.granular.mcp_elicitations", GRANULAR),
    of("approval_policy.granular.request_permissions", GRANULAR),
    of("approval_policy.granular.rules", GRANULAR),
    of("approval_policy.granular.sandbox_approval", GRANULAR),
    of("approval_policy.granular.skill_approval", GRANULAR),
    of("approvals_reviewer", REVIEW),
    of("apps", SKILLS),
    of("apps_mcp_product_sku", PRODUCT),
    of("audio", REALTIME),
    of("auto_review", REVIEW),
    of("background_terminal_max_timeout", OWN_TOOLS),
    of("chatgpt_base_url", CHATGPT),
    of("check_for_update_on_startup", PRODUCT),
    of("commit_attribution", PRODUCT),
    of("compact_prompt", COMPACTION),
    of("debug", PRODUCT),
    of("default_permissions", PERMISSIONS),
    of("desktop", PRODUCT),
    of("disable_paste_burst", SCREEN),
    of("disable_response_storage", "here: no response is stored by the provider"),
    of("experimental_compact_prompt_file", COMPACTION),
    of("experimental_realtime_start_instructions", REALTIME),
    of("experimental_realtime_ws_backend_prompt", REALTIME),
    of("experimental_realtime_ws_base_url", REALTIME),
    of("experimental_realtime_ws_model", REALTIME),
    of("experimental_realtime_ws_startup_context", REALTIME),
    of("experimental_resume", OWN_STORE),
    of("experimental_sandbox_command_assessment", REVIEW),
    of("experimental_thread_config_endpoint", PRODUCT),
    of("experimental_thread_store", OWN_STORE),
    of("experimental_use_exec_command_tool", OWN_TOOLS),
    of("experimental_use_freeform_apply_patch", OWN_TOOLS),
    of("experimental_use_rmcp_client", MCP),
    of("experimental_use_unified_exec_tool", OWN_TOOLS),
    of("feedback", TELEMETRY),
    of("file_opener", SCREEN),
    of("forced_chatgpt_workspace_id", CHATGPT),
    of("forced_login_method", CHATGPT),
    of("ghost_snapshot", "here: use `undo`"),
    of("include_apply_patch_tool", OWN_TOOLS),
    of("include_apps_instructions", OWN_TEXT),
    of("include_collaboration_mode_instructions", OWN_TEXT),
    of("include_environment_context", OWN_TEXT),
    of("include_permissions_instructions", OWN_TEXT),
    of("include_plan_tool", OWN_TOOLS),
    of("include_view_image_tool", OWN_TOOLS),
    of("log_dir", "here: `log` writes to standard error"),
    of("marketplaces", SKILLS),
    of("mcp_oauth_callback_port", MCP_LOGIN),
    of("mcp_oauth_callback_url", MCP_LOGIN),
    of("mcp_oauth_credentials_store", MCP_KEYS),
    of("mcp_servers.*.environment_id", PRODUCT),
    of("mcp_servers.*.experimental_environment", PRODUCT),
    of("mcp_servers.*.name", "here: a server is called as its table is"),
    of("mcp_servers.*.oauth", MCP_CLIENT),
    of("mcp_servers.*.oauth_resource", MCP_CLIENT),
    of("mcp_servers.*.required", MCP_REQUIRED),
    of("mcp_servers.*.startup_timeout_ms", "here: use `startup_timeout_sec`"),
    of("mcp_servers.*.supports_parallel_tool_calls", MCP_PARALLEL),
    of("memories", "here: there are no memories"),
    of("model_auto_compact_token_limit_scope", COMPACTION),
    of("model_catalog_json", OWN_CATALOGUE),
    of("model_providers.*.auth", "here: no command is run for a key; use `env_key` or `everturn login`"),
    of("model_providers.*.aws", "here: requests are not signed for AWS"),
    of("model_providers.*.supports_websockets", "here: responses come over HTTP"),
    of("model_providers.*.websocket_connect_timeout_ms", "here: responses come over HTTP"),
    of("model_reasoning_summary_format", SCREEN),
    of("model_supports_reasoning_summaries", "here: use `models.NAME.reasoning`"),
    of("model_verbosity", PARAMETER),
    of("notice", PRODUCT),
    of("oss_provider", "here: name the provider with `model_provider`"),
    of("otel", TELEMETRY),
    of("permissions", PERMISSIONS),
    of("plugins", SKILLS),
    of("preferred_auth_method", CHATGPT),
    of("project_root_markers", "here: a project's root is the nearest folder with .git"),
    of("realtime", REALTIME),
    of("service_tier", PARAMETER),
    of("shell_environment_policy.experimental_use_profile", OWN_TOOLS),
    of("skills", SKILLS),
    of("sqlite_home", OWN_STORE),
    of("suppress_unstable_features_warning", FEATURES),
    of("tool_suggest", SKILLS),
    of("tools.view_image", OWN_TOOLS),
    of("tui", SCREEN),
    of("windows", WINDOWS),
    of("windows_wsl_setup_acknowledged", WINDOWS),
    of("zsh_path", OWN_TOOLS),
];

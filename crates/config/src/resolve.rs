//! From settings to a [`Config`].

mod long_threads;
mod mcp;
mod temporal;
mod values;

use crate::{
    AnswerWithin, Config, Constraints, Feature, Features, KeyPath, ModelEntry, Origin, PriceEntry, Problem,
    ProblemKind, ProviderEntry, Sandbox, SandboxWorkspaceWrite, ShellEnvironmentPolicy,
    choice::{Backend, CredentialsStore, Durability, Inherit, WebSearch, WireApi},
    defaults::provider_ids,
    features,
    providers::OPENAI,
    settings::Settings,
};
use agent_core::{ApprovalPolicy, GranularPolicy, Route, Undo};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
pub(crate) use values::Values;

/// The largest file of instructions that is read.
const MAX_INSTRUCTIONS_BYTES: u64 = 1_048_576;

/// What fails nothing and will surprise somebody: see [`crate::Loaded`].
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    pub(crate) warnings: Vec<String>,
    pub(crate) notices: Vec<String>,
}

/// Reads what complete settings say.
pub(crate) fn resolve(settings: &Settings, remarks: &mut Remarks) -> Result<Config, Vec<Problem>> {
    let top = Values::top(settings);
    let mut problems = Vec::new();
    let model_provider = top.text("model_provider").unwrap_or_default();
    let model_providers = providers(settings, &model_provider, remarks, &mut problems);
    let instructions = instructions(&top, remarks, &mut problems);
    let temporal = temporal::temporal(&top, &mut problems);
    let mcp_servers = mcp::mcp_servers(&top, &mut problems, &mut remarks.warnings);
    let budget = long_threads::budget(&top, &mut problems);
    let compact_at = long_threads::compact_at(&top, remarks);
    let features = Features::read(&top, &mut remarks.notices, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    remark(&top, &model_provider, remarks);
    Ok(Config {
        model: top.text("model").unwrap_or_default(),
        models: models(&top),
        approval_policy: approval(&top),
        sandbox_mode: top.choice("sandbox_mode"),
        sandbox_workspace_write: sandbox_workspace_write(&top.table("sandbox_workspace_write")),
        sandbox: sandbox(&top.table("sandbox")),
        exec_policy_files: top.paths("exec_policy_files"),
        answer_within: AnswerWithin {
            ms: top.count("answer_timeout_ms"),
            otherwise: top.choice("answer_otherwise").unwrap_or_default(),
        },
        web_search: web_search(&top),
        model_reasoning_effort: top.choice("model_reasoning_effort"),
        model_reasoning_summary: top.choice("model_reasoning_summary"),
        model_context_window: top.count("model_context_window"),
        model_max_output_tokens: top.count("model_max_output_tokens"),
        instructions,
        developer_instructions: top.text("developer_instructions").filter(|text| !text.is_empty()),
        project_doc_max_bytes: top.count("project_doc_max_bytes").unwrap_or_default(),
        tool_output_token_limit: top.count("tool_output_token_limit").unwrap_or_default(),
        project_doc_fallback_filenames: top.texts("project_doc_fallback_filenames"),
        shell_environment_policy: shell_environment_policy(&top.table("shell_environment_policy")),
        show_raw_agent_reasoning: top.yes("show_raw_agent_reasoning"),
        hide_agent_reasoning: top.yes("hide_agent_reasoning"),
        cli_auth_credentials_store: top
            .choice("cli_auth_credentials_store")
            .unwrap_or(CredentialsStore::File),
        durability: top.choice("durability").unwrap_or(Durability::Process),
        budget,
        compact_at,
        mode: top.choice("mode").unwrap_or_default(),
        modes: long_threads::modes(&top),
        review_model: top.text("review_model"),
        undo: if top.yes("undo") { Undo::On } else { Undo::Off },
        personality: top.text("personality").filter(|name| name != "none"),
        hooks: long_threads::hooks(&top, &features),
        notify: if features.is_on(Feature::Notify) { top.texts("notify") } else { Vec::new() },
        history: long_threads::history(&top),
        constraints: Constraints::default(),
        features,
        backend: top.choice("backend").unwrap_or(Backend::Local),
        temporal,
        mcp_servers,
        log: top.text("log").filter(|filter| !filter.is_empty()),
        profile: top.text("profile").filter(|name| !name.is_empty()),
        model_provider,
        model_providers,
    })
}

fn sandbox_workspace_write(values: &Values<'_>) -> SandboxWorkspaceWrite {
    SandboxWorkspaceWrite {
        writable_roots: values.paths("writable_roots"),
        network_access: values.yes("network_access"),
        exclude_slash_tmp: values.yes("exclude_slash_tmp"),
        exclude_tmpdir_env_var: values.yes("exclude_tmpdir_env_var"),
    }
}

fn sandbox(values: &Values<'_>) -> Sandbox {
    let is_said = values.origin("unreadable") != Origin::Default;
    Sandbox {
        unreadable: is_said.then(|| values.paths("unreadable")),
        hide_dotenv: values.yes("hide_dotenv"),
        max_processes: values.count("max_processes"),
        max_memory_percent: values.count("max_memory_percent"),
        max_file_mb: values.count("max_file_mb"),
    }
}

/// The older key counts where the newer one says nothing.
fn web_search(top: &Values<'_>) -> WebSearch {
    let older = top.table("tools").yes("web_search") || top.table("features").yes(features::WEB_SEARCH);
    let older = if older { WebSearch::Live } else { WebSearch::Disabled };
    top.choice("web_search").unwrap_or(older)
}

fn shell_environment_policy(values: &Values<'_>) -> ShellEnvironmentPolicy {
    ShellEnvironmentPolicy {
        inherit: values.choice("inherit").unwrap_or(Inherit::All),
        ignore_default_excludes: values.yes("ignore_default_excludes"),
        exclude: values.texts("exclude"),
        set: values.guarded("set"),
        include_only: values.texts("include_only"),
    }
}

/// All providers that can be asked. One without an address is left out; it is a mistake only where it is the chosen one,
/// and so is a chosen one that is not there.
fn providers(
    settings: &Settings,
    chosen: &str,
    remarks: &mut Remarks,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, ProviderEntry> {
    let top = Values::top(settings);
    let ids = provider_ids(settings);
    let mut entries = BTreeMap::new();
    for id in &ids {
        let values = top.table("model_providers").table(id);
        if let Some(entry) = provider(&values, id) {
            entries.insert(id.clone(), entry);
            continue;
        }
        let problem =
            Problem { origin: values.any_origin(), kind: ProblemKind::NoBaseUrl { name: id.clone() } };
        if id == chosen {
            problems.push(problem);
        } else {
            remarks.warnings.push(format!("{problem}; until then it cannot be used"));
        }
    }
    if !ids.contains(chosen) {
        let known = entries.keys().cloned().collect();
        let kind = ProblemKind::UnknownProvider { name: chosen.to_owned(), known };
        problems.push(Problem { origin: top.origin("model_provider"), kind });
    }
    entries
}

/// One provider; none where it has no address.
fn provider(values: &Values<'_>, id: &str) -> Option<ProviderEntry> {
    let retries = |key: &str| u32::try_from(values.count(key).unwrap_or_default()).unwrap_or(u32::MAX);
    Some(ProviderEntry {
        name: values.text("name").unwrap_or_else(|| id.to_owned()),
        base_url: values.text("base_url")?,
        env_key: values.text("env_key"),
        env_key_instructions: values.text("env_key_instructions"),
        experimental_bearer_token: values.secret("experimental_bearer_token"),
        requires_key: values.yes("requires_key"),
        wire_api: values.choice("wire_api").unwrap_or(WireApi::Responses),
        http_headers: values.guarded("http_headers"),
        env_http_headers: values.named_texts("env_http_headers"),
        query_params: values.guarded("query_params"),
        request_max_retries: retries("request_max_retries"),
        request_retry_base_ms: values.count("request_retry_base_ms").unwrap_or_default(),
        stream_max_retries: retries("stream_max_retries"),
        stream_idle_timeout_ms: values.count("stream_idle_timeout_ms").unwrap_or_default(),
        connect_timeout_ms: values.count("connect_timeout_ms").unwrap_or_default(),
    })
}

fn models(top: &Values<'_>) -> BTreeMap<String, ModelEntry> {
    let all = top.table("models");
    let names: BTreeSet<String> = all.names().map(str::to_owned).collect();
    let entry = |name: String| {
        let model = all.table(&name);
        let price = model.table("price");
        let entry = ModelEntry {
            context_window: model.count("context_window"),
            max_output_tokens: model.count("max_output_tokens"),
            parallel_tool_calls: model.bool("parallel_tool_calls"),
            reasoning: model.bool("reasoning"),
            efforts: model.choices("efforts"),
            freeform_tools: model.bool("freeform_tools"),
            images: model.bool("images"),
            price: PriceEntry {
                input: price.micro_dollars("input"),
                cached_input: price.micro_dollars("cached_input"),
                output: price.micro_dollars("output"),
            },
        };
        (name, entry)
    };
    names.into_iter().map(entry).collect()
}

fn approval(top: &Values<'_>) -> Option<ApprovalPolicy> {
    let granular = top.table("approval_policy").table("granular");
    if granular.names().next().is_none() {
        return top.choice("approval_policy");
    }
    let route = |key| if granular.bool(key) == Some(false) { Route::Refuse } else { Route::Ask };
    let (commands, patches, tools) = (route("commands"), route("patches"), route("tools"));
    Some(ApprovalPolicy::Granular(GranularPolicy { commands, patches, tools }))
}

/// The text that takes the place of the built-in instructions. Of text and file the stronger layer's counts.
fn instructions(top: &Values<'_>, remarks: &mut Remarks, problems: &mut Vec<Problem>) -> Option<String> {
    const FILE: &str = "model_instructions_file";
    let text = top.text("instructions").filter(|text| !text.trim().is_empty());
    let Some(path) = top.text(FILE).map(PathBuf::from) else { return text };
    let (of_text, of_file) = (top.origin("instructions"), top.origin(FILE));
    if text.is_some() {
        if of_text.layer() > of_file.layer() {
            return text;
        }
        if of_text.layer() == of_file.layer() {
            remarks
                .notices
                .push(format!("{of_text}: `instructions` has no effect beside `{FILE}` ({of_file})"));
        }
    }
    match read_instructions(&path) {
        Ok(text) => Some(text),
        Err(why) => {
            let kind = ProblemKind::File { key: KeyPath::bare(FILE), path, why };
            problems.push(Problem { origin: of_file, kind });
            None
        }
    }
}

/// The text of a file, or why it cannot be used.
fn read_instructions(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > MAX_INSTRUCTIONS_BYTES {
        return Err(format!("has {size} bytes; {MAX_INSTRUCTIONS_BYTES} are the most"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

/// Says what the finished settings will surprise somebody with.
fn remark(top: &Values<'_>, provider: &str, remarks: &mut Remarks) {
    if provider != OPENAI && top.origin("model") == Origin::Default {
        let model = top.text("model").unwrap_or_default();
        remarks.notices.push(format!(
            "{}: `model_provider` is {provider} and no `model` is set; {model}, the default, is OpenAI's: set `model`",
            top.origin("model_provider")
        ));
    }
    let providers = top.table("model_providers");
    for id in providers.names().collect::<BTreeSet<_>>() {
        let provider = providers.table(id);
        if provider.secret("experimental_bearer_token").is_some() {
            remarks.warnings.push(format!(
                "{}: a key is written here in full; `env_key` or everturn login --provider {id} keeps it out of the file",
                provider.origin("experimental_bearer_token")
            ));
        }
    }
}

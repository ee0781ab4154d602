//! The keys that have an effect, those of Temporal, MCP, hooks and long threads apart. Where Codex has a key of the same meaning, it has Codex's name.

use super::{Blank, Fallback, Key, Kind, key};
use crate::{
    choice::{Choice, CredentialsStore, Durability, Inherit, SandboxMode, WebSearch, WireApi},
    environment::{
        CODEX_APPROVAL_POLICY, CODEX_MODEL, EVERTURN_LOG, EVERTURN_MODEL, EVERTURN_PROFILE, OPENAI_BASE_URL,
    },
};
use agent_core::{ApprovalPolicy, Effort, Otherwise, Summary};

/// Every key of them, in the order of the reference.
pub(super) const TABLE: &[Key] = &[
    Key {
        variables: &[EVERTURN_MODEL, CODEX_MODEL],
        flag: Some("--model"),
        blank: Blank::Refused,
        ..key(
            "model",
            Kind::Text,
            Fallback::Text(crate::DEFAULT_MODEL),
            "The model, as its provider calls it.",
        )
    },
    Key {
        blank: Blank::Refused,
        ..key(
            "model_provider",
            Kind::Text,
            Fallback::Text(crate::providers::OPENAI),
            "Which provider answers: `openai`, `openrouter`, `ollama`, `lmstudio`, `vllm`, `llamacpp`, or a table under \
             `model_providers`.",
        )
    },
    Key {
        variables: &[CODEX_APPROVAL_POLICY],
        flag: Some("--approval"),
        ..key(
            "approval_policy",
            Kind::Word(ApprovalPolicy::WORDS),
            Fallback::Depends("`on-request` in a conversation, `never` in `everturn exec`"),
            "When the user is asked before something runs. Or a table: `granular` switches each kind of question by itself.",
        )
    },
    key(
        "approval_policy.granular.commands",
        Kind::Bool,
        Fallback::Depends("`true`"),
        "Under a granular policy: whether the user is asked about commands; `false` refuses without asking.",
    ),
    key(
        "approval_policy.granular.patches",
        Kind::Bool,
        Fallback::Depends("`true`"),
        "Under a granular policy: whether the user is asked about changes of files.",
    ),
    key(
        "approval_policy.granular.tools",
        Kind::Bool,
        Fallback::Depends("`true`"),
        "Under a granular policy: whether the user is asked about all other tools.",
    ),
    Key {
        flag: Some("--sandbox"),
        ..key(
            "sandbox_mode",
            Kind::Word(SandboxMode::WORDS),
            Fallback::Depends("`workspace-write` in a conversation, `read-only` in `everturn exec`"),
            "What may be touched.",
        )
    },
    key(
        "sandbox_workspace_write.writable_roots",
        Kind::Paths,
        Fallback::Texts(&[]),
        "Folders that may be written under `workspace-write`, besides the working directory. `--add-dir` adds to them.",
    ),
    Key {
        flag: Some("--network"),
        ..key(
            "sandbox_workspace_write.network_access",
            Kind::Bool,
            Fallback::Bool(false),
            "Whether commands reach the network under `workspace-write`.",
        )
    },
    key(
        "sandbox_workspace_write.exclude_slash_tmp",
        Kind::Bool,
        Fallback::Bool(true),
        "Whether `/tmp`, which all programs share, stays as it is under `workspace-write`. Commands have a temporary folder of \
         their own in `TMPDIR`. (`false` in Codex.)",
    ),
    key(
        "sandbox_workspace_write.exclude_tmpdir_env_var",
        Kind::Bool,
        Fallback::Bool(true),
        "The same for the folder that `TMPDIR` names outside of the sandbox.",
    ),
    key(
        "sandbox.unreadable",
        Kind::Paths,
        Fallback::Depends(
            "the usual places of keys and tokens in the home: `.ssh`, `.aws`, `.gnupg`, `.kube`, `.netrc` and so on",
        ),
        "What commands and file tools cannot read in the sandbox, in place of the default. The data folder never can be.",
    ),
    key(
        "sandbox.hide_dotenv",
        Kind::Bool,
        Fallback::Bool(false),
        "Whether `.env` files in the working directory and the writable roots cannot be read either.",
    ),
    key(
        "sandbox.max_processes",
        Kind::Count(1),
        Fallback::Depends("`1024`"),
        "Processes that one command may have at a time.",
    ),
    key(
        "sandbox.max_memory_percent",
        Kind::Count(1),
        Fallback::Depends("`75`"),
        "The share of the machine's memory that one command may use with all its processes, in percent.",
    ),
    key(
        "sandbox.max_file_mb",
        Kind::Count(1),
        Fallback::Depends("`16384`"),
        "The largest file that a command may write, in MiB.",
    ),
    key(
        "exec_policy_files",
        Kind::Paths,
        Fallback::Texts(&[]),
        "Files with rules for commands, besides those in the folder `rules` of the data folder.",
    ),
    Key {
        flag: Some("--answer-timeout"),
        ..key(
            "answer_timeout_ms",
            Kind::Count(1),
            Fallback::Unset,
            "So many milliseconds a question waits for an answer. Where nothing is said it waits for as long as it takes.",
        )
    },
    key(
        "answer_otherwise",
        Kind::Word(Otherwise::WORDS),
        Fallback::Text("deny"),
        "What counts where nobody answers in time.",
    ),
    Key {
        flag: Some("--search"),
        ..key(
            "web_search",
            Kind::Word(WebSearch::WORDS),
            Fallback::Depends("`live` where `tools.web_search` is `true`, else `disabled`"),
            "Whether the model's provider searches the web for the model, where it can.",
        )
    },
    key(
        "tools.web_search",
        Kind::Bool,
        Fallback::Bool(false),
        "An older way to say `web_search = \"live\"`.",
    ),
    key(
        "model_reasoning_effort",
        Kind::Word(Effort::WORDS),
        Fallback::Unset,
        "How much a reasoning model thinks. Where nothing is said the model decides.",
    ),
    key(
        "model_reasoning_summary",
        Kind::Word(Summary::WORDS),
        Fallback::Unset,
        "How much of its reasoning a model tells. Where nothing is said the model decides.",
    ),
    key(
        "model_context_window",
        Kind::Count(1),
        Fallback::Depends("what is known of the model"),
        "Tokens that fit the window of the model. `models.NAME.context_window` says it of one model only.",
    ),
    key(
        "model_max_output_tokens",
        Kind::Count(1),
        Fallback::Unset,
        "The most tokens that a response may have. Where nothing is said no limit is sent.",
    ),
    key("instructions", Kind::Text, Fallback::Unset, "Takes the place of the built-in instructions."),
    key(
        "model_instructions_file",
        Kind::Path,
        Fallback::Unset,
        "A file that takes the place of the built-in instructions. Goes before `instructions` where one layer sets both.",
    ),
    Key {
        means: Some("model_instructions_file"),
        ..key(
            "experimental_instructions_file",
            Kind::Path,
            Fallback::Unset,
            "An older name of `model_instructions_file`.",
        )
    },
    key(
        "developer_instructions",
        Kind::Text,
        Fallback::Unset,
        "Told to the model beside the built-in instructions.",
    ),
    key(
        "project_doc_max_bytes",
        Kind::Count(0),
        Fallback::Integer(32_768),
        "The most bytes of AGENTS.md files that are told to the model, all files together; 0 tells none.",
    ),
    key(
        "tool_output_token_limit",
        Kind::Count(1),
        Fallback::Integer(8_192),
        "The most tokens of what a command or another tool puts out that are told to the model, at four bytes each; of more the \
         middle is left out.",
    ),
    key(
        "project_doc_fallback_filenames",
        Kind::Texts,
        Fallback::Texts(&["CLAUDE.md"]),
        "Files that are read in a folder without AGENTS.md, the first that is there.",
    ),
    key(
        "shell_environment_policy.inherit",
        Kind::Word(Inherit::WORDS),
        Fallback::Text("all"),
        "What the environment of a command starts from.",
    ),
    key(
        "shell_environment_policy.ignore_default_excludes",
        Kind::Bool,
        Fallback::Bool(false),
        "Whether variables with KEY, SECRET or TOKEN in their names reach commands too. Keys of model providers never do.",
    ),
    key(
        "shell_environment_policy.exclude",
        Kind::Texts,
        Fallback::Texts(&[]),
        "Patterns of variables that are left out; `*` is any text, `?` one letter, capitals do not matter.",
    ),
    key(
        "shell_environment_policy.set.*",
        Kind::Guarded,
        Fallback::Unset,
        "A variable that every command gets with this value.",
    ),
    key(
        "shell_environment_policy.include_only",
        Kind::Texts,
        Fallback::Texts(&[]),
        "Where there is any: only variables that fit one of these patterns are kept.",
    ),
    key(
        "show_raw_agent_reasoning",
        Kind::Bool,
        Fallback::Bool(false),
        "Whether the reasoning itself is shown, where a model tells it.",
    ),
    key(
        "hide_agent_reasoning",
        Kind::Bool,
        Fallback::Bool(false),
        "Whether summaries of the reasoning are hidden.",
    ),
    key(
        "cli_auth_credentials_store",
        Kind::Word(CredentialsStore::WORDS),
        Fallback::Text("file"),
        "Where `everturn login` keeps keys.",
    ),
    Key {
        flag: Some("--power-safe"),
        ..key(
            "durability",
            Kind::Word(Durability::WORDS),
            Fallback::Text("process"),
            "What an acknowledged step survives.",
        )
    },
    Key {
        variables: &[EVERTURN_LOG],
        ..key("log", Kind::Text, Fallback::Unset, "What is logged to standard error, for example `debug`.")
    },
    Key {
        variables: &[EVERTURN_PROFILE],
        flag: Some("--profile"),
        ..key(
            "profile",
            Kind::Text,
            Fallback::Unset,
            "The profile that is used: one of the tables under `profiles`.",
        )
    },
    Key {
        variables: &[OPENAI_BASE_URL],
        means: Some("model_providers.openai.base_url"),
        ..key("openai_base_url", Kind::Url, Fallback::Unset, "Short for `model_providers.openai.base_url`.")
    },
    key(
        "model_providers.*.name",
        Kind::Text,
        Fallback::Depends("the table's name"),
        "How messages call the provider.",
    ),
    key(
        "model_providers.*.base_url",
        Kind::Url,
        Fallback::Unset,
        "Its address, to which `/responses` or `/chat/completions` is added. Built-in providers have one.",
    ),
    key(
        "model_providers.*.wire_api",
        Kind::Word(WireApi::WORDS),
        Fallback::Text("responses"),
        "Which API it speaks. Of the built-in providers only `openai` speaks `responses`.",
    ),
    key(
        "model_providers.*.env_key",
        Kind::Variable,
        Fallback::Unset,
        "The environment variable with the key. A key that `everturn login` keeps is used where the variable is not set.",
    ),
    key(
        "model_providers.*.env_key_instructions",
        Kind::Text,
        Fallback::Unset,
        "How to come by a key; shown where one is missing.",
    ),
    key(
        "model_providers.*.requires_key",
        Kind::Bool,
        Fallback::Depends(
            "`true` where `env_key` is set, `false` for built-in servers and at an address of your own",
        ),
        "Whether a request without a key is not even tried.",
    ),
    key(
        "model_providers.*.requires_openai_auth",
        Kind::Bool,
        Fallback::Bool(false),
        "Codex's way to say that the provider takes the key of OpenAI: `env_key` is then `OPENAI_API_KEY`.",
    ),
    key(
        "model_providers.*.experimental_bearer_token",
        Kind::Secret,
        Fallback::Unset,
        "The key itself. `env_key` or `everturn login` keeps it out of this file.",
    ),
    key("model_providers.*.http_headers.*", Kind::Guarded, Fallback::Unset, "A header of every request."),
    key(
        "model_providers.*.env_http_headers.*",
        Kind::Variable,
        Fallback::Unset,
        "A header of every request, with the value of this environment variable; left out where that is not set.",
    ),
    key(
        "model_providers.*.query_params.*",
        Kind::Guarded,
        Fallback::Unset,
        "A parameter in the address of every request, for example Azure's `api-version`.",
    ),
    key(
        "model_providers.*.request_max_retries",
        Kind::Count(0),
        Fallback::Integer(4),
        "How often a request that failed is made again.",
    ),
    key(
        "model_providers.*.request_retry_base_ms",
        Kind::Count(1),
        Fallback::Integer(200),
        "How long the first of these waits, in milliseconds; each further one waits twice as long.",
    ),
    key(
        "model_providers.*.stream_max_retries",
        Kind::Count(0),
        Fallback::Integer(5),
        "How often a response that broke off is asked for again.",
    ),
    key(
        "model_providers.*.stream_idle_timeout_ms",
        Kind::Count(1),
        Fallback::Integer(300_000),
        "A response has broken off when nothing came for so many milliseconds.",
    ),
    key(
        "model_providers.*.connect_timeout_ms",
        Kind::Count(1),
        Fallback::Integer(10_000),
        "How long a connection may take to be made, in milliseconds.",
    ),
    key(
        "models.*.context_window",
        Kind::Count(1),
        Fallback::Depends("what is known of the model"),
        "Tokens that fit the model's window.",
    ),
    key(
        "models.*.max_output_tokens",
        Kind::Count(1),
        Fallback::Depends("what is known of the model"),
        "The most tokens that the model writes in one response.",
    ),
    key(
        "models.*.parallel_tool_calls",
        Kind::Bool,
        Fallback::Depends("what is known of the model"),
        "Whether it may ask for several calls in one response.",
    ),
    key(
        "models.*.reasoning",
        Kind::Bool,
        Fallback::Depends("what is known of the model"),
        "Whether it takes reasoning parameters.",
    ),
    key(
        "models.*.efforts",
        Kind::Words(Effort::WORDS),
        Fallback::Depends("what is known of the model"),
        "The reasoning efforts that it takes.",
    ),
    key(
        "models.*.freeform_tools",
        Kind::Bool,
        Fallback::Depends("what is known of the model"),
        "Whether it can call tools with plain text in place of JSON.",
    ),
    key(
        "models.*.images",
        Kind::Bool,
        Fallback::Depends("what is known of the model"),
        "Whether it can see images.",
    ),
    key(
        "models.*.price.input",
        Kind::Dollars,
        Fallback::Depends("what is known of the model"),
        "Dollars for a million tokens that it reads.",
    ),
    key(
        "models.*.price.cached_input",
        Kind::Dollars,
        Fallback::Depends("what is known of the model"),
        "Dollars for a million tokens that it reads from its cache.",
    ),
    key(
        "models.*.price.output",
        Kind::Dollars,
        Fallback::Depends("what is known of the model"),
        "Dollars for a million tokens that it writes.",
    ),
];

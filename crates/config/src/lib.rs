//! What a run is configured with, resolved once into plain structs before a command begins.
//!
//! * [`KEYS`] has every key of the configuration: what it takes, its default, what sets it. Checking, the reference
//!   (`docs/config.md`) and the JSON schema come from this one list.
//! * [`load`] reads flags, `-c`, environment, profile and file, and says of each value where it came from.
//! * [`Config`] is what a command works with; [`Environment`] has the one list of variables that are read.
//! * [`Import`] takes over the settings of Codex.
//!
//! Not here: settings of projects and their trust, managed constraints, skills, hooks. Start reading at [`load`].

mod choice;
mod config;
mod credentials;
mod defaults;
mod environment;
mod home;
mod import;
mod instructions;
mod key_path;
mod keys;
mod load;
mod mcp;
mod origin;
mod overrides;
mod problem;
mod project;
mod provenance;
mod providers;
mod read;
mod resolve;
mod settings;
mod surroundings;
mod temporal;
mod value;

pub use choice::{
    Backend, CredentialsStore, DevServerStart, Durability, Inherit, SandboxMode, WebSearch, WireApi, Word,
};
pub use config::{
    AnswerWithin, Config, ModelEntry, PriceEntry, ProviderEntry, Sandbox, SandboxWorkspaceWrite,
    ShellEnvironmentPolicy,
};
pub use credentials::{
    CredentialError, CredentialPlace, CredentialStore, Keyring, KeyringError, system_keyring,
};
pub use environment::{DEFAULT_MODEL, Environment, VARIABLES, Variable};
pub use home::{Home, HomeError};
pub use import::{Existing, Import, ImportError};
pub use instructions::BASE_INSTRUCTIONS;
pub use key_path::KeyPath;
pub use keys::{Blank, Fallback, KEYS, Key, Kind, Lookup, UNSERVED, Unserved, lookup_key};
pub use load::{CONFIG_FILE, Loaded, Sources, load, load_to_look};
pub use mcp::{McpApprovalMode, McpServerEntry, McpTransportEntry};
pub use origin::{Layer, Origin, Place};
pub use overrides::FlagValue;
pub use problem::{Advice, ConfigError, Problem, ProblemKind, SyntaxError};
pub use project::{ProjectInstructions, ProjectLimits, project_instructions};
pub use provenance::{Listing, Provenance};
pub use providers::{BUILT_IN, BuiltIn};
pub use read::Verdict;
pub use settings::Setting;
pub use surroundings::{surroundings, surroundings_at};
pub use temporal::{CodecKeys, Pem, Temporal, TemporalTls};
pub use value::{Secret, Value};

//! What a run is configured with, resolved once into plain structs before a command begins.
//!
//! * [`KEYS`] has every key of the configuration: what it takes, its default, what sets it. Checking, the reference
//!   (`docs/config.md`) and the JSON schema come from this one list.
//! * [`load`] reads flags, `-c`, environment, profile and file, and says of each value where it came from.
//! * [`Config`] is what a command works with; [`Environment`] has the one list of variables that are read.
//! * [`Project`] has the settings of a project, which count once the user trusts it ([`set_trust`]); [`Constraints`] are those
//!   of whoever manages the machine.
//! * [`Skills`], [`CustomPrompts`] and [`PromptHistory`] are found in the folders of the user and of the project.
//! * [`Import`] takes over the settings of Codex.
//!
//! Not here: running hooks (`tools`). Start reading at [`load_at`].

mod choice;
mod config;
mod constraints;
mod credentials;
mod defaults;
mod environment;
mod features;
mod front_matter;
mod history;
mod home;
mod hook_entry;
mod import;
mod instructions;
mod key_path;
mod keys;
mod load;
mod managed;
mod mcp;
mod origin;
mod overrides;
mod problem;
mod project;
mod project_settings;
mod prompts;
mod provenance;
mod providers;
mod read;
mod resolve;
mod settings;
mod skills;
mod surroundings;
mod temporal;
mod trust;
mod value;

pub use choice::{
    Backend, CredentialsStore, DevServerStart, Durability, HistoryPersistence, Inherit, Personality,
    SandboxMode, TrustLevel, WebSearch, WireApi, Word,
};
pub use config::{
    AnswerWithin, Config, HistorySettings, ModeEntry, ModelEntry, PriceEntry, ProviderEntry, Sandbox,
    SandboxWorkspaceWrite, ShellEnvironmentPolicy,
};
pub use constraints::Constraints;
pub use credentials::{
    CredentialError, CredentialPlace, CredentialStore, Keyring, KeyringError, system_keyring,
};
pub use environment::{DEFAULT_MODEL, Environment, VARIABLES, Variable};
pub use features::{FEATURES, Feature, FeatureInfo, Features, Stage};
pub use history::{HistoryError, HistoryMeta, PromptHistory};
pub use home::{Home, HomeError};
pub use hook_entry::{HookCommand, HookEntry};
pub use import::{Existing, Import, ImportError};
pub use instructions::BASE_INSTRUCTIONS;
pub use key_path::KeyPath;
pub use keys::{Blank, Fallback, KEYS, Key, Kind, Lookup, UNSERVED, Unserved, lookup_key};
pub use load::{CONFIG_FILE, Loaded, Site, Sources, load, load_at, load_at_to_look, load_to_look};
pub use managed::MANAGED_FILE;
pub use mcp::{McpApprovalMode, McpServerEntry, McpTransportEntry};
pub use origin::{Layer, Origin, Place};
pub use overrides::FlagValue;
pub use problem::{Advice, ConfigError, Problem, ProblemKind, SyntaxError};
pub use project::{ProjectInstructions, ProjectLimits, project_instructions};
pub use project_settings::{NOT_FOR_PROJECTS, ONLY_AT_THE_ROOT, Project};
pub use prompts::{CustomPrompts, PromptError};
pub use provenance::{Listing, Provenance};
pub use providers::{BUILT_IN, BuiltIn};
pub use read::{HOOK_PHASES, MAX_HOOK_TIMEOUT_MS, Verdict};
pub use settings::Setting;
pub use skills::{SkillPlaces, SkillScope, Skills};
pub use surroundings::{surroundings, surroundings_at};
pub use temporal::{CodecKeys, Pem, Temporal, TemporalTls};
pub use trust::{ProjectTrust, Trust, TrustError, set_trust, trust_of};
pub use value::{Secret, Value};

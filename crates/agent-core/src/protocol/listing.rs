//! What a client can look up: answered in the reply to its op, never part of a thread.

use super::ThreadKey;
use serde::{Deserialize, Serialize};

/// Something to look up, or to keep for later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Query {
    /// Remember a prompt.
    AddToHistory {
        /// Its text.
        text: String,
    },
    /// A remembered prompt.
    HistoryEntry {
        /// Which log.
        log_id: u64,
        /// Which entry, from 0.
        offset: u64,
    },
    /// MCP servers with their tools, resources, templates and auth status.
    McpTools,
    /// Custom prompts.
    CustomPrompts,
    /// Skills.
    Skills,
    /// Models.
    Models,
}

/// A query, with where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The thread.
    pub key: ThreadKey,
    /// What.
    pub query: Query,
}

/// What was looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Listing {
    /// The prompt is remembered.
    Remembered {
        /// In which log.
        log_id: u64,
        /// How many entries it has.
        entries: u64,
    },
    /// A remembered prompt.
    HistoryEntry {
        /// Which log.
        log_id: u64,
        /// Which entry.
        offset: u64,
        /// The entry; `None` where there is none in this log any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<HistoryEntry>,
    },
    /// MCP servers.
    McpTools {
        /// By name.
        servers: Vec<McpServer>,
    },
    /// Custom prompts.
    CustomPrompts {
        /// By name.
        prompts: Vec<PromptInfo>,
    },
    /// Skills.
    Skills {
        /// By name.
        skills: Vec<SkillInfo>,
    },
    /// Models.
    Models {
        /// By name.
        models: Vec<ModelInfo>,
    },
}

/// A remembered prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The thread it was said in.
    pub thread: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The prompt.
    pub text: String,
}

/// An MCP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpServer {
    /// Its name.
    pub name: String,
    /// How it stands: `connected`, `not logged in`, or what is wrong and what helps.
    pub status: String,
    /// How it is authorised: `none`, `bearer token`, `oauth`, `not logged in`.
    pub auth: String,
    /// Its tools.
    pub tools: Vec<Named>,
    /// Its resources, by address.
    pub resources: Vec<Named>,
    /// Its resource templates, by address.
    pub templates: Vec<Named>,
}

/// A name with what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name, or address.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A custom prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptInfo {
    /// Its name, as in `/prompts:name`.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its arguments are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument_hint: Option<String>,
    /// The file it is from.
    pub path: String,
}

/// A skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillInfo {
    /// Its name, as in `$name`.
    pub name: String,
    /// When it is of use.
    pub description: String,
    /// The file it is from.
    pub path: String,
    /// `user`, `repo` or `system`.
    pub scope: String,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name, as its provider knows it.
    pub name: String,
    /// The tokens that fit its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// What is known of it, for people: the provider, the price.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it is the one in use.
    #[serde(default)]
    pub current: bool,
}

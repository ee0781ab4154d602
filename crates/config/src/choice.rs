//! Settings that are one of a few words, and what each word means.

use crate::McpApprovalMode;
use agent_core::{ApprovalPolicy, Effort, HookPhase, Mode, Otherwise, Summary};

/// A word that a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// How it is written.
    pub word: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// What is one of a few words.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// The words.
    const WORDS: &'static [Word];
    /// What they stand for, in the same order.
    const VALUES: &'static [Self];

    /// How it is written; nothing where no word stands for it.
    fn word(&self) -> Option<&'static str> {
        let at = Self::VALUES.iter().position(|known| known == self)?;
        Self::WORDS.get(at).map(|known| known.word)
    }

    /// What a word stands for.
    fn of(word: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|known| known.word == word)?;
        Self::VALUES.get(at).copied()
    }
}

macro_rules! choice {
    ($type:ident { $($word:literal => $variant:ident, $about:literal;)+ }) => {
        impl Choice for $type {
            const WORDS: &'static [Word] = &[$(Word { word: $word, about: $about }),+];
            const VALUES: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

/// What commands and patches may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// Nothing may be changed.
    ReadOnly,
    /// Files below the working directory may be changed.
    WorkspaceWrite,
    /// Everything the user may touch.
    DangerFullAccess,
}

/// Which API a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireApi {
    /// OpenAI's Responses API, `POST {base_url}/responses`.
    Responses,
    /// Chat Completions, `POST {base_url}/chat/completions`.
    Chat,
    /// Anthropic's Messages, `POST {base_url}/messages`.
    Anthropic,
}

/// What the environment of a command starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// Everything this process had.
    All,
    /// Only what a shell needs.
    Core,
    /// Nothing.
    None,
}

/// Where `everturn login` keeps keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsStore {
    /// A file that only its owner can read.
    File,
    /// The keyring of the operating system.
    Keyring,
    /// The keyring where there is one, else the file.
    Auto,
}

/// What a written record survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process.
    Process,
    /// The loss of power as well.
    Power,
}

/// Where threads live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In this process, kept in the data folder.
    Local,
    /// In workflows of a Temporal server.
    Temporal,
}

/// Whether a Temporal server is started where none is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevServerStart {
    /// One for this machine, with its data in the data folder.
    Auto,
    /// None is.
    Never,
}

/// Whether the model's provider searches the web for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSearch {
    /// It does not.
    Disabled,
    /// In what it has read of the web before.
    Cached,
    /// In the web as it is.
    Live,
}

/// Whether prompts are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryPersistence {
    /// All of them.
    #[default]
    SaveAll,
    /// None.
    None,
}

/// A manner of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personality {
    /// The model's own.
    None,
    /// Warm and encouraging.
    Friendly,
    /// Short and to the point.
    Pragmatic,
}

/// What a user said of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustLevel {
    /// Its settings, hooks, skills and prompts count.
    Trusted,
    /// They do not.
    Untrusted,
}

choice!(HistoryPersistence {
    "save-all" => SaveAll, "all are";
    "none" => None, "none is, and what is remembered is not shown";
});

choice!(Personality {
    "friendly" => Friendly, "warm and encouraging";
    "pragmatic" => Pragmatic, "short and to the point";
    "none" => None, "the model's own";
});

choice!(TrustLevel {
    "trusted" => Trusted, "its settings, hooks, skills and prompts count";
    "untrusted" => Untrusted, "they do not, and nobody asks again";
});

choice!(Mode {
    "plan" => Plan, "reads and plans, changes nothing";
    "code" => Code, "does the work";
    "pair" => Pair, "does it in small steps, together with the user";
    "execute" => Execute, "carries out a plan without questions";
});

choice!(HookPhase {
    "session_start" => SessionStart, "before the first turn of a thread, and again after it was shut down and resumed";
    "pre_run" => PreRun, "before a turn that a client asked for";
    "post_run" => PostRun, "after such a turn";
    "pre_turn" => PreTurn, "before every turn, reviews too";
    "post_turn" => PostTurn, "after every turn";
    "pre_tool_use" => PreToolUse, "before a tool call that may run";
    "post_tool_use" => PostToolUse, "after a tool call that ran";
});

choice!(SandboxMode {
    "read-only" => ReadOnly, "nothing may be changed";
    "workspace-write" => WorkspaceWrite, "files below the working directory and the writable roots may be changed";
    "danger-full-access" => DangerFullAccess, "everything the user may touch";
});

choice!(WireApi {
    "responses" => Responses, "OpenAI's Responses API";
    "chat" => Chat, "Chat Completions, which most other servers speak";
    "anthropic" => Anthropic, "Anthropic's Messages";
});

choice!(Inherit {
    "all" => All, "everything that Everturn itself was given";
    "core" => Core, "only what a shell needs: PATH, HOME and the like";
    "none" => None, "nothing";
});

choice!(CredentialsStore {
    "file" => File, "auth.json in the data folder, which only its owner can read";
    "keyring" => Keyring, "the keyring of the operating system";
    "auto" => Auto, "the keyring where there is one, else the file";
});

choice!(Durability {
    "process" => Process, "what is acknowledged survives the death of any process";
    "power" => Power, "it survives a power loss too; every step waits for the disk";
});

choice!(Backend {
    "local" => Local, "in this process, kept in the data folder";
    "temporal" => Temporal, "in workflows of a Temporal server";
});

choice!(DevServerStart {
    "auto" => Auto, "one is started for this machine, with its data in the data folder";
    "never" => Never, "none is started: without an address, localhost:7233 is asked";
});

choice!(WebSearch {
    "live" => Live, "in the web as it is";
    "cached" => Cached, "in pages that the provider has kept";
    "disabled" => Disabled, "it does not";
});

choice!(Otherwise {
    "deny" => Deny, "no, and the turn goes on; a question of the agent gets its own default where it has one";
    "abort" => Abort, "no, and the turn stops";
});

choice!(McpApprovalMode {
    "auto" => Auto, "those that the server does not mark as read-only, unless the sandbox mode allows everything";
    "prompt" => Prompt, "all, also those that only look";
    "approve" => Approve, "none: they run, whatever the sandbox mode says";
});

choice!(ApprovalPolicy {
    "untrusted" => Untrusted, "asks about everything not known to be safe";
    "on-failure" => OnFailure, "asks when something fails in the sandbox";
    "on-request" => OnRequest, "asks about what the sandbox does not allow";
    "never" => Never, "never asks: what would need an answer is refused";
});

choice!(Effort {
    "none" => None, "no reasoning parameter is sent";
    "minimal" => Minimal, "as little as possible";
    "low" => Low, "little";
    "medium" => Medium, "the usual";
    "high" => High, "much";
    "xhigh" => XHigh, "very much; not every model";
    "max" => Max, "as much as there is; not every model";
});

choice!(Summary {
    "none" => None, "no summary";
    "auto" => Auto, "as the provider likes";
    "concise" => Concise, "a few words";
    "detailed" => Detailed, "all there is";
});

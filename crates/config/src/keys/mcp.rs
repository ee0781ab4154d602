//! The keys of MCP servers. They have Codex's names.

use super::{Blank, Fallback, Key, Kind, key};
use crate::{McpApprovalMode, choice::Choice};

/// A key whose string says something.
const fn name(path: &'static str, about: &'static str) -> Key {
    Key { blank: Blank::Refused, ..key(path, Kind::Text, Fallback::Unset, about) }
}

/// Every key of them, in the order of the reference.
pub(super) const MCP: &[Key] = &[
    key(
        "mcp_servers.*.enabled",
        Kind::Bool,
        Fallback::Bool(true),
        "Whether the server is used. `false` keeps its table for later.",
    ),
    name(
        "mcp_servers.*.command",
        "The program of a server that is started here and spoken to through its standard input and output. It runs outside \
         of the sandbox.",
    ),
    key("mcp_servers.*.args", Kind::Texts, Fallback::Unset, "The program's arguments."),
    key(
        "mcp_servers.*.env.*",
        Kind::Guarded,
        Fallback::Unset,
        "A variable that the program gets besides what commands get.",
    ),
    key(
        "mcp_servers.*.env_vars",
        Kind::Texts,
        Fallback::Unset,
        "Variables of this process that the program gets, also where commands do not.",
    ),
    key(
        "mcp_servers.*.cwd",
        Kind::Path,
        Fallback::Text("/"),
        "Where the program runs. It is not the directory of the thread by default: the agent writes there, and programs such as \
         `npx` and `python -m` run what they find where they start.",
    ),
    key(
        "mcp_servers.*.url",
        Kind::Endpoint,
        Fallback::Unset,
        "The address of a server that listens at one (streamable HTTP). In place of `command`.",
    ),
    key(
        "mcp_servers.*.bearer_token_env_var",
        Kind::Variable,
        Fallback::Unset,
        "The environment variable with the token for `url`. Without it, the tokens of `everturn mcp login` are used.",
    ),
    key(
        "mcp_servers.*.http_headers.*",
        Kind::Guarded,
        Fallback::Unset,
        "A header of every request to `url`.",
    ),
    key(
        "mcp_servers.*.env_http_headers.*",
        Kind::Variable,
        Fallback::Unset,
        "A header of every request to `url`, with the value of this environment variable; left out where that is not set.",
    ),
    key(
        "mcp_servers.*.startup_timeout_sec",
        Kind::Count(1),
        Fallback::Integer(10),
        "How long the server may take to start and to list its tools, in seconds.",
    ),
    key(
        "mcp_servers.*.tool_timeout_sec",
        Kind::Count(1),
        Fallback::Integer(60),
        "How long a call may take, in seconds. The time in which the user is asked something does not count.",
    ),
    key(
        "mcp_servers.*.enabled_tools",
        Kind::Texts,
        Fallback::Depends("all"),
        "The tools that are offered, as the server calls them.",
    ),
    key(
        "mcp_servers.*.disabled_tools",
        Kind::Texts,
        Fallback::Unset,
        "Tools that are not offered, also where `enabled_tools` has them.",
    ),
    key(
        "mcp_servers.*.default_tools_approval_mode",
        Kind::Word(McpApprovalMode::WORDS),
        Fallback::Text("auto"),
        "Which calls of the server's tools the user is asked about.",
    ),
    key(
        "mcp_servers.*.tools.*.approval_mode",
        Kind::Word(McpApprovalMode::WORDS),
        Fallback::Depends("`default_tools_approval_mode`"),
        "The same for one tool.",
    ),
    key(
        "mcp_servers.*.scopes",
        Kind::Texts,
        Fallback::Unset,
        "What `everturn mcp login` asks for, where it is not told.",
    ),
];

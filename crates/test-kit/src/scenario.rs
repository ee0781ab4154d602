//! Scenarios: a turn as data (a model script, ops, the expected trace), played on any host of the traits.
//!
//! A scenario is a TOML file:
//!
//! ```toml
//! about = "A denied command is told to the model, and the turn goes on."
//! approval = "on_request"                    # as in `Settings`, optional
//! sandbox = { type = "read_only" }           # as in `Settings`, optional
//! script = '''
//! [[step]]
//! calls = [{ tool = "exec_command", args = { cmd = "echo hi" } }]
//! [[step]]
//! text = "Then not."
//! '''
//! thread = ["turn_started", "exec_approval_request", "interaction_resolved", "turn_completed: final"]
//! items = ["user_message: go", "command_execution: denied", "agent_message: Then not."]
//! decisions = ["refused by scenario"]
//!
//! [[op]]
//! say = "go"
//! [[op]]
//! after = "exec_approval_request"            # waits for this event
//! answer = "denied"                          # answers the question about the last call
//! ```
//!
//! A step does one of: `say`, `answer` (an approval), `told = { ID = ["…"] }` (the agent's questions), `returns = "…"` (a tool
//! of `client_tools`), `reply = { action = "accept", content = {} }` (an MCP server), `op = { type = "interrupt" }`.
//!
//! What a thread runs under besides: `context_window`, `compact_at = { tokens = 500 }`, `mode = "plan"`, `budget = { tool_calls = 1
//! }`, `price`, `undo = "on"`, each as in `Settings`. `[hooks.pre_turn]` is what the hooks of a phase come to, as `Hooked`;
//! `restored = { type = "conflicted", paths = ["a.txt"] }` what taking files back comes to. A host answers with
//! [`ScenarioWorkspace`].
//!
//! Ids and times are left out of the trace, and what happens to different items is not ordered against each other, so
//! that it is the same on every backend. `thread` is everything that is no item, in order; `items` is each item with
//! what became of it, in the order of the conversation; `decisions` is what was decided of each call, and by whom.

mod file;
mod play;
mod trace;
mod workspace;

pub use file::{Scenario, ScenarioError, Step};
pub use play::{PlayError, play};
pub use trace::Trace;
pub use workspace::ScenarioWorkspace;

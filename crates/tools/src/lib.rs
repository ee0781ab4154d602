//! The tools of Everturn: commands and sessions in a sandbox, patches, files, the plan, questions, MCP servers; the exec policy;
//! the ledger of effects; and snapshots of the workspace.
//!
//! [`ToolRegistry`] implements [`agent_core::ToolCallHandler`] on the machine that owns the workspace. Each tool keeps its
//! name, its description for the model and its arguments beside the code that serves it.
//!
//! Not here: deciding whether a call may run (agent-core), the loop, storage.
//!
//! Start reading at `registry.rs`, then `tool.rs` (what a tool is), `command/supervision.rs` (a command from its start to
//! its answer) and `ledger.rs` (what a crash leaves behind). All that depends on the operating system is in `sys`.

mod apply_patch;
mod arguments;
mod collected;
mod command;
mod environment;
mod files;
pub mod hooks;
mod image;
mod kill_point;
mod ledger;
mod lexical;
#[cfg_attr(not(feature = "mcp"), path = "mcp_absent.rs")]
pub mod mcp;
mod output;
pub mod patch;
pub mod policy;
mod registry;
mod request_user_input;
pub mod sandbox;
mod session;
mod shell;
pub mod snapshot;
mod sys;
mod tool;
mod update_plan;

pub use command::{DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS};
pub use environment::{EnvPolicy, Inherit};
pub use image::{Image, ImageError, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PIXELS};
pub use kill_point::kill_point;
pub use ledger::Durability;
pub use registry::{DEFAULT_OUTPUT_BYTES, ToolRegistry, ToolsConfig};
pub use sys::hear_of_children;
pub use tool::BlobWriter;

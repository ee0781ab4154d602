//! What a run is configured with, resolved once into plain structs before a command begins.
//!
//! Not here: profiles, project files and their trust, AGENTS.md, skills, hooks. Flags come before the environment, the
//! environment before defaults. Start reading at [`Environment`], the one list of variables that are read.

mod environment;
mod home;
mod instructions;

pub use environment::{Environment, VARIABLES, Variable};
pub use home::{Home, HomeError};
pub use instructions::{BASE_INSTRUCTIONS, environment_context};

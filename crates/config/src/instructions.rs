//! What the model is told first.

/// The system prompt.
pub const BASE_INSTRUCTIONS: &str = include_str!("instructions.md");

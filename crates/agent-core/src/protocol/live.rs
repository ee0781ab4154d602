//! What is shown while it happens and never needed afterwards.

use super::{ItemId, TurnId};
use serde::{Deserialize, Serialize};

/// A piece of an item in the making. Lost pieces lose nothing: the item comes whole when it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The turn.
    pub turn: TurnId,
    /// The item it will be part of.
    pub item: ItemId,
    /// The attempt it belongs to; pieces of an earlier attempt are void once a later one begins.
    pub attempt: u32,
    /// The piece.
    pub kind: LiveKind,
}

/// Pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "text", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveKind {
    /// Of the agent's message.
    Message(String),
    /// Of the summary of its reasoning.
    Reasoning(String),
    /// Of its raw reasoning.
    RawReasoning(String),
    /// Of a command's output, standard output and error as they came.
    Output(String),
}

//! What a thread asks to be done.

use crate::protocol::{CallId, EffectId, Event, HookPhase, InteractionId, SnapshotMoment};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that touches the world. The input that asks for it is committed before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its number.
    pub id: EffectId,
    /// Counted from 1; an effect that was lost or failed in passing runs again under the same number.
    pub attempt: u32,
    /// What it is.
    pub kind: EffectKind,
}

/// Kinds of effect. All are named from the start, because journals hold them; which of them a host serves is the
/// host's matter, and one that it does not serve ends the turn with a clear error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EffectKind {
    /// Ask the model; the request is made from the thread.
    Model,
    /// Find out what a call is.
    Prepare {
        /// The call.
        call: CallId,
    },
    /// Run a call.
    Tool {
        /// The call.
        call: CallId,
    },
    /// Run a command of the user.
    UserCommand {
        /// Names the run as calls are named.
        call: CallId,
    },
    /// Find out which tools there are.
    Collect,
    /// Run the hooks of a phase.
    Hook {
        /// The phase.
        phase: HookPhase,
        /// The call, around one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
    },
    /// Ask a model for a summary of the conversation.
    Compact,
    /// Take a snapshot of the workspace.
    Snapshot {
        /// When in the turn.
        moment: SnapshotMoment,
    },
    /// Take back what turns made of the workspace.
    Restore,
    /// Wait.
    Timer {
        /// Until when, in milliseconds since the Unix epoch.
        due_ms: u64,
        /// What happens then.
        purpose: TimerPurpose,
    },
    /// Drive a child agent.
    Child {
        /// What is asked of it.
        request: Value,
    },
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimerPurpose {
    /// A broken model response is asked for again.
    BackOff,
    /// What was asked to stop and has not answered is given up.
    Stop,
    /// A question is answered by its default.
    Deadline(InteractionId),
}

/// An effect that has started or is about to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The effect.
    pub effect: Effect,
    /// It was asked to stop and has not answered yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
}

/// A change of what is in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start it.
    Start(Effect),
    /// Stop it; it still answers.
    Cancel(EffectId),
}

/// What applying an input led to. The commands tell the same as the change of [`crate::Thread::running`], from
/// which the driver works.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What clients are told, in order.
    pub events: Vec<Event>,
    /// What is to be started and stopped, in order.
    pub commands: Vec<Command>,
    /// A turn ended or the thread was shut down: a good moment for a snapshot.
    pub settled: bool,
}

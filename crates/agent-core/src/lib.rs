//! The agent loop, free of any runtime: a pure machine ([`Thread`]), a small driver ([`run_thread`]) and the traits
//! through which everything outside reaches them.
//!
//! Not here: I/O, clocks, randomness, tasks, model providers, tools, databases, Temporal. A host brings these as
//! implementations of [`ModelStreamer`], [`ToolCallHandler`], [`EventSink`], [`StorageBackend`], [`Inbox`] and
//! [`Entropy`], and offers its clients an [`AgentSession`].
//!
//! Start reading at [`Thread::apply`] (what is decided), then [`run_thread`] (how it comes about), then the traits.

#![warn(missing_docs)]

mod approval;
mod driver;
mod overview;
mod ports;
mod protocol;
mod redact;
mod thread;
mod time_travel;
mod turn_diff;

#[cfg(feature = "test-util")]
pub mod testing;

pub use approval::{Basis, Decision, decide};
pub use driver::{Exit, RunError, StartUp, ask_model, cross_boundary, run_thread};
pub use overview::{
    ExportFormat, ForkPoint, Overview, PendingInteraction, Progress, Server, ThreadFilter, ThreadHeader,
    ThreadStatus, ThreadSummary, question,
};
pub use ports::*;
pub use protocol::*;
pub use redact::{MIN_SECRET_CHARS, REDACTED, Redactor};
pub use thread::{
    Admission, Answer, ApplyError, Archived, BLOB_THRESHOLD_BYTES, CallView, Command, Discovery, Disorder,
    Effect, EffectKind, Gate, Genesis, Input, ItemView, KeptFiles, MAX_NAME_CHARS, MAX_QUEUED_INPUTS,
    Outcome, RECENT_OPS, RULES, Record, ReplayError, Running, RunningView, SCHEMA_VERSION, Thread,
    ThreadView, TimerPurpose, Told, Undoable, check_history, recover,
};
pub use time_travel::{Again, Obstacle, TimeTravel, Trail, Verified, first_difference};
pub use turn_diff::{FileStat, MAX_TURN_DIFF_BYTES, MAX_TURN_DIFF_NAME_BYTES, TurnDiff};

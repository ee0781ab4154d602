//! [`Thread`]: everything the loop knows, and [`Thread::apply`], which decides everything.
//!
//! `apply` is one function from (state, input) to (state, events, effects). It does no I/O and reads no clock; what
//! differs from run to run comes in the input. So the journal of inputs is the thread: replaying it is recovery, time
//! travel, fork, and the property tests.
//!
//! Start reading at [`Thread::apply`] here; `settle.rs` decides what comes next, `calls.rs` schedules tool calls.

mod admit;
mod approvals;
mod archive;
mod asking;
mod budget;
mod calls;
mod collect;
mod compaction;
mod effect;
mod environment;
mod genesis;
mod history;
mod hooks;
mod input;
mod machine;
mod memory;
mod models;
mod modes;
mod ops;
mod replay;
mod requests;
mod review;
mod rollback;
mod rules;
mod settle;
mod snapshots;
mod turn;
mod user_command;
mod view;

pub use admit::{Admission, Gate, MAX_NAME_CHARS, MAX_QUEUED_INPUTS, RECENT_OPS};
pub use archive::Archived;
pub use effect::{Command, Effect, EffectKind, Outcome, Running, TimerPurpose};
pub use environment::Told;
pub use genesis::{Discovery, Genesis};
pub use history::{Disorder, check_history};
pub use input::{Answer, ApplyError, BLOB_THRESHOLD_BYTES, Input, Record};
pub(crate) use modes::refused_by_plan;
pub use replay::{ReplayError, recover};
pub use rollback::{KeptFiles, Undoable};
pub use view::{CallView, ItemView, RunningView, ThreadView};

use crate::protocol::{
    CallId, EffectId, InteractionId, Item, ModelChoice, OpId, Plan, Settings, Shared, Source, ThreadKey,
    TokenUsage, ToolSpec, TurnId,
};
use budget::Spent;
use machine::Machine;
use memory::Memory;
use rollback::{Mark, Rollback};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use turn::{Queued, Turn};
use user_command::UserCommand;

/// The version of the serialised form. A thread written by a later version is not read.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of the decisions `apply` makes. It is in every record, and a turn keeps to the rules of the record it began
/// with; a later version that decides or orders differently branches on them, so that old journals replay as they were.
pub const RULES: u32 = 4;

/// A conversation and all that is going on in it. Serialised, it is the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The [`RULES`] of the running turn, or of the last one.
    pub rules: u32,
    /// Which thread, and whose.
    pub key: ThreadKey,
    life: Life,
    source: Source,
    name: Option<String>,
    settings: Settings,
    instructions: Shared<String>,
    tools: Shared<Vec<ToolSpec>>,
    #[serde(default, skip_serializing_if = "Discovery::is_fixed")]
    discovery: Discovery,
    /// Names the tools that were collected last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    collected: String,
    epoch: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    archived: Vec<Archived>,
    items: Vec<Shared<Item>>,
    #[serde(default)]
    told: Told,
    plan: Option<Plan>,
    turn: Option<Turn>,
    queue: VecDeque<Queued>,
    running: BTreeMap<EffectId, Running>,
    pending: BTreeMap<InteractionId, CallId>,
    session_approvals: BTreeSet<String>,
    /// What the user runs, by effect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    user_commands: BTreeMap<EffectId, UserCommand>,
    recent_ops: VecDeque<OpId>,
    usage: TokenUsage,
    tool_calls: u64,
    turns: u32,
    input_seq: u64,
    event_seq: u64,
    next_effect: u64,
    next_call: u64,
    next_interaction: u64,
    #[serde(default)]
    memory: Memory,
    #[serde(default)]
    spent: Spent,
    /// The turns that can be taken back, the oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    marks: VecDeque<Mark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollback: Option<Rollback>,
    /// Whom the last request went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_last: Option<ModelChoice>,
    /// What hooks keep with the thread.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    /// The hooks of the session's start have run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_begun: bool,
    /// What was said last of what snapshots do not cover.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept_notes: Vec<String>,
    /// See [`Thread::keep_to`].
    #[serde(skip)]
    kept_rules: Option<u32>,
}

/// Whether a thread takes ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Life {
    /// Nothing was applied yet.
    New,
    Open,
    /// Shut down as soon as no turn runs.
    Closing,
    Closed,
}

impl Thread {
    /// A thread to which nothing has been applied; its first input is [`Input::Opened`].
    pub fn new(key: ThreadKey) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            rules: RULES,
            key,
            life: Life::New,
            source: Source::default(),
            name: None,
            settings: Settings::default(),
            instructions: Shared::default(),
            tools: Shared::default(),
            discovery: Discovery::Fixed,
            collected: String::new(),
            epoch: 0,
            archived: Vec::new(),
            items: Vec::new(),
            told: Told::default(),
            plan: None,
            turn: None,
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            pending: BTreeMap::new(),
            session_approvals: BTreeSet::new(),
            user_commands: BTreeMap::new(),
            recent_ops: VecDeque::new(),
            usage: TokenUsage::default(),
            tool_calls: 0,
            turns: 0,
            input_seq: 0,
            event_seq: 0,
            next_effect: 1,
            next_call: 1,
            next_interaction: 1,
            memory: Memory::default(),
            spent: Spent::default(),
            marks: VecDeque::new(),
            rollback: None,
            asked_last: None,
            metadata: BTreeMap::new(),
            is_begun: false,
            kept_notes: Vec::new(),
            kept_rules: None,
        }
    }

    /// Applies the next input. On an error nothing has changed.
    pub fn apply(&mut self, record: &Record) -> Result<Outcome, ApplyError> {
        self.check_record(record)?;
        self.input_seq = record.seq;
        self.pass_time(record);
        let mut machine = Machine::new(self, record);
        match &record.input {
            Input::Opened(genesis) => machine.open(genesis),
            Input::Resumed => machine.resume(),
            Input::Moved { from, to } => machine.moved(from, to),
            Input::Submitted(submission) => machine.submission(submission),
            Input::Answered { effect, attempt: _, answer } => machine.answered(*effect, answer),
            Input::Lost { effect, attempt: _, evidence } => machine.lost(*effect, evidence.as_ref()),
        }
        machine.settle();
        Ok(machine.finish())
    }

    /// The record that carries `input` as this thread's next.
    pub fn next_record(&self, at_ms: u64, input: Input) -> Record {
        Record { seq: self.input_seq + 1, at_ms, rules: self.kept_rules.unwrap_or(RULES), input }
    }

    /// Makes new records keep to these [`RULES`], which may be older than this build's. For a host that makes its records
    /// again instead of storing them: a workflow, whose run has to go on as it began.
    pub fn keep_to(&mut self, rules: u32) {
        self.kept_rules = Some(rules);
    }

    fn check_record(&self, record: &Record) -> Result<(), ApplyError> {
        if record.seq != self.input_seq + 1 {
            return Err(ApplyError::OutOfOrder { expected: self.input_seq + 1, got: record.seq });
        }
        let fresh = matches!(record.input, Input::Opened(_));
        match (&self.life, &record.input) {
            (Life::New, _) if !fresh => return Err(ApplyError::NotOpened),
            (Life::Open | Life::Closing | Life::Closed, _) if fresh => return Err(ApplyError::AlreadyOpened),
            (_, Input::Submitted(submission)) => match self.admit(submission) {
                Admission::Fresh | Admission::Repeated => {}
                Admission::Refused(refusal) => return Err(ApplyError::Refused(refusal)),
            },
            (_, Input::Answered { effect, attempt, answer }) => {
                let running = self.running_attempt(*effect, *attempt)?;
                if !answer.fits(running) {
                    return Err(ApplyError::WrongAnswer { effect: *effect });
                }
            }
            (_, Input::Lost { effect, attempt, .. }) => {
                self.running_attempt(*effect, *attempt)?;
            }
            (_, Input::Opened(_) | Input::Resumed | Input::Moved { .. }) => {}
        }
        Ok(())
    }

    fn running_attempt(&self, effect: EffectId, attempt: u32) -> Result<&Running, ApplyError> {
        self.running
            .get(&effect)
            .filter(|running| running.effect.attempt == attempt)
            .ok_or(ApplyError::NotRunning { effect, attempt })
    }

    /// What is, or should be, in flight.
    pub fn running(&self) -> impl Iterator<Item = &Running> {
        self.running.values()
    }

    /// Whether this attempt of an effect is, or should be, in flight.
    pub fn awaits(&self, effect: EffectId, attempt: u32) -> bool {
        self.running_attempt(effect, attempt).is_ok()
    }

    /// The ids of the last ops, at most [`RECENT_OPS`], the oldest first.
    pub fn recent_ops(&self) -> impl Iterator<Item = &OpId> {
        self.recent_ops.iter()
    }

    /// The questions that wait for an answer.
    pub fn pending(&self) -> impl Iterator<Item = &InteractionId> {
        self.pending.keys()
    }

    /// The turn that runs, if any.
    pub fn current_turn(&self) -> Option<TurnId> {
        self.turn.as_ref().map(|turn| turn.id)
    }

    /// Whether the running turn is over but for what still has to answer. Nothing is started any more.
    pub fn is_ending(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.ending.is_some())
    }

    /// How many turns there have been, the running one included.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Changes whenever earlier items of the conversation do.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The conversation, but for what was archived.
    pub fn items(&self) -> &[Shared<Item>] {
        &self.items
    }

    /// The tokens spent so far.
    pub fn usage(&self) -> TokenUsage {
        self.usage
    }

    /// What the thread runs under.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The name it was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The number of the last input.
    pub fn input_seq(&self) -> u64 {
        self.input_seq
    }

    /// The number of the last event.
    pub fn event_seq(&self) -> u64 {
        self.event_seq
    }

    /// Whether the thread was shut down and not resumed since.
    pub fn is_closed(&self) -> bool {
        self.life == Life::Closed
    }

    /// Whether nothing is under way: no turn runs or waits, nothing runs for the user, nothing is being taken back.
    pub fn is_at_rest(&self) -> bool {
        self.turn.is_none()
            && self.queue.is_empty()
            && self.user_commands.is_empty()
            && self.rollback.is_none()
    }

    /// Whether nothing has been applied yet.
    pub fn is_new(&self) -> bool {
        self.life == Life::New
    }
}

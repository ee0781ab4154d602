//! Threads that come from elsewhere, and threads that go there. A thread keeps its id, and lives in one place at a time.

use super::{
    TemporalBackend, TemporalError,
    beginning::{Beginning, Begun, Cause},
    catalogue::departed,
    line::{Line, once},
    past,
    start::{json_bytes, unreadable},
};
use crate::{
    AgentWorkflow,
    blobs::Need,
    wire::{
        Arrival, Carry, Departed, Departure, DepartureReply, MAX_START_BYTES, PAGE_BYTES, PastPart, RunFrom,
        RunInput,
    },
    workflow::book_of,
};
use agent_core::{BlobKeeper, Commit, RunError, Thread, ThreadKey};
use std::{collections::VecDeque, time::Duration};
use temporalio_client::{WorkflowExecuteUpdateOptions, WorkflowExecutionStatus};
use tokio::time::Instant;

/// A worker that works answers far sooner.
const PATIENCE: Duration = Duration::from_secs(15);
/// A run that is about to end is asked again so much later.
const PAUSE: Duration = Duration::from_millis(50);

/// A thread that comes from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Moving {
    /// The thread, at rest.
    pub thread: Thread,
    /// All it has committed, from its first record on.
    pub past: Vec<Commit>,
    /// Where it comes from, in words.
    pub from: String,
    /// Names the move: the same move twice is one.
    pub move_id: String,
}

/// Whether a thread lives here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stay {
    /// There is no such thread, or the server keeps it no more.
    Unknown,
    /// It does, open or shut down.
    Here {
        /// The move it came with, if it came from elsewhere.
        move_id: Option<String>,
    },
    /// It did.
    MovedAway {
        /// Where it lives, in words.
        to: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
    },
}

impl TemporalBackend {
    /// Whether a thread lives here. No worker is needed.
    ///
    /// # Errors
    /// The server does not say, or what it has cannot be read.
    pub async fn stay(&self, key: &ThreadKey) -> Result<Stay, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        match self.found(&line).await {
            Err(TemporalError::UnknownThread { .. }) => Ok(Stay::Unknown),
            Err(error) => Err(error),
            Ok(found) => Ok(match departed(&line.client, &found).await {
                Some(Departed { to, since_ms }) => Stay::MovedAway { to, since_ms },
                None => Stay::Here { move_id: move_id(&line).await? },
            }),
        }
    }

    /// Takes a thread in that lived elsewhere. `Ok` means that the server has it, durably. Its first record here says that it
    /// has moved, and its numbers go on. What it committed before is kept as blobs, so that readers see all of it.
    ///
    /// The same move again does nothing.
    ///
    /// # Errors
    /// [`TemporalError::Exists`] where such a thread lives here that did not come with this move,
    /// [`TemporalError::MovedAway`] where it came with this move and has left again, [`TemporalError::NotAtRest`] where
    /// something is under way in it, [`TemporalError::Unreadable`] where the past is not that of the thread.
    pub async fn take_in(&self, moving: Moving) -> Result<(), TemporalError> {
        let Moving { thread, past, from, move_id } = moving;
        let key = thread.key.clone();
        let line = Line::new(&self.shared.client, &key);
        if self.has_come(&line, &move_id).await? {
            return Ok(());
        }
        if !thread.is_at_rest() || thread.is_closed() {
            return Err(TemporalError::NotAtRest { id: key.thread.to_string() });
        }
        is_past_of(&thread, &past)?;
        // What this process knows to be secret may not have been when it was said.
        let mut thread = self.shared.redactor.scrub_value(thread).map_err(RunError::from)?;
        let past = past.into_iter().map(|commit| self.shared.redactor.scrub_value(commit));
        let past: Vec<Commit> = past.collect::<Result<_, _>>().map_err(RunError::from)?;
        let book = book_of(&past);
        let overview = book.overview.clone();
        let past = self.keep_past(&past).await?;
        self.shared.blobs.need(&key, past.iter().map(|part| &part.blob), Need::Origin)?;
        let to = self.shared.durability.clone();
        let arrival = Arrival { from, to, move_id: move_id.clone(), past };
        self.make_fit(&mut thread, json_bytes(&(&book, &arrival))?).await?;
        let model = thread.settings().model.clone();
        let inbox = VecDeque::new();
        let carry = Carry { thread, inbox, book, runs: 1, arrival: Some(Box::new(arrival)) };
        let from = RunFrom::Moved { carry: Box::new(carry) };
        let input = RunInput { key, from, options: self.shared.run.clone() };
        let queue = self.shared.queue.clone();
        let beginning = Beginning { input, overview, model, queue, cause: Cause::Moves(move_id.clone()) };
        match beginning.start(&line).await? {
            Begun::Now => Ok(()),
            Begun::Already if self.has_come(&line, &move_id).await? => Ok(()),
            Begun::Already => Err(TemporalError::Exists { id: line.key.thread.to_string() }),
        }
    }

    /// Whether the thread has come with this move.
    async fn has_come(&self, line: &Line, move_id: &str) -> Result<bool, TemporalError> {
        match self.stay(&line.key).await? {
            Stay::Unknown => Ok(false),
            Stay::Here { move_id: Some(known) } if known == move_id => Ok(true),
            Stay::Here { .. } => Err(TemporalError::Exists { id: line.key.thread.to_string() }),
            Stay::MovedAway { to, since_ms } => match self::move_id(line).await? {
                Some(known) if known == move_id => {
                    Err(TemporalError::MovedAway { id: line.key.thread.to_string(), to, since_ms })
                }
                _ => Ok(false),
            },
        }
    }

    /// Keeps a past as blobs. A past that begins as another one shares its blobs.
    async fn keep_past(&self, past: &[Commit]) -> Result<Vec<PastPart>, TemporalError> {
        let mut parts = Vec::new();
        let mut json = String::new();
        let mut last_event = 0;
        for (at, commit) in past.iter().enumerate() {
            json.push(if json.is_empty() { '[' } else { ',' });
            json.push_str(&serde_json::to_string(commit).map_err(unreadable)?);
            last_event = commit.events.last().map_or(last_event, |event| event.seq);
            if json.len() >= PAGE_BYTES || at + 1 == past.len() {
                json.push(']');
                let blob = self.shared.blobs.keep(json.as_bytes()).await?;
                parts.push(PastPart { last_event, blob });
                json.clear();
            }
        }
        Ok(parts)
    }

    /// Makes a thread fit the start of a workflow, with so much beside it.
    async fn make_fit(&self, thread: &mut Thread, beside: usize) -> Result<(), TemporalError> {
        if json_bytes(thread)? + beside <= MAX_START_BYTES {
            return Ok(());
        }
        let items = thread.archivable();
        let (count, json) = (items.len(), serde_json::to_vec(items).map_err(unreadable)?);
        let blob = self.shared.blobs.archive(&thread.key, &json)?;
        thread.archive(blob, count);
        let bytes = json_bytes(thread)? + beside;
        if bytes > MAX_START_BYTES {
            return Err(TemporalError::TooLarge { bytes, limit: MAX_START_BYTES });
        }
        Ok(())
    }

    /// Ends a thread here because it goes on elsewhere: if it rests and this is its last input. It takes no ops any more, and
    /// cannot be resumed. It takes a worker. The same again does nothing.
    ///
    /// # Errors
    /// [`TemporalError::NotAtRest`] also where it is shut down, [`TemporalError::StaleRecord`] where it has gone on,
    /// [`TemporalError::MovedAway`] where it has gone to another place, [`TemporalError::NoWorker`] where nobody answers: it may
    /// have left then, or not; [`TemporalBackend::stay`] tells.
    pub async fn depart(&self, key: &ThreadKey, input_seq: u64, to: &str) -> Result<(), TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let id = || key.thread.to_string();
        let departure = Departure { input_seq, to: to.to_owned() };
        let deadline = Instant::now() + PATIENCE;
        let mut has_left = false;
        loop {
            let found = self.found(&line).await?;
            match departed(&line.client, &found).await {
                Some(departed) if departed.to == to => return Ok(()),
                Some(Departed { to, since_ms }) => {
                    return Err(TemporalError::MovedAway { id: id(), to, since_ms });
                }
                None if found.status() == WorkflowExecutionStatus::Completed => {
                    return Err(TemporalError::NotAtRest { id: id() });
                }
                None => {}
            }
            let mut why = "its run is about to end".to_owned();
            if !has_left {
                match ask_to_depart(&line, found.run_id(), &departure).await {
                    Ok(DepartureReply::Departed { departed }) if departed.to == to => has_left = true,
                    Ok(DepartureReply::Departed { .. } | DepartureReply::Again) => {}
                    Ok(DepartureReply::NotAtRest) => return Err(TemporalError::NotAtRest { id: id() }),
                    Ok(DepartureReply::Stale { input_seq: found }) => {
                        return Err(TemporalError::StaleRecord { id: id(), wanted: input_seq, found });
                    }
                    // The run may have ended with it, or before it.
                    Err(error) => why = error,
                }
            }
            if Instant::now() >= deadline {
                // What the server still has to be told changes nothing for the thread.
                let message = format!("nobody answers for thread {}: {why}", key.thread);
                return if has_left { Ok(()) } else { Err(TemporalError::NoWorker { message }) };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The SDK goes on asking for as long as no worker takes the update up, so the wait is bounded here.
async fn ask_to_depart(line: &Line, run: &str, departure: &Departure) -> Result<DepartureReply, String> {
    let options = WorkflowExecuteUpdateOptions::builder().rpc_options(once(PATIENCE)).build();
    let handle = line.handle(Some(run));
    let asked = handle.execute_update(AgentWorkflow::depart, departure.clone(), options);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("its worker has not answered within {} s", PATIENCE.as_secs())),
    }
}

/// The move that a thread came with.
async fn move_id(line: &Line) -> Result<Option<String>, TemporalError> {
    Ok(match past::beginning(line).await? {
        RunFrom::New { .. } => None,
        RunFrom::Carried { carry } | RunFrom::Moved { carry } => carry.arrival.map(|arrival| arrival.move_id),
    })
}

/// Whether a thread is what its past says.
fn is_past_of(thread: &Thread, past: &[Commit]) -> Result<(), TemporalError> {
    let records = past.iter().zip(1..).all(|(commit, seq)| commit.record.seq == seq);
    let last_event = past.iter().rev().find_map(|commit| commit.events.last()).map_or(0, |event| event.seq);
    if records && past.len() as u64 == thread.input_seq() && last_event == thread.event_seq() {
        return Ok(());
    }
    let message = format!(
        "the past of thread {} has {} records and {last_event} events, and the thread {} and {}",
        thread.key.thread,
        past.len(),
        thread.input_seq(),
        thread.event_seq()
    );
    Err(TemporalError::Unreadable { message })
}

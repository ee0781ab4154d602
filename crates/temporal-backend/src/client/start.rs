//! New threads, and threads that were shut down.

use super::{
    TemporalBackend, TemporalError, TemporalSession, Until,
    attendance::no_worker,
    beginning::{Beginning, Begun, Cause},
    line::{Line, Trouble},
};
use crate::{
    AgentWorkflow,
    blobs::Need,
    wire::{Carry, MAX_START_BYTES, RunFrom, RunInput},
};
use agent_core::{
    Archived, BlobKeeper, Genesis, Input, Item, Overview, RULES, Record, Settings, Shared, Tenant, Thread,
    ThreadId, ThreadKey, cross_boundary,
};
use std::time::{SystemTime, UNIX_EPOCH};
use temporalio_client::WorkflowExecutionStatus;
use uuid::Uuid;

/// Room for naming what was archived.
const ARCHIVED_BYTES: usize = 256;

impl TemporalBackend {
    /// Starts a new thread on this backend's queue. `Ok` means that the server has it, durably; a worker takes it up, now or
    /// when there is one, and then it has its first event.
    ///
    /// Secrets are taken out of what it begins with. What does not fit the start of a workflow is kept as a blob, the oldest
    /// items first; readers are not shown those.
    ///
    /// # Errors
    /// [`TemporalError::TooLarge`] where it does not fit without its items either, [`TemporalError::ServerAway`] and
    /// [`TemporalError::Refused`] by the server. After `ServerAway` the thread may exist or not.
    pub async fn start(&self, tenant: Tenant, genesis: Genesis) -> Result<TemporalSession, TemporalError> {
        let key = ThreadKey { tenant, thread: ThreadId::new(Uuid::now_v7().to_string()) };
        let line = Line::new(&self.shared.client, &key);
        let genesis = Genesis { durability: self.shared.durability.clone(), ..genesis };
        let crossed =
            cross_boundary(Input::Opened(Box::new(genesis)), &self.shared.redactor, &*self.shared.blobs);
        let Input::Opened(genesis) = crossed.await? else {
            return Err(TemporalError::Refused { message: "a thread begins with its genesis".into() });
        };
        let settings = genesis.settings.clone();
        let input =
            RunInput { key: key.clone(), from: RunFrom::New { genesis }, options: self.shared.run.clone() };
        let input = fit(input, &*self.shared.blobs).await?;
        if let RunFrom::New { genesis } = &input.from {
            let blobs = genesis.archived.iter().map(|part| &part.blob);
            self.shared.blobs.need(&key, blobs, Need::Origin)?;
        }
        let beginning = Beginning {
            overview: first_look(&input)?,
            input,
            model: settings.model.clone(),
            queue: self.shared.queue.clone(),
            cause: Cause::New,
        };
        beginning.start(&line).await?;
        Ok(self.session(line, self.shared.queue.clone(), Until::Shutdown, Some(settings)))
    }

    /// Sees to it that a thread has a run that is open. One that is open already is left as it is; one that was shut down
    /// goes on in a new run, on its own queue. It takes a worker to look at the old one.
    ///
    /// Two who do this at once open the thread once.
    ///
    /// # Errors
    /// [`TemporalError::Ended`] where the workflow was terminated or has failed, [`TemporalError::NoWorker`] where nobody
    /// answers for the thread.
    pub async fn resume(&self, key: &ThreadKey) -> Result<TemporalSession, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let found = self.here(&line).await?;
        if found.status() == WorkflowExecutionStatus::Completed {
            self.open_again(&line, found.run_id(), found.task_queue()).await?;
        } else if let Some(how) = ending(found.status()) {
            let (id, workflow) = (key.thread.to_string(), line.workflow.clone());
            return Err(TemporalError::Ended { id, how, workflow });
        }
        let settings = self.settings(key).await?;
        Ok(self.session(line, found.task_queue().to_owned(), Until::Shutdown, Some(settings)))
    }

    async fn open_again(&self, line: &Line, run: &str, queue: &str) -> Result<(), TemporalError> {
        let carry = self.left_by(line, run, queue).await?;
        let settings: &Settings = carry.thread.settings();
        let beginning = Beginning {
            overview: carry.book.overview.clone(),
            model: settings.model.clone(),
            queue: queue.to_owned(),
            cause: Cause::Resumes(run.to_owned()),
            input: RunInput {
                key: line.key.clone(),
                from: RunFrom::Carried { carry: Box::new(carry) },
                options: self.shared.run.clone(),
            },
        };
        match beginning.start(line).await? {
            // Somebody else was quicker.
            Begun::Now | Begun::Already => Ok(()),
        }
    }

    /// What a run left of its thread when it was shut down.
    pub(super) async fn left_by(&self, line: &Line, run: &str, queue: &str) -> Result<Carry, TemporalError> {
        let mut text = String::new();
        loop {
            let part = line.query(Some(run), AgentWorkflow::snapshot, text.len() as u64).await;
            let part = match part {
                Ok(part) => part,
                Err(Trouble::Late) => {
                    let attended = self.shared.attendance.of(queue).await;
                    return Err(TemporalError::NoWorker { message: no_worker(queue, &attended) });
                }
                Err(trouble) => return Err(line.error(trouble)),
            };
            let ended = part.text.is_empty() || (text.len() + part.text.len()) as u64 >= part.total;
            text.push_str(&part.text);
            if ended {
                let carry: Option<Carry> = serde_json::from_str(&text)
                    .map_err(|error| TemporalError::Unreadable { message: error.to_string() })?;
                return carry.ok_or_else(|| TemporalError::Unreadable {
                    message: format!("run {run} has not come to a moment at which no turn ran"),
                });
            }
        }
    }
}

/// How a workflow ended that cannot go on.
pub(super) fn ending(status: WorkflowExecutionStatus) -> Option<&'static str> {
    match status {
        WorkflowExecutionStatus::Failed => Some("has failed"),
        WorkflowExecutionStatus::Canceled => Some("was cancelled"),
        WorkflowExecutionStatus::Terminated => Some("was terminated"),
        WorkflowExecutionStatus::TimedOut => Some("has run into its time limit"),
        _ => None,
    }
}

/// What lists show of a thread that begins so.
fn first_look(input: &RunInput) -> Result<Overview, TemporalError> {
    let mut overview = Overview::default();
    if let RunFrom::New { genesis } = &input.from {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let record = Record { seq: 1, at_ms, rules: RULES, input: Input::Opened(genesis.clone()) };
        let outcome = Thread::new(input.key.clone()).apply(&record)?;
        overview.follow(&record, &outcome.events);
    }
    Ok(overview)
}

/// Makes the beginning of a thread fit the start of a workflow.
async fn fit<K: BlobKeeper + ?Sized>(mut input: RunInput, blobs: &K) -> Result<RunInput, TemporalError> {
    let bytes = json_bytes(&input)?;
    let RunFrom::New { genesis } = &mut input.from else { return Ok(input) };
    if bytes <= MAX_START_BYTES {
        return Ok(input);
    }
    let sizes: Vec<usize> = genesis.items.iter().map(json_bytes).collect::<Result<_, _>>()?;
    let beside = bytes.saturating_sub(sizes.iter().sum()) + ARCHIVED_BYTES;
    if beside > MAX_START_BYTES {
        return Err(TemporalError::TooLarge { bytes: beside, limit: MAX_START_BYTES });
    }
    let cut = cut(&genesis.items, &sizes, MAX_START_BYTES - beside);
    let archived: Vec<Shared<Item>> = genesis.items.drain(..cut).collect();
    let json = serde_json::to_vec(&archived).map_err(unreadable)?;
    let blob = blobs.keep(&json).await?;
    genesis.archived.push(Archived { items: cut as u64, blob });
    Ok(input)
}

/// How many of the first items are to go so that the others have at most so many bytes. What the user said stays with what
/// came of it.
fn cut(items: &[Shared<Item>], sizes: &[usize], room: usize) -> usize {
    let mut bytes = 0;
    let fitting = sizes.iter().rev().take_while(|size| {
        bytes += *size + 1;
        bytes <= room
    });
    let least = items.len() - fitting.count();
    let user = items[least..].iter().position(|item| matches!(**item, Item::User { .. }));
    user.map_or(items.len(), |further| least + further)
}

pub(super) fn json_bytes(value: &impl serde::Serialize) -> Result<usize, TemporalError> {
    Ok(serde_json::to_string(value).map_err(unreadable)?.len())
}

pub(super) fn unreadable(error: serde_json::Error) -> TemporalError {
    TemporalError::Unreadable { message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::Content;

    fn user(text: &str) -> Shared<Item> {
        Shared::new(Item::User { content: vec![Content::text(text)] })
    }

    fn agent() -> Shared<Item> {
        Shared::new(Item::Agent { text: "yes".into(), cut: false })
    }

    #[test]
    fn the_newest_items_that_fit_stay_from_what_the_user_said_on() {
        let items = [user("a"), agent(), user("b"), agent(), user("c"), agent()];
        let sizes = [10; 6];
        let table = [(100, 0), (66, 0), (65, 2), (44, 2), (43, 4), (22, 4), (21, 6), (0, 6)];
        for (room, gone) in table {
            assert_eq!(cut(&items, &sizes, room), gone, "{room}");
        }
    }
}

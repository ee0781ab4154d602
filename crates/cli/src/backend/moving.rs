//! Moves a thread between the local backend and Temporal.
//!
//! The order is: fence or close it in the old home, only then let it live in the new one. Each step leaves a state from which
//! the same command goes on, whoever dies when: `everturn move` looks first what both homes say. The new home has the whole
//! past before the old one lets go.

use super::temporal::OnTemporal;
use crate::{
    backend::fresh_op_id,
    exit::{Exit, Failure},
};
use agent_core::{BlobId, BlobSource, Commit, Entropy, Settings, ThreadKey, ThreadStatus};
use local_backend::{Away, LocalBackend, LocalError, Mover, SystemEntropy};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path, time::Duration};
use temporal_backend::{Moving, Stay, TemporalError};
use tools::kill_point;

/// A thread that goes on while it is copied is copied again so often.
const MAX_COPIES: usize = 3;
/// A worker takes a thread up within this time.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether one did.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a move came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It lives there now.
    Now,
    /// It lived there already.
    Before,
    /// A move that was cut off was finished.
    Finished,
    /// A move that was cut off was taken back: the other home never had it.
    TakenBack,
}

/// Takes a thread from this data folder to Temporal.
pub(crate) async fn move_to_temporal(
    local: &LocalBackend,
    temporal: &OnTemporal,
    key: &ThreadKey,
) -> Result<Moved, Failure> {
    let mut mover = match Mover::of(local.database(), key).await {
        Ok(mover) => mover,
        Err(LocalError::UnknownThread { .. }) => return there_already(temporal, key).await,
        Err(error) => return Err(error.into()),
    };
    let to = &there(temporal);
    let done = match mover.away().cloned() {
        None => {
            if let Stay::Here { .. } = temporal.threads.stay(key).await? {
                return Err(doubled(key));
            }
            somebody_serves(temporal).await?;
            let thread = mover.open_again(now_ms()).await?;
            copy_blobs_out(local, temporal, &mover).await?;
            let move_id = fresh_op_id().to_string();
            mover.leave(&thread, to, &move_id, now_ms()).await?;
            kill_point("move.leaving");
            hand_over(local, temporal, &mut mover, move_id).await?;
            Moved::Now
        }
        Some(Away::Leaving { move_id, .. }) => {
            copy_blobs_out(local, temporal, &mover).await?;
            hand_over(local, temporal, &mut mover, move_id).await?;
            Moved::Finished
        }
        Some(Away::Gone { .. }) => return there_already(temporal, key).await,
        Some(Away::Arriving { .. }) => match temporal.threads.stay(key).await? {
            // A move to here that came to nothing.
            Stay::Here { .. } => {
                mover.lives_in(to, now_ms()).await?;
                Moved::TakenBack
            }
            Stay::MovedAway { .. } => {
                mover.live(to, now_ms()).await?;
                drop(mover);
                return Box::pin(move_to_temporal(local, temporal, key)).await;
            }
            Stay::Unknown => return Err(lost(key)),
        },
    };
    drop(mover);
    taken_up(temporal, key).await?;
    Ok(done)
}

/// Takes a thread from Temporal to this data folder.
pub(crate) async fn move_to_local(
    local: &LocalBackend,
    temporal: &OnTemporal,
    key: &ThreadKey,
) -> Result<Moved, Failure> {
    let from = &there(temporal);
    let mut mover = match Mover::of(local.database(), key).await {
        Ok(mover) => Some(mover),
        Err(LocalError::UnknownThread { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let stay = temporal.threads.stay(key).await?;
    let away = mover.as_ref().map(|mover| mover.away().cloned());
    match (away, &stay) {
        (None | Some(Some(Away::Gone { .. } | Away::Arriving { .. })), Stay::Here { .. }) => {}
        // It has arrived there, and the process died before it could say so here.
        (Some(Some(Away::Leaving { move_id, .. })), Stay::Here { move_id: Some(known) })
            if move_id == *known =>
        {
            if let Some(mover) = &mut mover {
                mover.gone().await?;
            }
        }
        (Some(Some(Away::Leaving { .. })), Stay::Unknown | Stay::MovedAway { .. }) => {
            if let Some(mover) = &mut mover {
                mover.stay().await?;
            }
            return Ok(Moved::TakenBack);
        }
        (Some(Some(Away::Arriving { .. })), Stay::MovedAway { .. }) => {
            if let Some(mover) = &mut mover {
                mover.live(from, now_ms()).await?;
            }
            return Ok(Moved::Finished);
        }
        (Some(None), Stay::Unknown | Stay::MovedAway { .. }) => return Ok(Moved::Before),
        (Some(None | Some(Away::Leaving { .. })), Stay::Here { .. }) => return Err(doubled(key)),
        (None, Stay::Unknown) => return Err(Failure::usage(format!("there is no thread {}", key.thread))),
        (None | Some(Some(Away::Gone { .. })), Stay::MovedAway { to, .. }) => {
            let why =
                format!("thread {} lives neither here nor on Temporal: it was moved to {to}", key.thread);
            return Err(Failure::new(Exit::Failed, why));
        }
        (Some(Some(Away::Gone { .. } | Away::Arriving { .. })), Stay::Unknown) => return Err(lost(key)),
    }
    // A second one would wait for the lease of the first.
    drop(mover);
    bring_here(local, temporal, key).await
}

async fn bring_here(local: &LocalBackend, temporal: &OnTemporal, key: &ThreadKey) -> Result<Moved, Failure> {
    use super::Backend;
    let from = there(temporal);
    // It takes a worker, and a thread that was shut down is opened.
    drop(temporal.resume(key).await?);
    works_here(&temporal.threads.settings(key).await?)?;
    let status = temporal.threads.get(key).await?.status;
    if matches!(status, ThreadStatus::Running | ThreadStatus::Waiting) {
        return Err(under_way(key));
    }
    let mut mover = Mover::to_here(local.database(), key, &from, now_ms()).await?;
    let to = here(local);
    for _ in 0..MAX_COPIES {
        let commits = temporal.threads.commits(key).await?;
        copy_blobs_in(temporal, &mover, &commits).await?;
        let thread = mover.copy(&commits, &from, now_ms()).await?;
        if !thread.is_at_rest() {
            return Err(under_way(key));
        }
        kill_point("move.copied");
        match temporal.threads.depart(key, thread.input_seq(), &to).await {
            Ok(()) => {
                kill_point("move.departed");
                mover.live(&from, now_ms()).await?;
                return Ok(Moved::Now);
            }
            Err(TemporalError::StaleRecord { .. }) => {}
            Err(TemporalError::NotAtRest { .. }) => return Err(under_way(key)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(under_way(key))
}

/// Gives a thread that has left to Temporal.
async fn hand_over(
    local: &LocalBackend,
    temporal: &OnTemporal,
    mover: &mut Mover,
    move_id: String,
) -> Result<(), Failure> {
    let from = here(local);
    let thread = mover.thread().await?;
    let past = mover.reader().commits().await.map_err(LocalError::from)?;
    match temporal.threads.take_in(Moving { thread, past, from, move_id }).await {
        // It came with this move, and has gone on from there since.
        Ok(()) | Err(TemporalError::MovedAway { .. }) => {
            kill_point("move.taken_in");
            Ok(mover.gone().await?)
        }
        // Whether the server has it is not known: the move stays open.
        Err(error @ (TemporalError::ServerAway { .. } | TemporalError::NoWorker { .. })) => {
            let failure = Failure::from(error);
            let message = format!(
                "{}; whether the thread has arrived is not known: say everturn move again, it goes on from there",
                failure.message
            );
            Err(Failure { message, ..failure })
        }
        Err(error) => {
            mover.stay().await?;
            Err(error.into())
        }
    }
}

/// The queue of this data folder is served by whoever uses it. Another one needs a worker before a thread goes there.
async fn somebody_serves(temporal: &OnTemporal) -> Result<(), Failure> {
    let queue = &temporal.site.queue;
    if temporal.site.owns_queue || temporal.threads.is_polled(queue).await {
        return Ok(());
    }
    let why = format!(
        "the thread stays here: no worker polls the queue {queue}; start everturn worker --queue {queue} where the \
         thread's files are, then say everturn move again"
    );
    Err(Failure::new(Exit::Backend, why))
}

async fn there_already(temporal: &OnTemporal, key: &ThreadKey) -> Result<Moved, Failure> {
    match temporal.threads.stay(key).await? {
        Stay::Here { .. } => Ok(Moved::Before),
        Stay::MovedAway { to, .. } => Err(Failure::new(
            Exit::Failed,
            format!("thread {} lives neither here nor on Temporal: it was moved to {to}", key.thread),
        )),
        Stay::Unknown => Err(Failure::usage(format!("there is no thread {}", key.thread))),
    }
}

/// Waits until a worker has taken the thread up. It lives there in any case.
async fn taken_up(temporal: &OnTemporal, key: &ThreadKey) -> Result<(), Failure> {
    use super::Backend;
    let begun = async {
        drop(temporal.resume(key).await?);
        while !temporal.threads.is_served(key).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok::<_, Failure>(())
    };
    match tokio::time::timeout(TAKEN_UP_WITHIN, begun).await {
        Ok(done) => done,
        Err(_) => {
            crate::output::warn("the thread is on Temporal, but no worker has taken it up yet");
            Ok(())
        }
    }
}

async fn copy_blobs_out(local: &LocalBackend, temporal: &OnTemporal, mover: &Mover) -> Result<(), Failure> {
    let blobs = local.database().blobs(&mover.reader().key().tenant);
    for id in mover.reader().blob_ids().await.map_err(LocalError::from)? {
        if let Some(bytes) = blobs.blob(&id).await.map_err(LocalError::from)? {
            temporal.threads.put_blob(&bytes).await.map_err(LocalError::from)?;
        }
    }
    Ok(())
}

async fn copy_blobs_in(temporal: &OnTemporal, mover: &Mover, commits: &[Commit]) -> Result<(), Failure> {
    let mut ids = BTreeSet::new();
    for commit in commits {
        let record = serde_json::to_value(&commit.record).map_err(|error| Failure::backend(&error))?;
        blobs_in(&record, &mut ids);
    }
    for id in ids {
        let source: &dyn BlobSource = &*temporal.site.services.blobs;
        if let Some(bytes) = source.blob(&id).await.map_err(LocalError::from)? {
            mover.put_blob(&bytes).await?;
        }
    }
    Ok(())
}

/// The blobs that a value refers to: objects with an id, a number of bytes and a media type.
fn blobs_in(value: &Value, ids: &mut BTreeSet<BlobId>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("media_type")
                && fields.contains_key("bytes")
                && let Some(id) = fields.get("id")
            {
                ids.extend(serde_json::from_value::<BlobId>(id.clone()).ok());
            }
            fields.values().for_each(|value| blobs_in(value, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| blobs_in(value, ids)),
        _ => {}
    }
}

/// A thread is served where its workspace is.
fn works_here(settings: &Settings) -> Result<(), Failure> {
    if Path::new(&settings.cwd).is_dir() {
        return Ok(());
    }
    let why =
        format!("it works in {}, which is no folder of this machine: move it where that is", settings.cwd);
    Err(Failure::new(Exit::Failed, why))
}

/// The two homes in words.
fn here(local: &LocalBackend) -> String {
    let database = local.database().path();
    format!("the data folder {}", database.parent().unwrap_or(&database).display())
}

fn there(temporal: &OnTemporal) -> String {
    format!("Temporal ({})", temporal.site.address)
}

fn under_way(key: &ThreadKey) -> Failure {
    Failure::new(
        Exit::Failed,
        format!(
            "thread {} cannot be moved now: a turn is under way; wait for it or interrupt it",
            key.thread
        ),
    )
}

fn doubled(key: &ThreadKey) -> Failure {
    let why = format!(
        "thread {} is in this data folder and on Temporal, and neither came from the other: delete one of them with \
         everturn sessions delete, naming its --backend",
        key.thread
    );
    Failure::new(Exit::Failed, why)
}

fn lost(key: &ThreadKey) -> Failure {
    let why = format!(
        "thread {} was moved to Temporal, and the server does not know it: is it the right server, and does it keep \
         threads for so long?",
        key.thread
    );
    Failure::new(Exit::Failed, why)
}

fn now_ms() -> u64 {
    SystemEntropy.now_ms()
}

//! Where a thread lives: here, elsewhere, or on its way. [`Mover`] takes it from one to the other.
//!
//! A thread is served in one home at a time. `threads.away` is the fence of this one: where it is not null, nobody opens the
//! thread here, and nothing is queued for it. It is set, and taken away, in one statement each, so that a process that dies
//! leaves the one state or the other.
//!
//! * Going: `leave` (fenced here, on its way), the other home takes it in, `gone`.
//! * Coming: `copy` (everything is here, and it still lives elsewhere), the other home closes it, `live`.

use crate::{Database, LocalError, ThreadReader, ThreadStore, error::failed, moment::in_words};
use agent_core::{BlobId, Commit, Input, StorageBackend, StorageError, Thread, ThreadKey, recover};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// Where a thread lives that does not live here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Away {
    /// It is on its way. Whether it has arrived, the other home knows.
    Leaving {
        /// Where to, in words.
        to: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
        /// Names this move, so that the other home takes it in once.
        move_id: String,
    },
    /// It lives elsewhere.
    Gone {
        /// Where, in words.
        to: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
        /// The move that took it there.
        move_id: String,
    },
    /// It is being copied here, and lives elsewhere until that is done.
    Arriving {
        /// Where it lives, in words.
        from: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
        /// Everything up to this record is here; 0 as long as it is not.
        input_seq: u64,
    },
}

impl Away {
    /// What whoever wants to work with the thread here is told.
    fn refusal(self, key: &ThreadKey) -> LocalError {
        let (id, here) = (key.thread.to_string(), "this data folder".to_owned());
        match self {
            Self::Leaving { to, since_ms, .. } => LocalError::MoveCutOff { id, from: here, to, since_ms },
            Self::Gone { to, since_ms, .. } => LocalError::MovedAway { id, to, since_ms },
            Self::Arriving { from, since_ms, .. } => LocalError::MoveCutOff { id, from, to: here, since_ms },
        }
    }

    /// Says it in words: `moved to …, since …`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Leaving { to, since_ms, .. } => {
                format!("on its way to {to}, since {}", in_words(*since_ms))
            }
            Self::Gone { to, since_ms, .. } => format!("moved to {to}, since {}", in_words(*since_ms)),
            Self::Arriving { from, since_ms, .. } => {
                format!("on its way here from {from}, since {}", in_words(*since_ms))
            }
        }
    }
}

impl ThreadReader {
    /// Where the thread lives, if not here.
    pub async fn away(&self) -> Result<Option<Away>, StorageError> {
        let failed = failed("where the thread lives cannot be read");
        let mut line = self.line().await?;
        let row = sqlx::query("SELECT away FROM threads WHERE id = ?")
            .bind(self.thread)
            .fetch_optional(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let text: Option<String> = match row {
            Some(row) => row.try_get(0).map_err(&failed)?,
            None => None,
        };
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| StorageError::Corrupt {
                message: format!("where thread {} lives: {error}", self.key),
            })
        })
        .transpose()
    }

    /// Nothing, or why the thread is not to be worked with here.
    pub(crate) async fn lives_here(&self) -> Result<(), LocalError> {
        match self.away().await? {
            None => Ok(()),
            Some(away) => Err(away.refusal(&self.key)),
        }
    }

    /// The blobs that the thread uses.
    pub async fn blob_ids(&self) -> Result<Vec<BlobId>, StorageError> {
        let failed = failed("the thread's blobs cannot be listed");
        let mut line = self.line().await?;
        let rows = sqlx::query("SELECT digest FROM blob_uses WHERE thread = ?")
            .bind(self.thread)
            .fetch_all(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            let digest = serde_json::Value::String(row.try_get(0).map_err(&failed)?);
            ids.extend(serde_json::from_value::<BlobId>(digest).ok());
        }
        Ok(ids)
    }
}

/// A thread that is being moved out of this database, or into it. Nobody else serves or moves it meanwhile.
#[derive(Debug)]
pub struct Mover {
    store: ThreadStore,
    away: Option<Away>,
}

impl Mover {
    /// Takes a thread that is here, or was.
    ///
    /// # Errors
    /// [`LocalError::UnknownThread`] where it never was, [`LocalError::Busy`] while somebody serves or moves it.
    pub async fn of(database: &Database, key: &ThreadKey) -> Result<Self, LocalError> {
        let store = ThreadStore::open_to_move(database, key).await?;
        let away = store.reader().away().await?;
        Ok(Self { store, away })
    }

    /// The same for a thread that lives elsewhere and may never have been here; a place is made for it, which nobody sees.
    pub async fn to_here(
        database: &Database,
        key: &ThreadKey,
        from: &str,
        now_ms: u64,
    ) -> Result<Self, LocalError> {
        match Self::of(database, key).await {
            Err(LocalError::UnknownThread { .. }) => {}
            other => return other,
        }
        let away = Away::Arriving { from: from.to_owned(), since_ms: now_ms, input_seq: 0 };
        let store = ThreadStore::create_away(database, key, now_ms, Some(&json(&away)?)).await?;
        Ok(Self { store, away: Some(away) })
    }

    /// Where it lives, if not here.
    pub fn away(&self) -> Option<&Away> {
        self.away.as_ref()
    }

    /// Its journal.
    pub fn reader(&self) -> &ThreadReader {
        self.store.reader()
    }

    /// The thread as its journal here tells it.
    pub async fn thread(&self) -> Result<Thread, LocalError> {
        Ok(recover(self.store.reader().key().clone(), self.store.load().await?)?)
    }

    /// Keeps a blob for the thread.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, LocalError> {
        Ok(self.store.put_blob(bytes).await?)
    }

    /// Fences the thread here; it is on its way from now on.
    ///
    /// # Errors
    /// [`LocalError::NotAtRest`] while anything is under way, or waits to be heard.
    pub async fn leave(
        &mut self,
        thread: &Thread,
        to: &str,
        move_id: &str,
        now_ms: u64,
    ) -> Result<(), LocalError> {
        if !thread.is_at_rest() {
            let why = "a turn, a command of yours or a rollback is under way; wait for it or interrupt it";
            return Err(self.not_at_rest(why));
        }
        let away = Away::Leaving { to: to.to_owned(), since_ms: now_ms, move_id: move_id.to_owned() };
        if self.set(Some(&away), Waiting::Nothing).await? {
            return Ok(());
        }
        Err(self.not_at_rest("something that was said to it was not heard yet; resume it first"))
    }

    /// Opens a thread that was shut down, as its next resume would: one that is closed is taken in nowhere.
    pub async fn open_again(&mut self, now_ms: u64) -> Result<Thread, LocalError> {
        let mut thread = self.thread().await?;
        if thread.is_closed() && self.away.is_none() {
            self.record(&mut thread, now_ms, Input::Resumed).await?;
        }
        Ok(thread)
    }

    /// It lives elsewhere after all: what is here are the remains of an earlier stay, or of a move that came to nothing.
    pub async fn lives_in(&mut self, to: &str, now_ms: u64) -> Result<(), LocalError> {
        let away = Away::Gone { to: to.to_owned(), since_ms: now_ms, move_id: String::new() };
        self.set(Some(&away), Waiting::Anything).await?;
        Ok(())
    }

    /// The other home has it.
    pub async fn gone(&mut self) -> Result<(), LocalError> {
        if let Some(Away::Leaving { to, since_ms, move_id }) = self.away.clone() {
            self.set(Some(&Away::Gone { to, since_ms, move_id }), Waiting::Anything).await?;
        }
        Ok(())
    }

    /// The other home never got it: it lives here as before.
    pub async fn stay(&mut self) -> Result<(), LocalError> {
        if let Some(Away::Leaving { .. }) = &self.away {
            self.set(None, Waiting::Anything).await?;
        }
        Ok(())
    }

    /// Takes in everything that the thread has committed, where it lives. What is here already must be the beginning of it.
    ///
    /// # Errors
    /// [`LocalError::OtherPast`] where it is not.
    pub async fn copy(&mut self, commits: &[Commit], from: &str, now_ms: u64) -> Result<Thread, LocalError> {
        let arriving = |input_seq| Away::Arriving { from: from.to_owned(), since_ms: now_ms, input_seq };
        self.set(Some(&arriving(0)), Waiting::Anything).await?;
        let here = self.reader().commits().await?;
        for (mine, other) in here.iter().zip(commits) {
            if mine != other {
                return Err(self.other_past(format!("record {}", mine.record.seq)));
            }
        }
        if here.len() > commits.len() {
            return Err(self.other_past(format!("it ends at record {}", commits.len())));
        }
        let mut thread = self.thread().await?;
        for Commit { record, events } in &commits[here.len()..] {
            let made = thread.apply(record).map_err(|error| self.other_past(error.to_string()))?.events;
            if made != *events {
                return Err(self.other_past(format!("record {} leads to other events", record.seq)));
            }
            self.store.append(record, events).await?;
        }
        self.store.save_snapshot(&thread).await?;
        self.set(Some(&arriving(thread.input_seq())), Waiting::Anything).await?;
        Ok(thread)
    }

    /// The other home has closed it: it lives here from now on, and says so.
    ///
    /// # Errors
    /// [`LocalError::NotAtRest`] where not everything is here.
    pub async fn live(&mut self, from: &str, now_ms: u64) -> Result<Thread, LocalError> {
        let mut thread = self.thread().await?;
        let whole = match &self.away {
            Some(Away::Arriving { input_seq, .. }) => *input_seq,
            _ => 0,
        };
        if whole == 0 || thread.input_seq() < whole {
            return Err(self.not_at_rest("not all of it was copied here"));
        }
        // A process may have died between the record and the end of the fence.
        if thread.input_seq() == whole {
            let to = self.reader().database.durability().statement().to_owned();
            let moved = Input::Moved { from: from.to_owned(), to };
            self.record(&mut thread, now_ms, moved).await?;
        }
        self.set(None, Waiting::Anything).await?;
        Ok(thread)
    }

    async fn record(&self, thread: &mut Thread, now_ms: u64, input: Input) -> Result<(), LocalError> {
        let record = thread.next_record(now_ms, input);
        let outcome = thread.apply(&record).map_err(|error| self.other_past(error.to_string()))?;
        self.store.append(&record, &outcome.events).await?;
        Ok(self.store.save_snapshot(thread).await?)
    }

    async fn set(&mut self, away: Option<&Away>, queue: Waiting) -> Result<bool, LocalError> {
        let done = self.store.set_away(away.map(json).transpose()?, queue).await?;
        if done {
            self.away = away.cloned();
        }
        Ok(done)
    }

    fn not_at_rest(&self, why: &str) -> LocalError {
        LocalError::NotAtRest { id: self.reader().key().thread.to_string(), why: why.to_owned() }
    }

    fn other_past(&self, why: String) -> LocalError {
        LocalError::OtherPast { id: self.reader().key().thread.to_string(), why }
    }
}

/// What may wait in the thread's queue while it is said where the thread lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Nothing,
    Anything,
}

fn json(away: &Away) -> Result<String, StorageError> {
    serde_json::to_string(away).map_err(|error| StorageError::Io {
        message: format!("where a thread lives cannot be written as JSON: {error}"),
        source: Some(Box::new(error)),
    })
}

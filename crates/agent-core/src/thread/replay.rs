//! A thread from its journal.

use super::{ApplyError, RULES, SCHEMA_VERSION, Thread};
use crate::{
    ports::{Commit, Stored},
    protocol::ThreadKey,
};

/// A journal that does not replay.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It was written by a later version.
    #[error(
        "the thread was written by a later version (schema {found}, this one reads up to {supported}); update Everturn"
    )]
    NewerSchema {
        /// The journal's.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// A record was written by a later version.
    #[error(
        "record {seq} was written by a later version (rules {found}, this one knows {supported}); update Everturn"
    )]
    NewerRules {
        /// Which.
        seq: u64,
        /// The record's.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// A record cannot be applied.
    #[error("record {seq} of the journal cannot be applied: {source}")]
    Inapplicable {
        /// Which.
        seq: u64,
        /// Why.
        source: ApplyError,
    },
    /// A record leads to other events than it did.
    #[error(
        "record {seq} of the journal leads to other events than it did when it was written: this build decides \
         differently; go on with the build that wrote it"
    )]
    Diverged {
        /// Which.
        seq: u64,
    },
}

/// The thread that a journal tells of: its snapshot and every later record applied again, the events compared with
/// those that were stored. A fresh thread where nothing is stored.
pub fn recover(key: ThreadKey, stored: Stored) -> Result<Thread, ReplayError> {
    let mut thread = stored.snapshot.map_or_else(|| Thread::new(key), |thread| *thread);
    if thread.schema_version > SCHEMA_VERSION {
        return Err(ReplayError::NewerSchema { found: thread.schema_version, supported: SCHEMA_VERSION });
    }
    for Commit { record, events } in stored.tail {
        let seq = record.seq;
        if record.rules > RULES {
            return Err(ReplayError::NewerRules { seq, found: record.rules, supported: RULES });
        }
        let outcome = thread.apply(&record).map_err(|source| ReplayError::Inapplicable { seq, source })?;
        if outcome.events != events {
            return Err(ReplayError::Diverged { seq });
        }
    }
    Ok(thread)
}

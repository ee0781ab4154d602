//! [`Sessions`]: the sessions of this process, by thread and number.

use super::{
    MAX_SESSIONS, MAX_SESSIONS_OF_ALL,
    keeper::Cause,
    notice::{self, Lost, Notice},
    opened::Session,
};
use crate::ledger::Durability;
use agent_core::{ThreadKey, ToolAnswer, ToolRequest};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The sessions of this process. Dropped, they end.
pub(crate) struct Sessions {
    /// Where notices are.
    root: PathBuf,
    durability: Durability,
    open: Mutex<BTreeMap<ThreadKey, BTreeMap<u64, Kept>>>,
}

struct Kept {
    session: Arc<Session>,
    notice: Notice,
}

/// Why a session cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error("it cannot be kept open: its notice cannot be written: {0}")]
    Notice(io::Error),
    #[error(
        "it cannot be kept open: this process has {MAX_SESSIONS_OF_ALL} sessions, as many as it may have"
    )]
    Full,
}

impl Sessions {
    pub(crate) fn new(home: &Path, durability: Durability) -> Self {
        Self { root: home.join("sessions"), durability, open: Mutex::default() }
    }

    /// The session of this number.
    pub(super) fn find(&self, key: &ThreadKey, id: u64) -> Option<Arc<Session>> {
        self.open().get(key)?.get(&id).map(|kept| Arc::clone(&kept.session))
    }

    /// All sessions of a thread, in the order in which they were started.
    pub(super) fn all(&self, key: &ThreadKey) -> Vec<Arc<Session>> {
        let open = self.open();
        let kept = open.get(key).into_iter().flat_map(BTreeMap::values);
        kept.map(|kept| Arc::clone(&kept.session)).collect()
    }

    /// What a call was told whose session is still there, so that it is not taken for lost.
    pub(crate) fn told(&self, request: &ToolRequest) -> Option<ToolAnswer> {
        let session = self.find(&request.key, request.effect.0)?;
        session.told.get().filter(|_| session.attempt == request.attempt).cloned()
    }

    /// Keeps a session. Where the thread has too many, the one that was used longest ago is not kept any more, and returned.
    pub(super) fn keep(
        &self,
        key: &ThreadKey,
        session: &Arc<Session>,
    ) -> Result<Option<Arc<Session>>, KeepError> {
        let mut open = self.open();
        if open.values().map(BTreeMap::len).sum::<usize>() >= MAX_SESSIONS_OF_ALL {
            return Err(KeepError::Full);
        }
        let (id, record) = (session.id, session.record());
        let notice = Notice::write(&self.root, key, id, &session.name.about, record, self.durability);
        let kept = Kept { session: Arc::clone(session), notice: notice.map_err(KeepError::Notice)? };
        let of_thread = open.entry(key.clone()).or_default();
        let crowded = (of_thread.len() >= MAX_SESSIONS)
            .then(|| of_thread.values().min_by_key(|kept| kept.session.called()).map(|kept| kept.session.id));
        let crowded = crowded.flatten().and_then(|id| of_thread.remove(&id));
        of_thread.insert(id, kept);
        Ok(crowded.map(|kept| {
            kept.notice.remove();
            kept.session
        }))
    }

    /// Forgets a session whose end was told.
    pub(super) fn forget(&self, key: &ThreadKey, id: u64) {
        let mut open = self.open();
        let Some(of_thread) = open.get_mut(key) else { return };
        let kept = of_thread.remove(&id);
        if of_thread.is_empty() {
            open.remove(key);
        }
        drop(open);
        if let Some(kept) = kept {
            kept.notice.remove();
        }
    }

    /// Ends the sessions of a thread, or all.
    pub(crate) async fn end(&self, key: Option<&ThreadKey>) {
        let ended: Vec<Kept> = {
            let mut open = self.open();
            let keys: Vec<ThreadKey> =
                open.keys().filter(|known| key.is_none_or(|key| key == *known)).cloned().collect();
            keys.iter().filter_map(|key| open.remove(key)).flat_map(BTreeMap::into_values).collect()
        };
        for kept in ended {
            // The notice stays: the thread has to know.
            kept.session.stop(Cause::Released).await;
        }
    }

    /// Stops what is left of sessions of this thread whose process is gone.
    pub(crate) async fn take_over(&self, key: &ThreadKey) {
        let own: Vec<u64> =
            self.open().get(key).map(|kept| kept.keys().copied().collect()).unwrap_or_default();
        if !notice::has_others(&self.root, key, &own) {
            return;
        }
        let (root, key) = (self.root.clone(), key.clone());
        if let Err(error) = tokio::task::spawn_blocking(move || notice::take_over(&root, &key)).await {
            tracing::warn!(%error, "lost sessions could not be looked for");
        }
    }

    /// The session of this number that was lost with its process.
    pub(super) fn lost(&self, key: &ThreadKey, id: u64) -> Option<Lost> {
        notice::lost(&self.root, key, id)
    }

    /// The loss of this session was told.
    pub(super) fn forget_lost(&self, key: &ThreadKey, id: u64) {
        notice::forget(&self.root, key, id);
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<ThreadKey, BTreeMap<u64, Kept>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

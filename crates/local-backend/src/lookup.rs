//! Ops that only look something up: answered where they are asked, past the inbox, and kept nowhere.

use crate::{ThreadReader, error::failed, inbox::unavailable, status};
use agent_core::{Accepted, Asked, Library, Query, Refusal, SessionError, StorageError, Tenant, TurnId};
use sqlx::Row;
use std::{fmt, sync::Arc};

/// Where such ops are answered, if anybody answers them here.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    library: Option<Arc<dyn Library>>,
}

impl Desk {
    pub(crate) fn new(library: Option<Arc<dyn Library>>) -> Self {
        Self { library }
    }

    /// Answers a query of a client of this thread.
    pub(crate) async fn answer(
        &self,
        reader: &ThreadReader,
        tenant: &Tenant,
        query: Query,
    ) -> Result<Accepted, SessionError> {
        let key = reader.key().clone();
        if *tenant != key.tenant {
            return Err(Refusal::WrongTenant.into());
        }
        let Some(library) = &self.library else {
            let why = "this program looks nothing up; ask one that has the configuration, such as everturn";
            return Err(Refusal::Unavailable { why: why.into() }.into());
        };
        let listing = library.answer(Asked { key, query }).await?;
        let accepted = reader.standing().await.map_err(unavailable)?;
        Ok(Accepted { listing: Some(Box::new(listing)), ..accepted })
    }
}

impl ThreadReader {
    /// Where the thread stands, as an op is told that changes nothing.
    async fn standing(&self) -> Result<Accepted, StorageError> {
        let failed = failed("the thread's state cannot be read");
        let mut line = self.line().await?;
        let row = sqlx::query(
            "SELECT status, turns, last_event FROM commits WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1",
        )
        .bind(self.first_key())
        .bind(self.last_key())
        .fetch_optional(line.connection()?)
        .await
        .map_err(&failed)?;
        drop(line);
        let mut accepted = Accepted { turn: None, event_seq: 0, repeated: false, listing: None };
        if let Some(row) = row {
            let turns: u32 = row.try_get(1).map_err(&failed)?;
            let last_event: i64 = row.try_get(2).map_err(&failed)?;
            let status = status::from_code(row.try_get(0).map_err(&failed)?);
            accepted.turn = status.is_active().then_some(TurnId(turns));
            accepted.event_seq = last_event.cast_unsigned();
        }
        Ok(accepted)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("answers", &self.library.is_some()).finish()
    }
}

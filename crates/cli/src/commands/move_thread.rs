//! `everturn move`: takes a thread to another backend.

use crate::{
    args::{BackendName, MoveArgs},
    exit::{Exit, Failure},
    host::Host,
};

/// Moves a thread, or finishes a move that was cut off.
#[cfg(feature = "temporal")]
pub(super) async fn move_thread(host: &Host, args: &MoveArgs) -> Result<Exit, Failure> {
    use crate::{
        backend::{Moved, move_to_local, move_to_temporal},
        output,
    };

    let [local_home, temporal_home] = host.both_backends().await?;
    let (Some(local), Some(temporal)) = (local_home.local(), temporal_home.temporal()) else {
        return Err(Failure::new(Exit::Backend, "one of the two backends is not what it should be"));
    };
    let key = key(host, local, args.thread.as_deref()).await?;
    let (moved, there) = match args.to {
        BackendName::Temporal => (move_to_temporal(local, temporal, &key).await?, "on Temporal"),
        BackendName::Local => (move_to_local(local, temporal, &key).await?, "in this data folder"),
    };
    output::result(&match moved {
        Moved::Now => format!("thread {} lives {there} now", key.thread),
        Moved::Finished => {
            format!("thread {} lives {there} now; the move that was cut off is finished", key.thread)
        }
        Moved::Before => format!("thread {} lives {there} already", key.thread),
        Moved::TakenBack => {
            format!("thread {} lives {there} as before; the move that was cut off is taken back", key.thread)
        }
    });
    Ok(Exit::Done)
}

/// The thread that is meant, also where a move of it was cut off, so that no list has it.
#[cfg(feature = "temporal")]
async fn key(
    host: &Host,
    local: &local_backend::LocalBackend,
    id: Option<&str>,
) -> Result<agent_core::ThreadKey, Failure> {
    let failure = match host.find_or_last(id).await {
        Ok(place) => return Ok(place.key().clone()),
        Err(failure) => failure,
    };
    let Some(id) = id else { return Err(failure) };
    let away = local.database().moved_away(&agent_core::Tenant::default()).await?;
    let mut meant = away.into_iter().map(|(key, _)| key).filter(|key| crate::backend::means(id, key));
    match (meant.next(), meant.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(failure),
    }
}

/// There is nowhere to go.
#[cfg(not(feature = "temporal"))]
pub(super) async fn move_thread(_host: &Host, args: &MoveArgs) -> Result<Exit, Failure> {
    let what = match args.to {
        BackendName::Temporal => "moved to Temporal",
        BackendName::Local => "moved from Temporal",
    };
    Err(Failure::new(
        Exit::Backend,
        format!("no thread can be {what}: this everturn was built without the feature `temporal`"),
    ))
}

//! Brings an op to a thread, wherever it is served, and follows what comes of it.

use super::{again::Again, answer::queue_changes};
use crate::{
    backend::{Place, SubmitOutcome},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::Host,
    output,
    view::View,
};
use agent_core::{Op, Refusal, Review, SessionError};

/// What came of an op.
pub(super) struct Outcome {
    pub(super) exit: Exit,
    pub(super) review: Option<Review>,
}

/// Sees an op through. A thread that nobody serves is served here until it has come about; of one that is served elsewhere the
/// events are read.
pub(super) async fn see_through(
    host: &Host,
    place: &Place,
    op: Op,
    until: Until,
    view: &mut dyn View,
    again: &Again,
) -> Result<Outcome, Failure> {
    let before = place.summary().await?;
    let remote = place.attach().await?;
    if before.served_by.is_none() {
        queue_changes(host, place, &*remote).await?;
    }
    let op = submission(&*remote, op);
    let session = loop {
        match remote.submit_or_queue(op.clone()).await {
            Ok(SubmitOutcome::Accepted) => break None,
            Ok(SubmitOutcome::Queued) => {}
            Err(error) => return Err(refused(error)),
        }
        // Another terminal may be faster; then the op is in the inbox of whoever serves the thread.
        if let Some(session) = host.resume_unless_served(place).await? {
            break Some(session);
        }
    };
    let Some(session) = session else {
        let mut follower = Follower::new(&*remote, view, before.last_event);
        return follow(&mut follower, until, again).await;
    };
    let mut follower = host.follower(place, &before, &*session, view).await?;
    // It was in the inbox; this only asks what became of it.
    match session.submit(op).await {
        Ok(_) => follow(&mut follower, until, again).await,
        // No turn runs: files are being put back by an undo that was cut off. It is seen through first, or its files would stay half
        // put back for as long as nobody goes on with the thread.
        Err(SessionError::Refused(Refusal::TurnRunning)) if !before.status.is_active() => {
            output::remark("an undo that was cut off goes on");
            let exit = follower.follow(Until::TakenBack, User::Absent).await?;
            if until == Until::TakenBack {
                return Ok(Outcome { exit, review: None });
            }
            Err(Failure::new(Exit::Failed, "an undo that was cut off came first; say it again"))
        }
        Err(error) => {
            if before.status.is_active() {
                follower.follow(Until::TurnEnds, User::Absent).await?;
            }
            Err(refused(error))
        }
    }
}

async fn follow(follower: &mut Follower<'_>, until: Until, again: &Again) -> Result<Outcome, Failure> {
    let exit = follower.follow(until, User::Absent).await?;
    if exit == Exit::Waiting {
        again.advise(follower.waiting());
    }
    Ok(Outcome { exit, review: follower.review().cloned() })
}

/// A refusal says what to do; nothing has changed.
fn refused(error: SessionError) -> Failure {
    if let SessionError::Refused(refusal) = &error {
        output::remark("nothing has changed");
        return Failure::new(Exit::Failed, refusal.to_string());
    }
    error.into()
}

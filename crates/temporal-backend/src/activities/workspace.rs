//! Snapshots, restores and hooks, on the worker that owns the workspace.
//!
//! An attempt that dies with its process is made again by the server, as another attempt. What answers is bounded: it is in
//! the history for good.

use super::{Activities, beat::while_beating, guard, unwanted};
use crate::{wire::MAX_RESPONSE_BYTES, workflow::size};
use agent_core::{
    Answer, EffectId, HookNote, HookPatch, HookRequest, HookRuling, Hooked, Input, RestoreAnswer,
    RestoreRequest, SnapshotAnswer, SnapshotRequest, ThreadKey, cross_boundary,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// So many bytes of paths and notes are told of a snapshot or a restore.
const MAX_LIST_BYTES: usize = 64 * 1024;
/// And so many of one text.
const MAX_TEXT_BYTES: usize = 8 * 1024;

pub(super) async fn snapshot(
    activities: &Activities,
    ctx: &ActivityContext,
    mut request: SnapshotRequest,
) -> Result<SnapshotAnswer, ActivityError> {
    request.attempt = attempt(ctx, request.attempt);
    let of = (request.key.clone(), request.effect);
    let work = activities.services.workspace.snapshot(request);
    let answer = owned(activities, ctx, of, work).await?;
    let answer = answer.unwrap_or_else(|message| SnapshotAnswer::Unavailable { why: message.into() });
    Ok(match scrubbed(activities, answer)? {
        SnapshotAnswer::Taken { mut snapshot } => {
            bound(&mut snapshot.notes);
            SnapshotAnswer::Taken { snapshot }
        }
        SnapshotAnswer::Unavailable { why } => SnapshotAnswer::Unavailable { why: short(why) },
    })
}

pub(super) async fn restore(
    activities: &Activities,
    ctx: &ActivityContext,
    mut request: RestoreRequest,
) -> Result<RestoreAnswer, ActivityError> {
    request.attempt = attempt(ctx, request.attempt);
    let of = (request.key.clone(), request.effect);
    let work = activities.services.workspace.restore(request);
    let answer = owned(activities, ctx, of, work).await?;
    let answer = answer.unwrap_or_else(|message| RestoreAnswer::Failed {
        message: format!("some files may be as they were before, others not: {message}"),
    });
    Ok(match scrubbed(activities, answer)? {
        RestoreAnswer::Restored { mut files, mut notes } => {
            bound(&mut files);
            bound(&mut notes);
            RestoreAnswer::Restored { files, notes }
        }
        RestoreAnswer::Conflicted { mut paths } => {
            bound(&mut paths);
            RestoreAnswer::Conflicted { paths }
        }
        RestoreAnswer::Failed { message } => RestoreAnswer::Failed { message: short(message) },
    })
}

pub(super) async fn hook(
    activities: &Activities,
    ctx: &ActivityContext,
    mut request: HookRequest,
) -> Result<Hooked, ActivityError> {
    request.attempt = attempt(ctx, request.attempt);
    let (effect, attempt) = (request.effect, request.attempt);
    let of = (request.key.clone(), effect);
    let hooked = owned(activities, ctx, of, activities.services.workspace.hook(request)).await?;
    let hooked = hooked
        .unwrap_or_else(|message| Hooked { notes: vec![note(message.to_owned())], ..Hooked::default() });
    let input = Input::Answered { effect, attempt, answer: Answer::Hooked { hooked } };
    let services = &activities.services;
    let crossed = cross_boundary(input, &services.redactor, &*services.blobs).await;
    match crossed.map_err(|error| anyhow::anyhow!("{error}"))? {
        Input::Answered { answer: Answer::Hooked { hooked }, .. } => Ok(bounded(hooked)),
        other => Err(anyhow::anyhow!("an answer became {other:?}").into()),
    }
}

/// Does the work, known to whoever comes after this process. It is given up when nobody wants it any more, or this worker
/// goes: the trait promises that the next attempt finds what this one has done. What a panic came to is told.
async fn owned<T>(
    activities: &Activities,
    ctx: &ActivityContext,
    of: (ThreadKey, EffectId),
    work: impl Future<Output = T>,
) -> Result<Result<T, &'static str>, ActivityError> {
    let (key, effect) = of;
    let file = activities.tasks.note(ctx.info());
    let running = activities.running.begin(&key, effect);
    let done = while_beating(ctx, async {
        tokio::select! {
            biased;
            done = guard::caught(work) => Ok(done),
            // Another one does it.
            () = running.stopped() => Err(anyhow::anyhow!("the worker was stopped").into()),
            () = unwanted::told(ctx) => Err(ActivityError::cancelled()),
        }
    })
    .await;
    tools::kill_point("activity.answered");
    drop(file);
    done
}

/// Which attempt of an effect this is: the server makes some of them.
fn attempt(ctx: &ActivityContext, of_thread: u32) -> u32 {
    of_thread.saturating_add(ctx.info().attempt.saturating_sub(1))
}

fn scrubbed<T: serde::Serialize + serde::de::DeserializeOwned>(
    activities: &Activities,
    answer: T,
) -> Result<T, ActivityError> {
    let scrubbed = activities.services.redactor.scrub_value(answer);
    Ok(scrubbed.map_err(|error| anyhow::anyhow!("{error}"))?)
}

/// Whether it goes on is never left out; what else hooks say is, where it is too much.
fn bounded(hooked: Hooked) -> Hooked {
    let bytes = size(&hooked);
    if bytes <= MAX_RESPONSE_BYTES {
        return hooked;
    }
    let ruling = match hooked.ruling {
        HookRuling::Continue => HookRuling::Continue,
        HookRuling::Block { reason } => HookRuling::Block { reason: short(reason) },
    };
    let message = format!(
        "what hooks said and wanted to change has {bytes} bytes, and a thread on Temporal takes {MAX_RESPONSE_BYTES}: it is \
         left out"
    );
    Hooked { ruling, patch: HookPatch::default(), notes: vec![note(message)] }
}

fn note(message: String) -> HookNote {
    HookNote { hook: "hooks".into(), message }
}

/// Keeps the first of a list, and tells how many more there are.
fn bound(list: &mut Vec<String>) {
    let mut bytes = 0;
    let fits = list.iter().take_while(|text| {
        bytes += text.len();
        bytes <= MAX_LIST_BYTES
    });
    let kept = fits.count();
    let more = list.len() - kept;
    if more > 0 {
        list.truncate(kept);
        list.push(format!("… and {more} more"));
    }
}

/// The beginning of a text.
fn short(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut list = vec!["x".repeat(MAX_LIST_BYTES / 2); 5];
        bound(&mut list);
        assert_eq!((list.len(), list[2].as_str()), (3, "… and 3 more"));
        let mut short = vec!["a".to_owned()];
        bound(&mut short);
        assert_eq!(short, ["a"]);
    }

    #[test]
    fn a_ruling_survives_what_is_too_much() {
        let hooked = Hooked {
            ruling: HookRuling::Block { reason: "no".into() },
            patch: HookPatch { context: Some("x".repeat(MAX_RESPONSE_BYTES)), ..HookPatch::default() },
            notes: Vec::new(),
        };
        let bounded = bounded(hooked);
        assert_eq!(bounded.ruling, HookRuling::Block { reason: "no".into() });
        assert_eq!(bounded.patch, HookPatch::default());
        assert_eq!(bounded.notes.len(), 1);
    }
}

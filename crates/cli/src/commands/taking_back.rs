//! `everturn undo` and `everturn rollback`: take turns back, with the files that they changed; and `everturn compact`.

use super::{again::Again, deliver::see_through};
use crate::{
    args::{CompactArgs, RollbackArgs, UndoArgs},
    backend::Place,
    exit::{Exit, Failure},
    follow::Until,
    host::Host,
    output,
    view::HumanView,
};
use agent_core::{Op, RollbackFiles};

/// Takes back the last turn.
pub(super) async fn undo(host: &Host, args: &UndoArgs, again: &Again) -> Result<Exit, Failure> {
    let place = host.find_or_last(args.thread.as_deref()).await?;
    let exit = carry_out(host, &place, Op::Undo, Until::TakenBack, again).await;
    with_advice(exit, &place, 1, again)
}

/// Takes back some turns.
pub(super) async fn rollback(host: &Host, args: &RollbackArgs, again: &Again) -> Result<Exit, Failure> {
    let place = host.find(&args.thread).await?;
    let files = match (args.keep_files, args.files_only) {
        (true, _) => RollbackFiles::Keep,
        (false, true) => RollbackFiles::Only,
        (false, false) => RollbackFiles::Restore,
    };
    let exit =
        carry_out(host, &place, Op::Rollback { turns: args.turns, files }, Until::TakenBack, again).await;
    if files == RollbackFiles::Restore { with_advice(exit, &place, args.turns, again) } else { exit }
}

/// Says the commands for a half of it, where the whole was refused.
fn with_advice(
    exit: Result<Exit, Failure>,
    place: &Place,
    turns: u32,
    again: &Again,
) -> Result<Exit, Failure> {
    let half = match &exit {
        Ok(Exit::Failed) => Some("--keep-files"),
        Err(failure) if failure.message.contains("take back only its files") => Some("--files-only"),
        Err(failure) if failure.message.contains("take back only the conversation") => Some("--keep-files"),
        _ => None,
    };
    if let Some(half) = half {
        let what = if half == "--keep-files" { "the conversation" } else { "the files" };
        let turns = turns.to_string();
        let command = again.command(&["rollback", place.key().thread.as_str(), &turns, half]);
        output::remark(&format!("to take back only {what}: {command}"));
    }
    exit
}

/// Summarises what was said so far.
pub(super) async fn compact(host: &Host, args: &CompactArgs, again: &Again) -> Result<Exit, Failure> {
    let place = host.find_or_last(args.thread.as_deref()).await?;
    carry_out(host, &place, Op::Compact, Until::TurnEnds, again).await
}

async fn carry_out(host: &Host, place: &Place, op: Op, until: Until, again: &Again) -> Result<Exit, Failure> {
    let taste = host.taste(&place.summary().await?.model);
    let style = output::style_of(&anstream::stdout());
    let mut view = HumanView::new(output::Stdout, style, false).with(taste);
    Ok(see_through(host, place, op, until, &mut view, again).await?.exit)
}

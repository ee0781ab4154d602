//! What the commands of a conversation do.

use super::slash::{Slash, help};
use crate::{
    backend::ServedSession,
    commands::{
        lists::{said_once, tell},
        show::Form,
        watch,
    },
    exit::Failure,
    follow::{Follower, Submitted, submission},
    host::Host,
    output,
};
use agent_core::{Listing, Mode, Op, SessionError, TurnOverrides};
use config::PromptHistory;

/// So many prompts of the past are listed.
const LISTED_PROMPTS: u64 = 20;
/// What carries out a plan.
const CARRY_OUT: &str = "The plan is approved. Carry it out.";

/// What comes after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another line.
    Ask,
    /// What it began is followed until it rests.
    Follow,
    Leave,
}

impl From<Submitted> for Next {
    fn from(submitted: Submitted) -> Self {
        match submitted {
            Submitted::Taken => Self::Follow,
            Submitted::Refused => Self::Ask,
        }
    }
}

/// Does what a command says.
pub(super) async fn carry_out(
    host: &Host,
    session: &dyn ServedSession,
    follower: &mut Follower<'_>,
    slash: Slash,
) -> Result<Next, Failure> {
    Ok(match slash {
        Slash::Help => {
            help().for_each(|line| output::remark(&line));
            Next::Ask
        }
        Slash::Quit => Next::Leave,
        Slash::Stop => {
            output::remark("nothing runs that could be stopped");
            Next::Ask
        }
        Slash::Mode { mode, then } => {
            let switched = follower.submit(switch(mode)).await?;
            match (switched, then) {
                (Submitted::Taken, Some(text)) => follower.say(&text).await?.into(),
                (Submitted::Taken, None) => {
                    output::remark(told(mode));
                    Next::Ask
                }
                (Submitted::Refused, _) => Next::Ask,
            }
        }
        Slash::Go => go(follower).await?,
        Slash::Personality(name) => {
            let overrides = TurnOverrides { personality: Some(name), ..TurnOverrides::default() };
            follower.submit(Op::OverrideTurnContext { overrides }).await?;
            Next::Ask
        }
        Slash::Compact => follower.submit(Op::Compact).await?.into(),
        Slash::Review(request) => follower.submit(Op::Review { request }).await?.into(),
        Slash::Undo => follower.submit(Op::Undo).await?.into(),
        Slash::Rollback { turns, files } => follower.submit(Op::Rollback { turns, files }).await?.into(),
        Slash::Status => {
            let place = host.find(session.key().thread.as_str()).await?;
            watch::tell_status(&place).await?;
            Next::Ask
        }
        Slash::Skills => look_up(session, Op::ListSkills).await?,
        Slash::Prompts => look_up(session, Op::ListCustomPrompts).await?,
        Slash::Models => look_up(session, Op::ListModels).await?,
        Slash::Mcp => look_up(session, Op::ListMcpTools).await?,
        Slash::History => history(host, session).await?,
    })
}

/// Carries out the plan that was proposed: from now on the agent does the work, and is told so.
pub(super) async fn go(follower: &mut Follower<'_>) -> Result<Next, Failure> {
    if !follower.has_proposed() {
        output::remark("no plan waits for a yes; /plan asks for one");
        return Ok(Next::Ask);
    }
    Ok(match follower.submit(switch(Mode::Code)).await? {
        Submitted::Taken => follower.say(CARRY_OUT).await?.into(),
        Submitted::Refused => Next::Ask,
    })
}

/// Remembers what was said. That it cannot be is told once and ends nothing.
pub(super) async fn remember(session: &dyn ServedSession, text: &str, is_told: &mut bool) {
    let op = Op::AddToHistory { text: text.to_owned() };
    if let Err(error) = session.submit(submission(session, op)).await
        && !std::mem::replace(is_told, true)
    {
        output::warn(&format!("prompts are not remembered: {error}"));
    }
}

fn switch(mode: Mode) -> Op {
    Op::OverrideTurnContext { overrides: TurnOverrides { mode: Some(mode), ..TurnOverrides::default() } }
}

fn told(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "plan mode: nothing is changed until you say /go or /code",
        Mode::Pair => "pair mode: small steps, together",
        Mode::Execute => "execute mode: the plan is carried out without questions",
        _ => "code mode: the agent does the work",
    }
}

/// What the session answers, as a list.
async fn look_up(session: &dyn ServedSession, op: Op) -> Result<Next, Failure> {
    if let Some(listing) = asked(session, op).await? {
        tell(&listing, Form::Lines);
    }
    Ok(Next::Ask)
}

async fn asked(session: &dyn ServedSession, op: Op) -> Result<Option<Listing>, Failure> {
    match session.submit(submission(session, op)).await {
        Ok(accepted) => Ok(accepted.listing.map(|listing| *listing)),
        Err(SessionError::Refused(refusal)) => {
            output::remark(&refusal.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn history(host: &Host, session: &dyn ServedSession) -> Result<Next, Failure> {
    let kept = PromptHistory::new(host.wishes().home(), host.wishes().config().history);
    let meta = kept.meta().map_err(|error| Failure::backend(&error))?;
    if meta.entries == 0 {
        output::remark("no prompt is remembered yet");
    }
    for offset in meta.entries.saturating_sub(LISTED_PROMPTS)..meta.entries {
        let op = Op::GetHistoryEntry { log_id: meta.log_id, offset };
        match asked(session, op).await? {
            Some(Listing::HistoryEntry { entry: Some(entry), .. }) => {
                output::remark(&said_once(offset, &entry))
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(Next::Ask)
}

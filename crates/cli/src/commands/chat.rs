//! A conversation on plain lines: bare `everturn`, `resume`, `fork`.

mod desk;
mod in_turn;
mod slash;

pub(crate) use slash::is_command;

use super::{
    again::Again,
    budget::{self, Resumed},
};
use crate::{
    args::{ForkArgs, WhichThread},
    backend::ServedSession,
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::Host,
    lines::typed_lines,
    output,
    settings::Attendance,
    view::HumanView,
};
use agent_core::{ForkPoint, Op, Source, Surroundings, TurnId, TurnOverrides};
use desk::{Next, carry_out, go, remember};
use in_turn::InTurn;
use slash::Slash;
use std::{io::Write, path::Path, time::Duration};
use tokio::sync::mpsc;

/// What a thread has to say before anything is asked of it is shown for so long.
const CATCH_UP: Duration = Duration::from_millis(50);

/// A new conversation.
pub(crate) async fn start(host: &Host, again: &Again) -> Result<Exit, Failure> {
    if !output::on_terminal() {
        return Err(Failure::usage(
            "a conversation needs a terminal; for one task use: everturn exec \"…\" (see everturn --help)",
        ));
    }
    let settings = host.settings(Attendance::Present)?;
    let session = host.start(settings, Source::Cli).await?;
    let mut view = view(host, &*session);
    converse(host, &*session, Follower::new(&*session, &mut view, 0), false, again).await
}

/// An earlier conversation.
pub(crate) async fn resume(host: &Host, thread: &WhichThread, again: &Again) -> Result<Exit, Failure> {
    let place = host.which(thread).await?;
    let before = place.summary().await?;
    host.require_allowed(&place).await?;
    let session = place.resume().await?;
    host.adjust(&*session).await?;
    let mut view = view(host, &*session);
    let follower = host.follower(&place, &before, &*session, &mut view).await?;
    converse(host, &*session, follower, before.status.is_active(), again).await
}

/// A new conversation with the past of another.
pub(crate) async fn fork(host: &Host, args: ForkArgs, again: &Again) -> Result<Exit, Failure> {
    let place = host.which(&args.thread).await?;
    let at = args.turn.map_or(ForkPoint::Latest, |turn| ForkPoint::Turn(TurnId(turn)));
    let (id, turns) = (&place.key().thread, place.summary().await?.turns);
    if turns == 0 {
        return Err(Failure::usage(format!("thread {id} has no turn yet that could be forked")));
    }
    // Said before a worktree is made.
    if let Some(turn) = args.turn.filter(|turn| *turn > turns) {
        return Err(Failure::usage(format!("thread {id} has no turn {turn} yet; the last one is {turns}")));
    }
    let session = match &args.worktree {
        None => host.fork(&place, at).await?,
        Some(folder) => host.fork_with_files(&place, at, folder).await?,
    };
    if args.no_run || !output::on_terminal() {
        output::result(session.key().thread.as_str());
        return Ok(Exit::Done);
    }
    let mut view = view(host, &*session);
    converse(host, &*session, Follower::new(&*session, &mut view, 0), false, again).await
}

fn view(host: &Host, session: &dyn ServedSession) -> HumanView<std::io::Stderr> {
    // No spinner: it would tear what is being typed.
    HumanView::new(std::io::stderr(), output::style_of(&anstream::stderr()), false)
        .with(host.taste(&session.first_settings().model))
}

/// Reads lines and follows turns until the user leaves. What is typed while a turn runs is steered into it; commands are for
/// [`InTurn`] then.
async fn converse<'a>(
    host: &'a Host,
    session: &'a dyn ServedSession,
    mut follower: Follower<'a>,
    mut running: bool,
    again: &Again,
) -> Result<Exit, Failure> {
    let style = output::style_of(&anstream::stderr());
    let mut lines = typed_lines();
    let cwd = host.wishes().cwd(session.first_settings())?;
    let mut around = host.wishes().surroundings(&cwd);
    follower = follower.knowing(host.skills(Path::new(&cwd))).commanded_by(InTurn { host, session });
    let mut memory_fails = false;
    output::remark(&style.dim(
        "type what you want, !command to run one yourself; /help lists commands, /quit leaves, Ctrl-C stops a turn. The thread \
         is kept.",
    ));
    loop {
        if !running && !follower.catch_up(CATCH_UP).await? {
            let Some(text) = ask(&mut lines, "› ").await else { break };
            let next = match meant(host, text.trim()) {
                Meant::Nothing => Next::Ask,
                Meant::Nonsense(why) => {
                    output::remark(&why);
                    Next::Ask
                }
                Meant::Command(slash) => {
                    look_around(host, session, &cwd, &mut around).await?;
                    if slash.says_something() {
                        remember(session, text.trim(), &mut memory_fails).await;
                    }
                    carry_out(host, session, &mut follower, slash).await?
                }
                Meant::Said(said) => {
                    look_around(host, session, &cwd, &mut around).await?;
                    let next = follower.say(&said).await?.into();
                    if next == Next::Follow {
                        remember(session, text.trim(), &mut memory_fails).await;
                    }
                    next
                }
            };
            match next {
                Next::Ask => continue,
                Next::Follow => {}
                Next::Leave => break,
            }
        }
        loop {
            follower.follow(Until::Rests, User::Present(&mut lines)).await?;
            if !follower.has_proposed() || !yes(&mut lines).await || go(&mut follower).await? != Next::Follow
            {
                break;
            }
        }
        running = false;
        budget::advise(host, session, &mut follower, again, Resumed::AsConversation).await?;
    }
    let command = again.command(&["resume", session.key().thread.as_str()]);
    output::remark(&style.dim(format!("to go on: {command}")));
    again.advise_secrets();
    Ok(Exit::Done)
}

/// What a line means.
enum Meant {
    /// It is empty.
    Nothing,
    /// It is a command that makes no sense; why.
    Nonsense(String),
    Command(Slash),
    Said(String),
}

fn meant(host: &Host, line: &str) -> Meant {
    match line {
        "" => return Meant::Nothing,
        "quit" | "exit" => return Meant::Command(Slash::Quit),
        _ => {}
    }
    match (Slash::parse(line), host.custom_prompts().expand(line)) {
        (Some(Ok(slash)), _) => Meant::Command(slash),
        (Some(Err(why)), _) => Meant::Nonsense(why),
        (None, Some(Ok(said))) => Meant::Said(said),
        (None, Some(Err(error))) => Meant::Nonsense(error.to_string()),
        (None, None) if line.starts_with('/') && !line.contains(' ') && !line[1..].contains(['/', '.']) => {
            Meant::Nonsense(format!(
                "there is no command {line}; /help lists them, anything else is said to the agent"
            ))
        }
        (None, None) => Meant::Said(line.to_owned()),
    }
}

/// Whether the plan that was proposed is to be carried out.
async fn yes(lines: &mut mpsc::Receiver<String>) -> bool {
    let line = ask(lines, "carry it out? [y/n] ").await;
    let is_yes = line.is_some_and(|line| ["y", "yes", "/go"].contains(&line.trim().to_lowercase().as_str()));
    if !is_yes {
        output::remark("the plan waits: say what to change, /go carries it out, /code leaves plan mode");
    }
    is_yes
}

/// Tells the thread what has changed around it since it was told last: another day, another branch.
async fn look_around(
    host: &Host,
    session: &dyn ServedSession,
    cwd: &str,
    seen: &mut Surroundings,
) -> Result<(), Failure> {
    let now = host.wishes().surroundings(cwd);
    if now != *seen {
        *seen = now.clone();
        let overrides = TurnOverrides { surroundings: Some(now), ..TurnOverrides::default() };
        session.submit(submission(session, Op::OverrideTurnContext { overrides })).await?;
    }
    Ok(())
}

/// The next line, `None` at the end of input or on Ctrl-C.
async fn ask(lines: &mut mpsc::Receiver<String>, prompt: &str) -> Option<String> {
    let mut out = std::io::stderr();
    let _ = write!(out, "{prompt}").and_then(|()| out.flush());
    tokio::select! {
        line = lines.recv() => line,
        _ = tokio::signal::ctrl_c() => None,
    }
}

//! `everturn exec`: one task, for scripts and for people in a hurry.

use crate::{
    args::{ExecArgs, ExecResume},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::{Attendance, Host, is_active},
    output,
    view::{HumanView, JsonView, View},
};
use agent_core::{AgentSession, Content, Op, Source, TurnOverrides};
use std::{
    io::{IsTerminal, Read},
    time::Duration,
};

/// A prompt may have so many bytes.
const MAX_PROMPT_BYTES: u64 = 8 * 1024 * 1024;

/// An op that was left in the inbox begins its turn within so long after a resume.
const QUEUED_TURN_BEGINS: Duration = Duration::from_millis(500);

impl ExecArgs {
    /// Whether the thread is to survive the loss of power.
    pub(super) fn power_safe(&self) -> bool {
        let resumed = matches!(&self.resume, Some(ExecResume::Resume { run, .. }) if run.power_safe);
        self.run.power_safe || resumed
    }
}

pub(crate) async fn exec(host: Host, args: ExecArgs) -> Result<Exit, Failure> {
    let mut view = view(args.json);
    let Some(ExecResume::Resume { thread, run, prompt }) = args.resume else {
        let prompt = prompt(args.prompt, args.stdin.is_some())?;
        let settings = host.settings(&args.run, Attendance::Absent)?;
        let session = host.start(settings, Source::Exec).await?;
        let mut follower = Follower::new(&*session, &mut *view, 0);
        return turn(&*session, &mut follower, prompt).await;
    };
    let prompt = prompt.map(non_empty).transpose()?;
    let key = host.which(&thread).await?;
    let before = host.summary(&key).await?;
    let session = host.resume(&key, &run.or(args.run)).await?;
    if args.json {
        view.event(&host.first_event(&key).await?);
    }
    let mut follower = host.follower(&before, &*session, &mut *view).await?;
    let mut exit = None;
    if is_active(&before) || follower.turn_begins(QUEUED_TURN_BEGINS).await? {
        exit = Some(follower.follow(Until::TurnEnds, User::Absent).await?);
    }
    match (prompt, exit) {
        (Some(prompt), Some(Exit::Waiting)) => {
            let op = Op::UserInput { items: vec![Content::text(prompt)] };
            session.submit(submission(&*session, op)).await?;
            output::remark("the prompt is kept; it is heard when the questions have their answers");
            Ok(end(Exit::Waiting, &follower))
        }
        (Some(prompt), _) => turn(&*session, &mut follower, prompt).await,
        (None, Some(exit)) => Ok(end(exit, &follower)),
        (None, None) => Err(Failure::usage("no turn was running; pass --prompt to begin one")),
    }
}

/// Begins a turn and follows it to its end.
async fn turn(
    session: &dyn AgentSession,
    follower: &mut Follower<'_>,
    prompt: String,
) -> Result<Exit, Failure> {
    let items = vec![Content::text(prompt)];
    let op = Op::UserTurn { items, overrides: TurnOverrides::default(), output_schema: None };
    session.submit(submission(session, op)).await?;
    let exit = follower.follow(Until::TurnEnds, User::Absent).await?;
    Ok(end(exit, follower))
}

/// Says how to answer what waits.
fn end(exit: Exit, follower: &Follower<'_>) -> Exit {
    if exit == Exit::Waiting {
        for id in follower.waiting() {
            output::remark(&format!(
                "waiting for an answer: everturn approve {id}    (or: everturn deny {id})"
            ));
        }
    }
    exit
}

/// JSON lines on standard output; or, for a person, everything on it if it is a terminal, else the progress on standard
/// error and the final message on standard output.
fn view(json: bool) -> Box<dyn View> {
    if json {
        return Box::new(JsonView::new(output::Stdout));
    }
    if std::io::stdout().is_terminal() {
        let out = anstream::stdout();
        return Box::new(HumanView::new(std::io::stdout(), output::style_of(&out), true));
    }
    let out = anstream::stderr();
    let spin = std::io::stderr().is_terminal();
    Box::new(FinalMessage { progress: HumanView::new(std::io::stderr(), output::style_of(&out), spin) })
}

/// Prints the final message where a pipe picks it up.
struct FinalMessage<W: std::io::Write> {
    progress: HumanView<W>,
}

impl<W: std::io::Write + Send> View for FinalMessage<W> {
    fn event(&mut self, event: &agent_core::Event) {
        self.progress.event(event);
        if let agent_core::EventKind::TurnCompleted {
            end: agent_core::TurnEnd::Final { message: Some(text) },
            ..
        } = &event.kind
        {
            output::result(text);
        }
    }

    fn live(&mut self, live: &agent_core::Live) {
        self.progress.live(live);
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }
}

/// The prompt from the argument, standard input, or both.
fn prompt(argument: Option<String>, more: bool) -> Result<String, Failure> {
    let argument = argument.filter(|argument| argument != "-");
    let wants_input = argument.is_none() || more;
    if !wants_input {
        return non_empty(argument.unwrap_or_default());
    }
    let input = std::io::stdin();
    if input.is_terminal() && !more {
        return Err(Failure::usage(
            "there is no prompt; for example: everturn exec \"explain this repository\"",
        ));
    }
    let mut bytes = Vec::new();
    input.lock().take(MAX_PROMPT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| {
        Failure::usage(format!("standard input cannot be read: {error}; pass the prompt as an argument"))
    })?;
    if bytes.len() as u64 > MAX_PROMPT_BYTES {
        return Err(Failure::usage(format!("the prompt is larger than {MAX_PROMPT_BYTES} bytes")));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match argument {
        Some(argument) => non_empty(format!("{argument}\n\n{text}")),
        None => non_empty(text),
    }
}

fn non_empty(prompt: String) -> Result<String, Failure> {
    if prompt.trim().is_empty() {
        return Err(Failure::usage(
            "the prompt is empty; pass one as an argument or on standard input, for example: everturn exec \"…\"",
        ));
    }
    Ok(prompt)
}

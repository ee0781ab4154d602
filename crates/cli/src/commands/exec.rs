//! `everturn exec`: one task, for scripts and for people in a hurry.

use crate::{
    args::{ExecOptions, ExecResumeArgs},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::{Host, is_active},
    output,
    settings::Attendance,
    view::{HumanView, JsonView, Taste, View},
};
use agent_core::{
    AgentSession, Content, Event, EventKind, Live, Op, SandboxPolicy, Settings, Source, ThreadKey, TurnEnd,
    TurnOverrides,
};
use serde_json::Value;
use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use tools::Image;

/// A prompt may have so many bytes.
const MAX_PROMPT_BYTES: u64 = 8 * 1024 * 1024;

/// An op that was left in the inbox begins its turn within so long after a resume.
const QUEUED_TURN_BEGINS: Duration = Duration::from_millis(500);

/// What is said to the thread, and where its last word goes.
struct Task {
    prompt: String,
    images: Vec<Image>,
    output_schema: Option<Value>,
}

pub(super) async fn exec(host: Host, prompt: String, options: &ExecOptions) -> Result<Exit, Failure> {
    let task = Task::read(prompt, options)?;
    let settings = host.settings(Attendance::Absent)?;
    require_repository(&settings, options)?;
    let mut view = view(options, host.taste(&settings.model))?;
    let session = host.start(settings, Source::Exec).await?;
    let mut follower = Follower::new(&session, &mut *view, 0);
    turn(&host, &session, &mut follower, task).await
}

pub(super) async fn resume(
    host: Host,
    args: &ExecResumeArgs,
    options: &ExecOptions,
) -> Result<Exit, Failure> {
    let (thread, text) = args.target();
    let task = match text {
        Some(text) => Some(Task::read(prompt(Some(text.to_owned()), false)?, options)?),
        None if options.images.is_empty() && options.output_schema.is_none() => None,
        None => return Err(Failure::usage("images and an output schema belong to a prompt; there is none")),
    };
    let key = host.find_or_last(thread).await?;
    let before = host.summary(&key).await?;
    let mut view = view(options, host.taste(&before.model))?;
    let session = host.resume(&key).await?;
    if options.json {
        view.event(&host.first_event(&key).await?);
    }
    let mut follower = host.follower(&before, &session, &mut *view).await?;
    let mut exit = None;
    if is_active(&before) || follower.turn_begins(QUEUED_TURN_BEGINS).await? {
        exit = Some(follower.follow(Until::TurnEnds, User::Absent).await?);
    }
    match (task, exit) {
        (Some(task), Some(Exit::Waiting)) => {
            let op = task.op(&host, session.key()).await?;
            session.submit(submission(&session, op)).await?;
            output::remark("the prompt is kept; it is heard when the questions have their answers");
            Ok(end(Exit::Waiting, &follower))
        }
        (Some(task), _) => turn(&host, &session, &mut follower, task).await,
        (None, Some(exit)) => Ok(end(exit, &follower)),
        (None, None) => Err(Failure::usage("no turn was running; give a prompt to begin one")),
    }
}

/// Begins a turn and follows it to its end.
async fn turn(
    host: &Host,
    session: &dyn AgentSession,
    follower: &mut Follower<'_>,
    task: Task,
) -> Result<Exit, Failure> {
    let op = task.op(host, session.key()).await?;
    session.submit(submission(session, op)).await?;
    let exit = follower.follow(Until::TurnEnds, User::Absent).await?;
    Ok(end(exit, follower))
}

impl Task {
    /// Reads the files that the options name. What is wrong with them is said before a thread begins.
    fn read(prompt: String, options: &ExecOptions) -> Result<Self, Failure> {
        let image = |path: &PathBuf| {
            Image::open(path).map_err(|error| {
                Failure::usage(format!("the image {} cannot be shown: {error}", path.display()))
            })
        };
        Ok(Self {
            prompt,
            images: options.images.iter().map(image).collect::<Result<_, _>>()?,
            output_schema: options.output_schema.as_deref().map(schema).transpose()?,
        })
    }

    async fn op(self, host: &Host, key: &ThreadKey) -> Result<Op, Failure> {
        let mut items = vec![Content::text(self.prompt)];
        for image in self.images {
            items.push(host.keep_image(key, image).await?);
        }
        let overrides = TurnOverrides::default();
        Ok(Op::UserTurn { items, overrides, output_schema: self.output_schema })
    }
}

/// The JSON schema in a file.
fn schema(path: &Path) -> Result<Value, Failure> {
    let failed =
        |why: String| Failure::usage(format!("the output schema {} cannot be used: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let schema = serde_json::from_str(&text).map_err(|error| failed(format!("it is no JSON: {error}")))?;
    models::check_schema(&schema).map_err(|error| failed(error.to_string()))?;
    Ok(schema)
}

/// Files are changed only where git can tell and take back what was changed, unless that is not wanted.
fn require_repository(settings: &Settings, options: &ExecOptions) -> Result<(), Failure> {
    let can_write = settings.sandbox != SandboxPolicy::ReadOnly;
    let cwd = Path::new(&settings.cwd);
    if options.skip_git_repo_check || !can_write || cwd.ancestors().any(|folder| folder.join(".git").exists())
    {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is in no git repository, so changes could not be told apart or taken back; run git init there, or pass \
         --skip-git-repo-check",
        cwd.display()
    )))
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
/// error and the final message on standard output. The final message also goes to a file where that is wanted.
fn view(options: &ExecOptions, taste: Taste) -> Result<Box<dyn View>, Failure> {
    let view = terminal_or_pipe(options.json, taste);
    Ok(match &options.output_last_message {
        None => view,
        Some(path) => Box::new(LastMessage::new(view, path)?),
    })
}

fn terminal_or_pipe(json: bool, taste: Taste) -> Box<dyn View> {
    if json {
        return Box::new(JsonView::new(output::Stdout).with(&taste));
    }
    if std::io::stdout().is_terminal() {
        let out = anstream::stdout();
        return Box::new(HumanView::new(std::io::stdout(), output::style_of(&out), true).with(taste));
    }
    let out = anstream::stderr();
    let spin = std::io::stderr().is_terminal();
    let progress = HumanView::new(std::io::stderr(), output::style_of(&out), spin).with(taste);
    Box::new(FinalMessage { progress })
}

/// Also writes the final message to a file.
struct LastMessage {
    view: Box<dyn View>,
    path: PathBuf,
}

impl LastMessage {
    /// Empties the file: what an earlier run left in it is not this one's last word. It also shows before any work is
    /// done whether the file can be written.
    fn new(view: Box<dyn View>, path: &Path) -> Result<Self, Failure> {
        match std::fs::write(path, "") {
            Ok(()) => Ok(Self { view, path: path.to_owned() }),
            Err(error) => Err(Failure::usage(format!(
                "the final message cannot be written to {}: {error}",
                path.display()
            ))),
        }
    }
}

impl View for LastMessage {
    fn event(&mut self, event: &Event) {
        self.view.event(event);
        if let Some(text) = final_message(event) {
            output::write_file(&self.path, text);
        }
    }

    fn live(&mut self, live: &Live) {
        self.view.live(live);
    }

    fn note(&mut self, text: &str) {
        self.view.note(text);
    }
}

fn final_message(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } => message.as_deref(),
        _ => None,
    }
}

/// Prints the final message where a pipe picks it up.
struct FinalMessage<W: std::io::Write> {
    progress: HumanView<W>,
}

impl<W: std::io::Write + Send> View for FinalMessage<W> {
    fn event(&mut self, event: &Event) {
        self.progress.event(event);
        if let Some(text) = final_message(event) {
            output::result(text);
        }
    }

    fn live(&mut self, live: &Live) {
        self.progress.live(live);
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }
}

/// The prompt from the argument, standard input, or both.
pub(super) fn prompt(argument: Option<String>, more: bool) -> Result<String, Failure> {
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

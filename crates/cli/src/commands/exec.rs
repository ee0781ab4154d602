//! `everturn exec`: one task, for scripts and for people in a hurry.

use super::{
    again::Again,
    budget::{self, Resumed},
};
use crate::{
    args::{ExecOptions, read_text},
    backend::ServedSession,
    exit::{Exit, Failure},
    follow::{Follower, Until, User, said, submission, turn_begins},
    host::{Host, Keeping},
    output,
    settings::Attendance,
    view::{HumanView, JsonView, Taste, View},
};
use agent_core::{ApprovalPolicy, BlobRef, Content, Op, SandboxPolicy, Settings, Source, TurnOverrides};
use serde_json::Value;
use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use tools::Image;

/// A prompt may have so many bytes.
const MAX_PROMPT_BYTES: u64 = 8 * 1024 * 1024;

/// An output schema may have so many bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// An op that was left in the inbox begins its turn within so long after a resume.
const QUEUED_TURN_BEGINS: Duration = Duration::from_millis(500);

/// What is said to the thread.
struct Task {
    prompt: String,
    images: Vec<Image>,
    output_schema: Option<Value>,
}

pub(super) async fn exec(
    host: &Host,
    prompt: String,
    options: &ExecOptions,
    keeping: Keeping,
    again: &Again,
) -> Result<Exit, Failure> {
    let task = Task::read(prompt, options)?;
    let settings = host.settings(Attendance::Absent)?;
    require_nobody(&settings, keeping)?;
    require_repository(&settings, options)?;
    task.warn(host, &settings.model);
    let last_word = LastWord::new(options)?;
    let mut view = view(options, host.taste(&settings.model));
    let session = host.start(settings, Source::Exec).await?;
    let mut follower = Follower::new(&*session, &mut *view, 0);
    let exit = turn(host, &*session, &mut follower, task).await?;
    budget::advise(host, &*session, &mut follower, again, Resumed::AsTask).await?;
    Ok(end(exit, &follower, &last_word, again))
}

/// `prompt` is what to do after the turn that was running, if anything.
pub(super) async fn resume(
    host: &Host,
    thread: Option<&str>,
    prompt: Option<String>,
    options: &ExecOptions,
    again: &Again,
) -> Result<Exit, Failure> {
    let task = match prompt {
        Some(prompt) => Some(Task::read(prompt, options)?),
        None if options.images.is_empty() && options.output_schema.is_none() => None,
        None => return Err(Failure::usage("images and an output schema belong to a prompt; there is none")),
    };
    let place = host.find_or_last(thread).await?;
    let before = place.summary().await?;
    let settings = host.wishes().settings_after(&place.settings().await?)?;
    require_repository(&settings, options)?;
    if let Some(task) = &task {
        task.warn(host, &settings.model);
    }
    let last_word = LastWord::new(options)?;
    host.require_allowed(&place).await?;
    let session = place.resume().await?;
    let goes_on =
        before.status.is_active() || turn_begins(&*session, before.last_event, QUEUED_TURN_BEGINS).await?;
    if task.is_none() && !goes_on {
        return Err(Failure::usage("no turn was running; give a prompt to begin one"));
    }
    host.adjust(&*session).await?;
    let mut view = view(options, host.taste(&before.model));
    if options.json {
        view.event(&place.first_event().await?);
    }
    let mut follower = host.follower(&place, &before, &*session, &mut *view).await?;
    let exit = if goes_on { Some(follower.follow(Until::TurnEnds, User::Absent).await?) } else { None };
    let exit = match (task, exit) {
        (None, exit) => exit.unwrap_or(Exit::Done),
        (Some(task), Some(Exit::Waiting)) => {
            let op = task.op(host, &*session).await?;
            session.submit(submission(&*session, op)).await?;
            output::remark("the prompt is kept; it is heard when the questions have their answers");
            Exit::Waiting
        }
        (Some(_), Some(Exit::Budget)) => {
            output::remark("the prompt was not begun: the budget is spent");
            budget::advise(host, &*session, &mut follower, again, Resumed::AsTask).await?;
            return Ok(Exit::Budget);
        }
        // Also where the turn was over before it could be stopped: whoever presses Ctrl-C wants no other turn.
        (Some(_), Some(exit)) if exit == Exit::Interrupted || follower.was_interrupted() => {
            output::remark("the prompt was not begun");
            return Ok(Exit::Interrupted);
        }
        (Some(task), _) => turn(host, &*session, &mut follower, task).await?,
    };
    budget::advise(host, &*session, &mut follower, again, Resumed::AsTask).await?;
    Ok(end(exit, &follower, &last_word, again))
}

/// Begins a turn and follows it to its end.
async fn turn(
    host: &Host,
    session: &dyn ServedSession,
    follower: &mut Follower<'_>,
    task: Task,
) -> Result<Exit, Failure> {
    let op = task.op(host, session).await?;
    session.submit(submission(session, op)).await?;
    follower.follow(Until::TurnEnds, User::Absent).await
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

    /// Says what the model will not see.
    fn warn(&self, host: &Host, model: &str) {
        if !self.images.is_empty() && !host.sees_images(model) {
            output::warn(&format!(
                "the model {model} sees no images, so they are left out; choose another one with --model, or set \
                 models.\"{model}\".images = true if it does"
            ));
        }
    }

    /// Keeps the images, and says it all.
    async fn op(self, host: &Host, session: &dyn ServedSession) -> Result<Op, Failure> {
        let cwd = host.wishes().cwd(session.first_settings())?;
        let prompt = match host.custom_prompts().expand(&self.prompt) {
            Some(Ok(prompt)) => prompt,
            Some(Err(error)) => return Err(Failure::usage(error.to_string())),
            None => self.prompt,
        };
        let mut items = said(&prompt, &host.skills(Path::new(&cwd)));
        for Image { bytes, media_type, .. } in self.images {
            let id = session.put_blob(&bytes).await?;
            let blob = BlobRef { id, bytes: bytes.len() as u64, media_type: media_type.to_owned() };
            items.push(Content::Blob { blob });
        }
        let overrides = TurnOverrides::default();
        Ok(Op::UserTurn { items, overrides, output_schema: self.output_schema })
    }
}

/// The JSON schema in a file.
fn schema(path: &Path) -> Result<Value, Failure> {
    let failed =
        |why: String| Failure::usage(format!("the output schema {} cannot be used: {why}", path.display()));
    let text = read_text(path, MAX_SCHEMA_BYTES).map_err(failed)?;
    let schema = serde_json::from_str(&text).map_err(|error| failed(format!("it is no JSON: {error}")))?;
    models::check_schema(&schema).map_err(|error| failed(error.to_string()))?;
    Ok(schema)
}

/// Nobody finds an ephemeral thread again, so none of its questions would ever have an answer.
fn require_nobody(settings: &Settings, keeping: Keeping) -> Result<(), Failure> {
    if keeping == Keeping::Home || settings.approval == ApprovalPolicy::Never {
        return Ok(());
    }
    Err(Failure::usage(
        "an ephemeral thread cannot be asked about later, so it must not ask: add --approval never, or leave out \
         --ephemeral",
    ))
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

/// Gives the last word, and says how to answer what waits.
fn end(exit: Exit, follower: &Follower<'_>, last_word: &LastWord<'_>, again: &Again) -> Exit {
    if let Some(text) = follower.final_message() {
        last_word.take(text);
    }
    if exit == Exit::Waiting {
        again.advise(follower.waiting());
    }
    exit
}

/// Where the final message of the last turn goes; that of a turn before it is no result.
struct LastWord<'a> {
    file: Option<&'a Path>,
    output: Output,
}

/// What standard output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Json,
    Terminal,
    /// The final message only; the progress goes to standard error.
    Pipe,
}

impl Output {
    fn of(options: &ExecOptions) -> Self {
        if options.json {
            Self::Json
        } else if std::io::stdout().is_terminal() {
            Self::Terminal
        } else {
            Self::Pipe
        }
    }
}

impl<'a> LastWord<'a> {
    /// Empties the file: what an earlier run left in it is not this one's last word. It also shows before any work is
    /// done whether the file can be written.
    fn new(options: &'a ExecOptions) -> Result<Self, Failure> {
        let file = options.output_last_message.as_deref();
        if let Some(path) = file {
            std::fs::write(path, "").map_err(|error| {
                Failure::usage(format!("the final message cannot be written to {}: {error}", path.display()))
            })?;
        }
        Ok(Self { file, output: Output::of(options) })
    }

    fn take(&self, text: &str) {
        if let Some(path) = self.file {
            output::write_file(path, text);
        }
        if self.output == Output::Pipe {
            output::result(text);
        }
    }
}

fn view(options: &ExecOptions, taste: Taste) -> Box<dyn View> {
    match Output::of(options) {
        Output::Json => Box::new(JsonView::new(output::Stdout).with(&taste)),
        Output::Terminal => {
            let out = anstream::stdout();
            Box::new(HumanView::new(std::io::stdout(), output::style_of(&out), true).with(taste))
        }
        Output::Pipe => {
            let out = anstream::stderr();
            let spin = std::io::stderr().is_terminal();
            Box::new(HumanView::new(std::io::stderr(), output::style_of(&out), spin).with(taste))
        }
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

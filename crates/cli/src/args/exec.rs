//! [`ExecArgs`]: one task without a conversation.

use super::RunArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Events of --json, their fields and all exit codes: docs/exec.md.")]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) options: ExecOptions,
    #[command(subcommand)]
    pub(crate) resume: Option<ExecResume>,
    /// What to do. `-`, or nothing while standard input is not a terminal, reads it from there; given both, the input is
    /// added to the prompt.
    pub(crate) prompt: Option<String>,
    /// Read more of the prompt from standard input.
    #[arg(value_name = "-", value_parser = dash)]
    pub(crate) stdin: Option<String>,
    /// Keep nothing: the thread lives in a temporary folder and cannot be resumed.
    #[arg(long)]
    pub(crate) ephemeral: bool,
}

/// What a turn is given and where its outcome goes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExecOptions {
    /// One JSON event a line on standard output.
    #[arg(long, alias = "experimental-json")]
    pub(crate) json: bool,
    /// An image to show to the model: PNG, JPEG, GIF or WebP; may be given several times.
    #[arg(long = "image", short = 'i', value_name = "FILE")]
    pub(crate) images: Vec<PathBuf>,
    /// The final message must be JSON that fits the JSON schema in this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_schema: Option<PathBuf>,
    /// Also write the final message to this file; it is empty where there was none.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output_last_message: Option<PathBuf>,
    /// Let files be changed in a directory that is in no git repository.
    #[arg(long)]
    pub(crate) skip_git_repo_check: bool,
}

/// Only `-` stands behind the prompt; anything else is a prompt without quotes.
fn dash(word: &str) -> Result<String, String> {
    match word {
        "-" => Ok(word.to_owned()),
        _ => Err("put the whole prompt in quotes: everturn exec \"…\"".to_owned()),
    }
}

impl ExecOptions {
    /// These on top of others, which were given further left on the command line.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            json: self.json || below.json,
            images: [below.images, self.images].concat(),
            output_schema: self.output_schema.or(below.output_schema),
            output_last_message: self.output_last_message.or(below.output_last_message),
            skip_git_repo_check: self.skip_git_repo_check || below.skip_git_repo_check,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecResume {
    /// Go on with a thread: first the turn that was running, then a new prompt, if any.
    Resume(Box<ExecResumeArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ExecResumeArgs {
    /// The thread's id, or the end or beginning of it. With --last, the prompt.
    #[arg(required_unless_present = "last")]
    thread: Option<String>,
    /// What to do next; `-` reads it from standard input. While the thread waits for an answer, it is heard after that.
    #[arg(conflicts_with = "prompt")]
    text: Option<String>,
    /// What to do next, as an option.
    #[arg(long, short = 'p', value_name = "TEXT")]
    prompt: Option<String>,
    /// The thread that was used last.
    #[arg(long, conflicts_with = "text")]
    last: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) options: ExecOptions,
}

impl ExecResumeArgs {
    /// Which thread, `None` for the last one, and what to do next.
    pub(crate) fn target(&self) -> (Option<&str>, Option<&str>) {
        let prompt = self.prompt.as_deref();
        if self.last {
            return (None, prompt.or(self.thread.as_deref()));
        }
        (self.thread.as_deref(), prompt.or(self.text.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use crate::args::{Cli, Command, ExecResume};
    use clap::Parser;

    fn target(line: &str) -> Result<(Option<String>, Option<String>), String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let Some(Command::Exec(args)) = cli.command else { return Err("no exec".into()) };
        let Some(ExecResume::Resume(args)) = args.resume else { return Err("no resume".into()) };
        let (thread, prompt) = args.target();
        Ok((thread.map(str::to_owned), prompt.map(str::to_owned)))
    }

    #[test]
    fn a_thread_to_resume_and_what_it_is_told() {
        let some = |text: &str| Some(text.to_owned());
        let table = [
            ("everturn exec resume 1234", (some("1234"), None)),
            ("everturn exec resume 1234 go", (some("1234"), some("go"))),
            ("everturn exec resume 1234 --prompt go", (some("1234"), some("go"))),
            ("everturn exec resume --last", (None, None)),
            ("everturn exec resume --last go", (None, some("go"))),
            ("everturn exec resume --last -p go", (None, some("go"))),
            ("everturn exec --json resume go --last", (None, some("go"))),
        ];
        for (line, expected) in table {
            assert_eq!(target(line), Ok(expected), "{line}");
        }
        for line in
            ["everturn exec resume", "everturn exec resume 1234 go -p on", "everturn exec resume 1 2 --last"]
        {
            assert!(target(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_said_left_of_resume_counts_as_well() {
        let line = "everturn -c a=1 exec -c b=2 -i x.png --json resume --last -c c=3 -i y.png";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::Exec(args)) = cli.command else { panic!("no exec") };
        let Some(ExecResume::Resume(resumed)) = args.resume else { panic!("no resume") };
        let run = resumed.run.over(args.run).over(cli.run);
        assert_eq!(run.layers.config, ["a=1", "b=2", "c=3"]);
        let options = resumed.options.over(args.options);
        assert!(options.json);
        assert_eq!(options.images, [std::path::Path::new("x.png"), std::path::Path::new("y.png")]);
    }
}

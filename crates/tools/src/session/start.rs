//! Starting the command of a session under its ledger page.

use super::{
    Stream,
    terminal::{self, Ends},
};
use crate::{
    kill_point::kill_point,
    ledger::{Ledger, Opened, Page},
    sandbox::{Launch, ReportReader, Sandbox},
    sys::{Input, MARK_VARIABLE, Tree, launch, start_of},
};
use agent_core::ToolRequest;
use std::{collections::BTreeMap, io, os::fd::OwnedFd, process::Stdio};
use tokio::process::Child;

/// What programs are told that have a terminal which nobody looks at.
const TERMINAL_VARIABLES: [(&str, &str); 3] = [("TERM", "dumb"), ("PAGER", "cat"), ("GIT_PAGER", "cat")];

/// What is to be started.
pub(super) struct Job {
    pub(super) argv: Vec<String>,
    pub(super) cwd: String,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) stream: Stream,
}

/// What came of it.
pub(super) enum Begin {
    Running {
        started: Box<Started>,
        page: Page,
    },
    /// There is a page of this very run: it was begun before.
    Known,
    /// The program could not be started. The page says that it may have been.
    Failed {
        page: Page,
        error: io::Error,
    },
    /// The child did not get as far as the program.
    NotStarted {
        error: io::Error,
    },
    /// The ledger cannot be written.
    NoLedger {
        error: io::Error,
    },
    /// Nothing could hold the command to the policy.
    NoSandbox {
        error: String,
    },
}

/// A command that runs and has no keeper yet.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) tree: Tree,
    /// Its output, and its input where that is a terminal. It does not block.
    pub(super) stream: OwnedFd,
    pub(super) input: Input,
    /// Where the sandbox tells what came of it.
    pub(super) report: Option<ReportReader>,
}

/// Writes down that the command begins, and begins it. Blocks until the program is there.
pub(super) fn begin(ledger: &Ledger, sandbox: &Sandbox, request: &ToolRequest, job: Job) -> Begin {
    let launching = match sandbox.launch(request, job.argv) {
        Ok(launching) => launching,
        Err(error) => return Begin::NoSandbox { error },
    };
    let page = match ledger.open(request) {
        Ok(Opened::Fresh(page)) => page,
        Ok(Opened::Known) => return Begin::Known,
        Err(error) => return Begin::NoLedger { error },
    };
    let site = Site { cwd: job.cwd, environment: job.environment, stream: job.stream };
    match start(&page, launching, &site) {
        Ok((child, stream, report)) => {
            let root = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
            let tree = Tree { root, start: start_of(root).unwrap_or(0), mark: page.mark().to_owned() };
            kill_point("tool.child_running");
            let input = site.stream.input();
            Begin::Running { started: Box::new(Started { child, tree, stream, input, report }), page }
        }
        Err(error) if page.is_begun() => Begin::Failed { page, error },
        Err(error) => {
            page.discard();
            Begin::NotStarted { error }
        }
    }
}

/// Where and how a command is started.
struct Site {
    cwd: String,
    environment: BTreeMap<String, String>,
    stream: Stream,
}

fn start(page: &Page, launching: Launch, site: &Site) -> io::Result<(Child, OwnedFd, Option<ReportReader>)> {
    let (mut command, report) = launching.into_command(&site.environment)?;
    command.current_dir(&site.cwd).env("PWD", &site.cwd).env(MARK_VARIABLE, page.mark());
    let mut recording = page.recording()?;
    recording.input = site.stream.input();
    let ours = match site.stream {
        Stream::Pipe => {
            // One pipe for both, so that what is written comes out in the order it was written.
            let (ours, theirs) = io::pipe()?;
            command.stdin(Stdio::null()).stdout(theirs.try_clone()?).stderr(theirs);
            OwnedFd::from(ours)
        }
        Stream::Terminal(size) => {
            let Ends { ours, theirs } = terminal::open(size)?;
            command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
            command.envs(TERMINAL_VARIABLES);
            ours
        }
    };
    rustix::io::ioctl_fionbio(&ours, true)?;
    let child = launch(command.into(), recording)?;
    Ok((child, ours, report))
}

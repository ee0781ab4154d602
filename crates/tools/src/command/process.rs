//! Starting a command under its ledger page, and holding it so that it cannot be lost.

use crate::{
    kill_point::kill_point,
    ledger::{Ledger, Opened, Page},
    sandbox::{Launch, ReportReader},
    sys::{MARK_VARIABLE, Root, Stopped, Tree, launch, start_of},
};
use agent_core::ToolRequest;
use std::{
    collections::BTreeMap,
    io::{self, PipeReader},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::process::Child;

/// Between the request to end and the end by force. An interrupt has to be over within 100 ms.
pub(super) const GRACE: Duration = Duration::from_millis(50);

/// What is to be started.
pub(super) struct Job {
    pub(super) launch: Launch,
    pub(super) cwd: String,
    pub(super) environment: BTreeMap<String, String>,
}

/// What came of it.
pub(super) enum Begin {
    /// It runs.
    Running(Box<Running>),
    /// There is a page of this very run: it was begun before.
    Known,
    /// The program could not be started. The page says that it may have been.
    Failed { page: Page, error: io::Error },
    /// The child did not get as far as the program.
    NotStarted { error: io::Error },
    /// The ledger cannot be written.
    NoLedger { error: io::Error },
}

/// A command that runs. Dropped, its whole tree is killed.
pub(super) struct Running {
    child: Child,
    tree: Tree,
    state: State,
    /// Taken by whoever reads the output.
    pub(super) output: Option<PipeReader>,
    /// Taken by whoever has the answer.
    pub(super) page: Option<Page>,
    /// What its supervisor in the sandbox tells once it has ended.
    pub(super) report: Option<ReportReader>,
}

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Ended,
}

/// Writes down that the command begins, and begins it. Blocks until the program is there.
pub(super) fn begin(ledger: &Ledger, request: &ToolRequest, job: Job) -> Begin {
    let page = match ledger.open(request) {
        Ok(Opened::Fresh(page)) => page,
        Ok(Opened::Known) => return Begin::Known,
        Err(error) => return Begin::NoLedger { error },
    };
    match start(&page, job) {
        Ok((child, output, report)) => {
            let root = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
            let tree = Tree { root, start: start_of(root).unwrap_or(0), mark: page.mark().to_owned() };
            let (output, page) = (Some(output), Some(page));
            let running = Running { child, tree, state: State::Runs, output, page, report };
            kill_point("tool.child_running");
            Begin::Running(Box::new(running))
        }
        Err(error) if page.is_begun() => Begin::Failed { page, error },
        Err(error) => {
            page.discard();
            Begin::NotStarted { error }
        }
    }
}

fn start(page: &Page, job: Job) -> io::Result<(Child, PipeReader, Option<ReportReader>)> {
    // One pipe for both, so that what is written comes out in the order it was written.
    let (output, input) = io::pipe()?;
    let (mut command, report) = job.launch.into_command(&job.environment)?;
    command
        .current_dir(&job.cwd)
        .env("PWD", &job.cwd)
        .env(MARK_VARIABLE, page.mark())
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input);
    let child = launch(command.into(), page.recording()?)?;
    Ok((child, output, report))
}

/// What stands in the way of running in this directory.
pub(crate) fn directory_fault(cwd: &str) -> Option<String> {
    match Path::new(cwd).metadata() {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(format!("The working directory {cwd} is not a directory. The command did not run.")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(format!("The working directory {cwd} does not exist. The command did not run."))
        }
        Err(error) => {
            Some(format!("The working directory {cwd} cannot be used: {error}. The command did not run."))
        }
    }
}

impl Running {
    /// Waits until the command itself has ended; what it left running may go on.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.state = State::Ended;
        status
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<io::Result<ExitStatus>> {
        let status = self.child.try_wait().transpose();
        if status.is_some() {
            self.state = State::Ended;
        }
        status
    }

    /// Stops the tree, on a thread of its own. The command must not be waited for until this is done: as long as it is not
    /// reaped, its number is its own.
    pub(super) fn stop(&self) -> tokio::task::JoinHandle<Stopped> {
        let (tree, root) = (self.tree.clone(), self.root());
        tokio::task::spawn_blocking(move || tree.stop(root, GRACE))
    }

    fn root(&self) -> Root {
        match self.state {
            State::Runs => Root::Held,
            State::Ended => Root::Lost,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.state == State::Runs {
            self.tree.kill_now(Root::Held);
        }
    }
}

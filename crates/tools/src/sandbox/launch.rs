//! [`Launch`]: a command as it has to be started so that it is held to a policy.

use super::{
    Confinement, Helper, LAUNCH, ReportReader, SandboxConfig, Sight, Support,
    support::{self, Means},
};
use agent_core::{Grant, SandboxPolicy, ToolRequest};
use serde::{Deserialize, Serialize};
use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// On Linux this names the program of the process that opens it, also after the file was replaced or removed.
#[cfg(target_os = "linux")]
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How variables begin that tell the linker what to load into a program.
const LINKER: &str = "LD_";
/// How the names of these begin on their way through the helper.
pub(super) const PASSED_ON: &str = "EVERTURN_PASSED_ON_";

/// What the helper is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) confinement: Confinement,
    pub(super) means: Means,
}

/// A command as it has to be started so that it is held to a policy. Whoever starts it
///
/// 1. takes the [`command`](Self::into_command), gives it the command's own directory and streams, and starts it through
///    `sys::launch`;
/// 2. when the child has ended, reads the report, and tells the model what [`Report::not_run`](super::Report::not_run) and
///    [`Report::remarks`](super::Report::remarks) say.
///
/// The child is the supervisor: it ends as the command ended, forwards SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and
/// SIGUSR2, and leaves nothing running, however it ends. A session leader with a terminal hands the terminal on to the
/// command, which becomes a session leader itself.
#[derive(Debug)]
pub struct Launch {
    argv: Vec<String>,
    /// Where the supervisor writes its report.
    inherited: Option<OwnedFd>,
    report: Option<ReportReader>,
}

impl Launch {
    /// A command that nothing confines.
    pub fn plain(argv: Vec<String>) -> Self {
        Self { argv, inherited: None, report: None }
    }

    /// A command that is held to a confinement by what the system can do.
    ///
    /// # Errors
    /// Nothing could hold it to that, or the pipe of the report cannot be made.
    pub fn confined(
        confinement: &Confinement,
        helper: &Helper,
        support: &Support,
        argv: Vec<String>,
    ) -> io::Result<Self> {
        let means = support.means_for(confinement).map_err(io::Error::other)?;
        if means == Means::Seatbelt {
            return Ok(Self::plain(super::seatbelt::command_line(confinement, argv)));
        }
        Self::by(means, confinement, helper, argv)
    }

    pub(super) fn by(
        means: Means,
        confinement: &Confinement,
        helper: &Helper,
        argv: Vec<String>,
    ) -> io::Result<Self> {
        let order = Order { confinement: confinement.clone(), means };
        let (reader, writer) = io::pipe()?;
        let writer = OwnedFd::from(writer);
        let mut line = vec![
            program(helper)?,
            LAUNCH.to_owned(),
            writer.as_raw_fd().to_string(),
            serde_json::to_string(&order)?,
            "--".to_owned(),
        ];
        line.extend(argv);
        Ok(Self {
            argv: line,
            inherited: Some(writer),
            report: Some(ReportReader::new(reader.into(), confinement)),
        })
    }

    /// The program with its arguments and exactly this environment, and where the report will be; there is none where nothing
    /// confines the command. Variables may be added, but none that tell the linker what to load.
    ///
    /// # Errors
    /// There is no program to start.
    #[expect(unsafe_code, reason = "a file is kept open in the child alone only between fork and exec")]
    pub fn into_command<'e>(
        self,
        environment: impl IntoIterator<Item = (&'e String, &'e String)>,
    ) -> io::Result<(Command, Option<ReportReader>)> {
        let [program, arguments @ ..] = self.argv.as_slice() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no program to start"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for (name, value) in environment {
            // What the command's own linker is to load, from folders the command may write to, is not for the helper's.
            if self.inherited.is_some() && name.starts_with(LINKER) {
                command.env(format!("{PASSED_ON}{name}"), value);
            } else {
                command.env(name, value);
            }
        }
        if let Some(file) = self.inherited {
            let hook = move || Ok(rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?);
            // SAFETY: between fork and exec only async-signal-safe things may be done. This is one system call.
            unsafe { command.pre_exec(hook) };
        }
        Ok((command, self.report))
    }
}

/// The helper as a program to start.
pub(super) fn program(helper: &Helper) -> io::Result<String> {
    match helper {
        #[cfg(target_os = "linux")]
        Helper::CurrentExe => Ok(THIS_PROGRAM.to_owned()),
        #[cfg(not(target_os = "linux"))]
        Helper::CurrentExe => Ok(std::env::current_exe()?.to_string_lossy().into_owned()),
        Helper::Program(path) => Ok(path.to_string_lossy().into_owned()),
    }
}

/// The sandbox of a registry: its configuration, and what this system can do, found out at the first use.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) config: SandboxConfig,
    support: OnceLock<Support>,
}

impl Sandbox {
    pub(crate) fn new(config: SandboxConfig) -> Self {
        Self { config, support: OnceLock::new() }
    }

    /// What this system can do. Blocks at the first use, some milliseconds.
    pub(crate) fn support(&self) -> &Support {
        self.support.get_or_init(|| support::detect(&self.config))
    }

    /// Why a command under this policy cannot be held to it, `None` where it can. Blocks.
    pub(crate) fn refusal(&self, policy: &SandboxPolicy, root: &Path) -> Option<String> {
        let confinement = match Confinement::of(policy, root, &self.config) {
            Ok(confinement) => confinement,
            Err(error) => return Some(error.to_string()),
        };
        self.support().means_for(&confinement).err()
    }

    /// What a call may read. Blocks. The error is why that cannot be said, for the model.
    pub(crate) fn sight(&self, request: &ToolRequest) -> Result<Sight, String> {
        if is_unconfined(request) {
            return Ok(Sight::All);
        }
        let confinement = Confinement::of(&request.sandbox, Path::new(&request.cwd), &self.config);
        confinement.map(|confinement| Sight::Except(confinement.hidden)).map_err(|error| error.to_string())
    }

    /// Where may be written, and what of it stays as it is, whether it exists or not. Blocks.
    pub(crate) fn bounds(
        &self,
        policy: &SandboxPolicy,
        root: &Path,
    ) -> Result<(Vec<PathBuf>, Vec<PathBuf>), String> {
        let made = Confinement::of(policy, root, &self.config).map_err(|error| error.to_string())?;
        let links = made.links.into_iter().map(|link| link.path);
        let kept = made.protected.into_iter().chain(made.reserved).chain(links).chain(made.hidden).collect();
        Ok((made.writable, kept))
    }

    /// How a command of a call is to be started. Blocks. The error is why it cannot be, for the model.
    pub(crate) fn launch(&self, request: &ToolRequest, argv: Vec<String>) -> Result<Launch, String> {
        if is_unconfined(request) {
            return Ok(Launch::plain(argv));
        }
        let confinement = Confinement::of(&request.sandbox, Path::new(&request.cwd), &self.config)
            .map_err(|error| error.to_string())?;
        Launch::confined(&confinement, &self.config.helper, self.support(), argv)
            .map_err(|error| error.to_string())
    }
}

/// Whether a call runs outside of the sandbox.
fn is_unconfined(request: &ToolRequest) -> bool {
    request.grant == Grant::Unconfined || request.sandbox == SandboxPolicy::DangerFullAccess
}

//! A server of a test's own: in a folder that goes with it, tuned for tests, killed and started again at will.

use super::{
    CLI_VARIABLE, CliSearch, DevServer, DevServerError, DevServerOptions, Fetch, Port, Reporter, TemporalCli,
    Tuning, Ui, find_cli, port,
};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a killed server may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether it is.
const KILL_PAUSE: Duration = Duration::from_millis(2);

/// A server that lives no longer than the test, even where the test is killed.
#[derive(Debug)]
pub struct TestServer {
    folder: TempDir,
    cli: TemporalCli,
    options: DevServerOptions,
    running: Option<Running>,
    address: String,
}

#[derive(Debug)]
struct Running {
    server: DevServer,
    guard: Guard,
}

impl TestServer {
    /// Starts one that answers, on a port of its own.
    ///
    /// # Errors
    /// The program cannot be had, or the server cannot be started.
    pub async fn start() -> Result<Self, DevServerError> {
        let folder = tempfile::Builder::new()
            .prefix("everturn-temporal-")
            .tempdir()
            .map_err(DevServerError::files(std::env::temp_dir()))?;
        let cli = find_cli(&CliSearch::for_tests(), &Reporter::default()).await?;
        let options = DevServerOptions {
            database: folder.path().join("server.db"),
            log: folder.path().join("server.log"),
            port: Port::Any,
            ui: Ui::None,
            tuning: Tuning::Tests,
        };
        let mut server = Self { folder, cli, options, running: None, address: String::new() };
        server.restart().await?;
        Ok(server)
    }

    /// Where it answers, `127.0.0.1:PORT`; the same after a restart.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its output.
    pub fn log(&self) -> &Path {
        &self.options.log
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.server.occupant().pid)
    }

    /// Kills it with SIGKILL. Nothing happens where it is killed already.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> Result<(), DevServerError> {
        let Some(Running { server, guard }) = self.running.take() else { return Ok(()) };
        guard.dismiss();
        server.kill().await
    }

    /// Starts it again with the same data on the same port; one that runs is killed first.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn restart(&mut self) -> Result<(), DevServerError> {
        self.kill().await?;
        let server = DevServer::start(&self.cli, &self.options).await?;
        self.options.port = Port::Exactly(server.occupant().port);
        self.address = server.address();
        let guard = Guard::set(server.occupant().pid, self.folder.path())?;
        self.running = Some(Running { server, guard });
        Ok(())
    }
}

/// Closes the guard's input: it kills the server. The folder goes with this.
impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(Running { server, guard }) = self.running.take() else { return };
        guard.strike();
        // A killed process is gone a moment later, its port after its lock.
        let begun = Instant::now();
        let is_there = || server.is_running() || !port::is_free(server.occupant().port);
        while is_there() && begun.elapsed() < KILL_PATIENCE {
            std::thread::sleep(KILL_PAUSE);
        }
    }
}

/// A shell that kills the server when its standard input is closed, which it is when the test dies.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    const SCRIPT: &str = r#"trap '' INT HUP TERM; read -r _; kill -9 "$1"; rm -rf -- "$2""#;

    fn set(pid: u32, folder: &Path) -> Result<Self, DevServerError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", Self::SCRIPT, "guard", &pid.to_string()]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map(Self).map_err(DevServerError::files("/bin/sh"))
    }

    /// The server is killed by somebody else.
    fn dismiss(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    fn strike(mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl CliSearch {
    /// For tests: as for users, with a cache in the target folder, which all tests share and which CI may keep.
    pub fn for_tests() -> Self {
        Self {
            named: std::env::var_os(CLI_VARIABLE).map(PathBuf::from),
            path: std::env::var_os("PATH"),
            cache: target_folder().join("temporal-cli"),
            fetch: Fetch::Allowed,
        }
    }
}

/// The test is somewhere below the folder of its profile, in which cargo keeps a lock; that is in the target folder.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let profile = program.ancestors().find(|folder| folder.join(".cargo-lock").exists());
    profile.and_then(Path::parent).map_or_else(std::env::temp_dir, |target| target.join("tmp"))
}

//! [`Worker`]: the binary as a worker, in a process of its own.

use crate::binary::Bench;
use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant,
};
use test_kit::KillPoint;

/// A worker process. It is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    log: PathBuf,
    /// When it was started.
    pub(super) since: Instant,
}

impl Worker {
    /// Serves a queue of the server at this address, from the bench's home.
    pub(super) fn start(bench: &Bench, address: &str, queue: &str, kill: Option<&KillPoint>) -> Self {
        let mut command = Self::command(bench, address, queue);
        if let Some(point) = kill {
            point.arm(&mut command);
        }
        let since = Instant::now();
        Self { child: command.spawn().unwrap(), log: Self::log(bench), since }
    }

    pub(super) fn command(bench: &Bench, address: &str, queue: &str) -> Command {
        let mut command = bench.command(&["worker", "--address", address, "--queue", queue]);
        let log = File::options().create(true).append(true).open(Self::log(bench)).unwrap();
        // Its threads are scripted.
        command.env("OPENAI_API_KEY", "sk-never-used").stdout(Stdio::null()).stderr(log);
        command
    }

    /// What the workers of a bench have to say.
    pub(super) fn log(bench: &Bench) -> PathBuf {
        bench.path().join("worker.log")
    }

    /// Waits until it has come to this point, then kills it.
    pub(super) async fn kill_at(mut self, point: KillPoint) {
        let killed = tokio::task::spawn_blocking(move || {
            point.kill(&mut self.child).unwrap_or_else(|error| {
                panic!("{error}: {}", std::fs::read_to_string(&self.log).unwrap_or_default())
            });
        });
        killed.await.unwrap();
    }

    /// Kills it with SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

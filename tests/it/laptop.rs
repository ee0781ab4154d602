//! The binary as a user has it who has no server: it brings its own, with Temporal's program where other tests find it.

use crate::binary::{Bench, Ran};
use agent_core::Event;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};
use temporal_backend::dev_server::{CLI_VARIABLE, CliSearch, Reporter, find_cli};

/// Longer than a server takes to start, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bench whose binary finds Temporal's program where the other tests do.
pub(crate) struct Laptop {
    pub(crate) bench: Bench,
    cli: PathBuf,
}

impl Laptop {
    pub(crate) async fn new() -> Self {
        let cli = find_cli(&CliSearch::for_tests(), &Reporter::default()).await.unwrap().path;
        Self { bench: Bench::new(), cli }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        command.env(CLI_VARIABLE, &self.cli);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    pub(crate) fn events(&self, thread: &str) -> Vec<Event> {
        let export = self.run(&["sessions", "export", thread, "--format", "jsonl"]).succeeds();
        export.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The threads there are, the last used first.
    pub(crate) fn threads(&self) -> Vec<String> {
        let list = self.run(&["sessions", "list", "--json"]).succeeds();
        list.json().iter().map(|line| line["thread"].as_str().unwrap().to_owned()).collect()
    }
}

/// `everturn dev-server`, until this is dropped.
pub(crate) struct DevServer(Child);

impl DevServer {
    pub(crate) fn start(laptop: &Laptop) -> Self {
        let held = Self(laptop.command(&["dev-server"]).spawn().unwrap());
        let begun = Instant::now();
        while laptop.run(&["dev-server", "--status"]).code != Some(0) {
            assert!(begun.elapsed() < PATIENCE, "the server does not come");
            std::thread::sleep(Duration::from_millis(50));
        }
        held
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

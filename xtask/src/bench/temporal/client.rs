//! [`Client`]: `everturn exec --json` in a process of its own, and when it told what.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::super::clock::now_ns;
use super::site::{PATIENCE, Site};

/// A client. It is killed when this is dropped, which its thread does not mind.
#[derive(Debug)]
pub(super) struct Client {
    child: Child,
    told: Receiver<(u64, Value)>,
    errors: std::path::PathBuf,
    /// When the process was made.
    pub(super) started_ns: u64,
    /// Its thread, once it has told it.
    pub(super) thread: String,
}

/// What every exec is asked for; the model does not listen.
pub(super) const TURN: [&str; 7] =
    ["exec", "--backend", "temporal", "--skip-git-repo-check", "--sandbox", "danger-full-access", "--json"];
/// What it is told.
pub(super) const PROMPT: &str = "Do it.";

impl Client {
    /// Begins a turn, in which everything is allowed.
    pub(super) fn start(site: &Site) -> Result<Self> {
        Self::with(site, &TURN)
    }

    /// Begins a turn with these arguments before the prompt.
    pub(super) fn with(site: &Site, args: &[&str]) -> Result<Self> {
        let errors = site.place.file("client.log");
        let mut command = site.everturn(args);
        command.arg(PROMPT).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
        let started_ns = now_ns();
        let mut child = command.spawn().context("could not start the client")?;
        let out = child.stdout.take().context("the client has no standard output")?;
        let (sender, told) = channel();
        std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let at_ns = now_ns();
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if sender.send((at_ns, value)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { child, told, errors, started_ns, thread: String::new() })
    }

    /// Waits until it tells an event of this type, and says when it did.
    pub(super) fn until(&mut self, kind: &str) -> Result<(u64, Value)> {
        loop {
            let Ok((at_ns, value)) = self.told.recv_timeout(PATIENCE) else {
                let said = std::fs::read_to_string(&self.errors).unwrap_or_default();
                bail!("the client has not told of {kind}: {}", said.trim());
            };
            match value["type"].as_str() {
                Some("thread.started") => {
                    self.thread = value["thread_id"].as_str().unwrap_or_default().to_owned();
                }
                Some("turn.failed") if kind != "turn.failed" => bail!("the turn has failed: {value}"),
                _ => {}
            }
            if value["type"] == kind {
                return Ok((at_ns, value));
            }
        }
    }

    /// Waits until it has ended, and says when it did.
    pub(super) fn end(mut self) -> Result<u64> {
        let status = self.child.wait()?;
        let ended_ns = now_ns();
        let said = || std::fs::read_to_string(&self.errors).unwrap_or_default();
        if status.success() {
            Ok(ended_ns)
        } else {
            Err(anyhow!("the client ended with {status}: {}", said()))
        }
    }

    /// Kills it. Its thread goes on.
    pub(super) fn kill(self) -> String {
        self.thread.clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

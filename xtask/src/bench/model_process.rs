//! [`ModelProcess`]: the model in a process of its own, asked through its standard input.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::plan::Plan;
use super::server::{Exchange, Server};

/// The command of xtask that is this process.
pub(crate) const SERVE: &str = "serve";

/// The process of the model. It ends when this value is dropped, and when this process dies.
#[derive(Debug)]
pub(crate) struct ModelProcess {
    child: Child,
    address: SocketAddr,
    pipes: Mutex<Pipes>,
}

#[derive(Debug)]
struct Pipes {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl ModelProcess {
    pub(crate) fn start() -> Result<Self> {
        let program = std::env::current_exe().context("this program does not know where it is")?;
        let mut child = Command::new(program)
            .args(["bench", SERVE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the model")?;
        let questions = child.stdin.take().context("the model has no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().context("the model has no standard output")?);
        let address = line(&mut answers)?.parse().context("the model does not say where it listens")?;
        Ok(Self { child, address, pipes: Mutex::new(Pipes { questions, answers }) })
    }

    /// The base url of a plan.
    pub(crate) fn url(&self, plan: &Plan) -> String {
        format!("http://{}{}", self.address, plan.path())
    }

    /// The exchanges of a run, in order.
    pub(crate) fn exchanges(&self, run: &str) -> Result<Vec<Exchange>> {
        let text = self.ask("exchanges", run)?;
        serde_json::from_slice(&text).context("the model's log cannot be read")
    }

    /// The body of the last request of a run.
    pub(crate) fn last_body(&self, run: &str) -> Result<Vec<u8>> {
        self.ask("body", run)
    }

    /// A question is a line; an answer is a line with its length, then its bytes.
    fn ask(&self, what: &str, run: &str) -> Result<Vec<u8>> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let Pipes { questions, answers } = &mut *pipes;
        writeln!(questions, "{what} {run}").context("the model is gone")?;
        let length = line(answers)?.parse().context("the model's answer has no length")?;
        let mut bytes = vec![0; length];
        answers.read_exact(&mut bytes).context("the model's answer broke off")?;
        Ok(bytes)
    }
}

impl Drop for ModelProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(answers: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    answers.read_line(&mut line).context("the model does not answer")?;
    Ok(line.trim().to_owned())
}

/// Is that process: serves until its standard input ends.
pub(crate) fn serve() -> Result<()> {
    let server = Server::start().context("could not start the model server")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", server.address())?;
    out.flush()?;
    for question in std::io::stdin().lock().lines() {
        let question = question?;
        let answer = match question.split_once(' ') {
            Some(("exchanges", run)) => serde_json::to_vec(&server.exchanges(run))?,
            Some(("body", run)) => server.last_body(run),
            _ => Vec::new(),
        };
        writeln!(out, "{}", answer.len())?;
        out.write_all(&answer)?;
        out.flush()?;
    }
    Ok(())
}

//! One server process: started, waited for until it answers, stopped.

use super::{
    DevServerError, Port, TemporalCli, lock,
    lock::{Kind, Lock},
    log, port, probe,
    spawn::{Birth, Occupancy, Occupant, Tuning, Ui, lock_of, occupancy},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::process::Child;

/// A server answers in 0.2 s; on a cold disk or a loaded machine it may take this long.
const START_PATIENCE: Duration = Duration::from_secs(45);
/// How often it is asked meanwhile.
const PROBE_PAUSE: Duration = Duration::from_millis(20);
/// A server that cannot have its port has died by now.
const SETTLED: Duration = Duration::from_secs(2);
/// What a server prints once it listens. Where a later version says it in other words, [`SETTLED`] is waited for.
const BANNER: &str = "Temporal Server:";
/// How often another port is tried when somebody was quicker.
const ATTEMPTS: u32 = 4;
/// Somebody may just be looking whether the lock of a database is held.
const LOOKED_AT: Duration = Duration::from_millis(300);
/// A server that is told to end takes 1.1 s, of which it waits one for its callers. One that takes longer is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How long a killed process may take to be gone.
pub(super) const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// How a server is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevServerOptions {
    /// The file of its data; it is made if it is not there.
    pub database: PathBuf,
    /// Where its output goes; the log of the server before it is kept beside.
    pub log: PathBuf,
    /// Where it is to listen.
    pub port: Port,
    /// Whether it shows its pages.
    pub ui: Ui,
    /// What it is tuned for.
    pub tuning: Tuning,
}

/// A server that answers. Dropping this leaves it running: it has a process group of its own, and survives Ctrl-C and the
/// death of its owner.
#[derive(Debug)]
pub struct DevServer {
    occupant: Occupant,
    database: PathBuf,
    child: Child,
    age: Age,
}

/// How far a server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    /// It has not answered yet.
    Newborn,
    /// It lives by itself.
    Grown,
}

impl DevServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// The port is taken, another server has the database open, or this one died or stayed silent; then it is killed.
    pub async fn start(cli: &TemporalCli, options: &DevServerOptions) -> Result<Self, DevServerError> {
        let mut options = options.clone();
        for path in [&mut options.database, &mut options.log] {
            *path = std::path::absolute(&*path).map_err(DevServerError::files(&*path))?;
        }
        let mut given = Vec::new();
        for _ in 1..ATTEMPTS {
            match Self::attempt(cli, &options, &mut given).await {
                Err(DevServerError::Died { words, .. }) if is_about_a_port(&words) => {}
                outcome => return outcome,
            }
        }
        Self::attempt(cli, &options, &mut given).await
    }

    /// What there is to know about it.
    pub fn occupant(&self) -> &Occupant {
        &self.occupant
    }

    /// Where it answers, `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.occupant.address()
    }

    /// Stops it, and kills it where that does not help.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn stop(mut self) -> Result<(), DevServerError> {
        end(&self.database, self.occupant.pid).await?;
        let _ = self.child.wait().await;
        Ok(())
    }

    /// Kills it as if the machine had.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(mut self) -> Result<(), DevServerError> {
        self.child.kill().await.map_err(|_| DevServerError::Immortal { pid: self.occupant.pid })
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        lock::is_held(&lock_of(&self.database)).unwrap_or(false)
    }

    async fn attempt(
        cli: &TemporalCli,
        options: &DevServerOptions,
        given: &mut Vec<u16>,
    ) -> Result<Self, DevServerError> {
        let database = &options.database;
        let lock = take(database).await?;
        let port = port::choose(options.port, database, given).await?;
        given.push(port);
        let ui_port = match options.ui {
            Ui::None => None,
            Ui::On(wanted) => Some(port::choose(wanted, database, given).await?),
        };
        given.extend(ui_port);
        let birth = Birth { cli, database, port, ui_port, tuning: options.tuning };
        let child = birth.start(lock, log::fresh(&options.log)?)?;
        let pid = child.id().unwrap_or(0);
        let occupant = Occupant { pid, port, ui_port, cli_version: cli.version.clone() };
        let mut server = Self { occupant, database: database.clone(), child, age: Age::Newborn };
        server.until_it_answers(&options.log).await?;
        server.until_it_has_settled(&options.log).await?;
        server.age = Age::Grown;
        Ok(server)
    }

    async fn until_it_answers(&mut self, log: &Path) -> Result<(), DevServerError> {
        let begun = Instant::now();
        loop {
            self.lives(log)?;
            match probe::answers(&self.address()).await {
                Ok(()) => return Ok(()),
                Err(why) if begun.elapsed() > START_PATIENCE => {
                    return Err(silent(&self.occupant, log, START_PATIENCE, why));
                }
                Err(_) => tokio::time::sleep(PROBE_PAUSE).await,
            }
        }
    }

    /// What answered may be the server of somebody who took the port first; then ours is about to die.
    async fn until_it_has_settled(&mut self, log: &Path) -> Result<(), DevServerError> {
        let begun = Instant::now();
        loop {
            self.lives(log)?;
            if log::says(log, BANNER) || begun.elapsed() > SETTLED {
                return Ok(());
            }
            tokio::time::sleep(PROBE_PAUSE).await;
        }
    }

    fn lives(&mut self, log: &Path) -> Result<(), DevServerError> {
        let Some(ended) = self.child.try_wait().transpose() else { return Ok(()) };
        let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(DevServerError::Died { status, words: log::last_lines(log), log: log.to_owned() })
    }
}

/// One that never answered is given up with whoever waited for it.
impl Drop for DevServer {
    fn drop(&mut self) {
        if self.age == Age::Newborn {
            let _ = self.child.start_kill();
        }
    }
}

async fn take(database: &Path) -> Result<Lock, DevServerError> {
    let lock = lock_of(database);
    match Lock::take(&lock, Kind::Exclusive, LOOKED_AT).await {
        Err(DevServerError::Busy { .. }) => {
            let pid = match occupancy(database)? {
                Occupancy::By(occupant) => Some(occupant.pid),
                Occupancy::Free | Occupancy::Unknown => None,
            };
            Err(DevServerError::DatabaseInUse { database: database.to_owned(), pid })
        }
        outcome => outcome,
    }
}

pub(super) fn silent(
    occupant: &Occupant,
    log: &Path,
    patience: Duration,
    why: impl Into<String>,
) -> DevServerError {
    DevServerError::Silent {
        address: occupant.address(),
        pid: occupant.pid,
        patience,
        why: why.into(),
        words: log::last_lines(log),
        log: log.to_owned(),
    }
}

/// Ends the server of a database: asks it to, then kills it.
pub(super) async fn end(database: &Path, pid: u32) -> Result<(), DevServerError> {
    signal(database, pid, Signal::TERM)?;
    if is_gone(database, STOP_PATIENCE).await? {
        return Ok(());
    }
    tracing::warn!(pid, "the Temporal server did not end by SIGTERM and is killed");
    signal(database, pid, Signal::KILL)?;
    if is_gone(database, KILL_PATIENCE).await? { Ok(()) } else { Err(DevServerError::Immortal { pid }) }
}

/// Waits until no server has the database open, and says whether that came about.
pub(super) async fn is_gone(database: &Path, patience: Duration) -> Result<bool, DevServerError> {
    let begun = Instant::now();
    while lock::is_held(&lock_of(database))? {
        if begun.elapsed() > patience {
            return Ok(false);
        }
        tokio::time::sleep(lock::RETRY).await;
    }
    Ok(true)
}

/// Signals the server of a database. While it holds the lock its process lives, so the number is still its own.
pub(super) fn signal(database: &Path, pid: u32, signal: Signal) -> Result<(), DevServerError> {
    let there = matches!(occupancy(database)?, Occupancy::By(occupant) if occupant.pid == pid);
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw).filter(|_| there) {
        // That it is gone by now is what was wanted.
        let _ = kill_process(pid, signal);
    }
    Ok(())
}

/// Whether these last words are about a port that was taken between our look and the server's.
fn is_about_a_port(words: &str) -> bool {
    words.contains("address already in use")
}

//! One server for all processes of a home: joined or started, healed, left.

use super::{
    CliSearch, DevServer, DevServerError, DevServerOptions, Port, Progress, Reporter, Tuning, Ui, find_cli,
    lock::{Kind, Lock, private_directory},
    log, probe,
    process::{KILL_PATIENCE, end, is_gone, signal, silent},
    spawn::{Occupancy, Occupant, occupancy},
    state::{Phase, State},
};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Longer than whoever holds the start lock can need: to see that a server is silent, or to stop one, and to start one.
const TURN_PATIENCE: Duration = Duration::from_secs(90);
/// A server that runs and does not answer within this time is taken for stuck.
const SILENCE_PATIENCE: Duration = Duration::from_secs(20);
/// How often it is asked meanwhile.
const PROBE_PAUSE: Duration = Duration::from_millis(50);
/// Whoever leaves looks for a moment whether somebody else is there.
const LOOKED_AT: Duration = Duration::from_millis(500);
/// How long a lease that is dropped waits for its turn to leave. It blocks meanwhile.
const DROP_PATIENCE: Duration = Duration::from_millis(300);

/// What becomes of a server when its last user leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stay {
    /// It is stopped.
    #[default]
    WhileUsed,
    /// It goes on, until it is stopped by [`stop_server`].
    AfterUsers,
}

/// Where the server of a home is kept, and how its program is found.
#[derive(Clone, Debug)]
pub struct ServerHome {
    folder: PathBuf,
    search: CliSearch,
    reporter: Reporter,
}

/// How a server is wanted. One that runs is used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ServerWish {
    /// Where it listens. One that runs elsewhere is used all the same, unless it has to be this port.
    pub port: Port,
    /// Whether it shows its pages.
    pub ui: Ui,
    /// What becomes of it in the end.
    pub stay: Stay,
    /// What it is tuned for.
    pub tuning: Tuning,
}

/// What can be known about the server of a home without using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// The server that runs.
    pub occupant: Occupant,
    /// What becomes of it in the end.
    pub stay: Stay,
}

impl ServerHome {
    /// The server that is kept in `<home>/temporal`.
    pub fn new(home: &Path, search: CliSearch, reporter: Reporter) -> Self {
        Self { folder: home.join("temporal"), search, reporter }
    }

    /// The file of the server's data.
    pub fn database(&self) -> PathBuf {
        self.folder.join("server.db")
    }

    /// The server's output.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The server that runs, whether or not it answers.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn status(&self) -> Result<Option<ServerStatus>, DevServerError> {
        match occupancy(&self.database())? {
            Occupancy::By(occupant) => Ok(Some(ServerStatus { occupant, stay: self.state().stay })),
            Occupancy::Free | Occupancy::Unknown => Ok(None),
        }
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("server.json")
    }

    fn state(&self) -> State {
        State::read(&self.state_file())
    }

    fn remember(&self, state: &State) -> Result<(), DevServerError> {
        state.write(&self.state_file())
    }

    fn users(&self) -> PathBuf {
        self.folder.join("users.lock")
    }

    fn turn(&self) -> PathBuf {
        self.folder.join("start.lock")
    }
}

/// Uses the server of a home: joins the one that runs, else starts one. It is there for as long as the lease is held.
///
/// # Errors
/// The program cannot be had, the server cannot be started, or one runs and does not answer.
pub async fn use_server(home: &ServerHome, wish: ServerWish) -> Result<ServerLease, DevServerError> {
    private_directory(&home.folder)?;
    let (turn, occupant) = settle(home, wish, Progress::Starting).await?;
    // Nobody can leave before it is our turn no more, so the server is not stopped before we are counted.
    let users = Lock::take(&home.users(), Kind::Shared, LOOKED_AT).await?;
    turn.release();
    Ok(ServerLease { home: home.clone(), wish, users: Some(users), occupant: Mutex::new(occupant) })
}

/// Stops the server of a home, also one that is to stay.
///
/// # Errors
/// Somebody uses it, or it cannot be killed.
pub async fn stop_server(home: &ServerHome) -> Result<Stopping, DevServerError> {
    // A folder that is made says that Temporal was used from this home.
    if !home.folder.is_dir() {
        return Ok(Stopping::NoneRan);
    }
    let turn = Lock::take(&home.turn(), Kind::Exclusive, TURN_PATIENCE).await?;
    let Occupancy::By(occupant) = occupancy(&home.database())? else { return Ok(Stopping::NoneRan) };
    let Some(alone) = Lock::try_take(&home.users(), Kind::Exclusive)? else {
        return Err(DevServerError::InUse { pid: occupant.pid });
    };
    stop(home, &occupant).await?;
    alone.release();
    turn.release();
    Ok(Stopping::Stopped(occupant))
}

/// What stopping came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// This one was stopped.
    Stopped(Occupant),
    /// There was none.
    NoneRan,
}

/// A share in the server of a home. Dropping it gives it back too, and tells the server to stop without waiting for its end,
/// which takes a second.
#[derive(Debug)]
pub struct ServerLease {
    home: ServerHome,
    wish: ServerWish,
    users: Option<Lock>,
    occupant: Mutex<Occupant>,
}

/// How a server was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers, and it is the one that was known.
    Fine,
    /// It is another one now, with the same data. Its address may be another too.
    Replaced,
}

/// What became of a server that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nobody else used it, so it was stopped.
    Stopped,
    /// Others use it.
    InUse,
    /// It stays, as was wished.
    Stays,
    /// It had died.
    Gone,
}

impl ServerLease {
    /// The server, as it was last known.
    pub fn occupant(&self) -> Occupant {
        self.known().clone()
    }

    /// Where it answers, `127.0.0.1:PORT`, as was last known.
    pub fn address(&self) -> String {
        self.known().address()
    }

    /// Sees to it that the server runs and answers: one that died is started again, on the same port if that is still free.
    /// Any number of users may do this at once.
    ///
    /// # Errors
    /// It cannot be started, or it runs and does not answer.
    pub async fn ensure_running(&self) -> Result<Health, DevServerError> {
        let known = self.occupant();
        let there = occupancy(&self.home.database())? == Occupancy::By(known.clone());
        if there && probe::answers(&known.address()).await.is_ok() {
            return Ok(Health::Fine);
        }
        let (turn, occupant) = settle(&self.home, self.wish, Progress::Restarting).await?;
        turn.release();
        let health = if occupant == known { Health::Fine } else { Health::Replaced };
        *self.known() = occupant;
        Ok(health)
    }

    /// Gives the share back. The last one stops the server, unless it is to stay, and waits until it is gone.
    ///
    /// # Errors
    /// The server cannot be stopped. The share is given back all the same.
    pub async fn close(mut self) -> Result<Left, DevServerError> {
        let Some(users) = self.users.take() else { return Ok(Left::Gone) };
        let turn = Lock::take(&self.home.turn(), Kind::Exclusive, TURN_PATIENCE).await?;
        let left = match depart(&self.home, users)? {
            Departure::Done(left) => left,
            Departure::Last(occupant) => {
                stop(&self.home, &occupant).await?;
                Left::Stopped
            }
        };
        turn.release();
        Ok(left)
    }

    fn known(&self) -> MutexGuard<'_, Occupant> {
        self.occupant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ServerLease {
    fn drop(&mut self) {
        let Some(users) = self.users.take() else { return };
        let left = Lock::take_blocking(&self.home.turn(), Kind::Exclusive, DROP_PATIENCE).and_then(|turn| {
            if let Departure::Last(occupant) = depart(&self.home, users)? {
                // Whoever comes next waits until it is gone, and kills it where it does not go.
                self.home.remember(&State { phase: Phase::Stopping, ..self.home.state() })?;
                signal(&self.home.database(), occupant.pid, Signal::TERM)?;
            }
            turn.release();
            Ok(())
        });
        if let Err(error) = left {
            tracing::warn!(%error, "the Temporal server may go on although nobody uses it; the next user takes it over");
        }
    }
}

enum Departure {
    Done(Left),
    /// Nobody is left, and it is to be stopped.
    Last(Occupant),
}

/// Gives a share back, when it is our turn.
fn depart(home: &ServerHome, users: Lock) -> Result<Departure, DevServerError> {
    users.release();
    let Some(alone) = Lock::try_take(&home.users(), Kind::Exclusive)? else {
        return Ok(Departure::Done(Left::InUse));
    };
    alone.release();
    Ok(match (occupancy(&home.database())?, home.state().stay) {
        (Occupancy::Free | Occupancy::Unknown, _) => Departure::Done(Left::Gone),
        (Occupancy::By(_), Stay::AfterUsers) => Departure::Done(Left::Stays),
        (Occupancy::By(occupant), Stay::WhileUsed) => Departure::Last(occupant),
    })
}

/// Stops the server, when it is our turn and nobody uses it.
async fn stop(home: &ServerHome, occupant: &Occupant) -> Result<(), DevServerError> {
    let state = home.state();
    home.remember(&State { phase: Phase::Stopping, ..state.clone() })?;
    end(&home.database(), occupant.pid).await?;
    home.remember(&state.stopped())
}

/// Comes to a server that answers, and to our turn, which is given back by the caller.
async fn settle(
    home: &ServerHome,
    wish: ServerWish,
    starting: Progress,
) -> Result<(Lock, Occupant), DevServerError> {
    let mut cli = None;
    loop {
        let turn = Lock::take(&home.turn(), Kind::Exclusive, TURN_PATIENCE).await?;
        log::bound(&home.log());
        if let Some(occupant) = living(home).await? {
            adopt(home, wish, &occupant)?;
            return Ok((turn, occupant));
        }
        match &cli {
            Some(cli) => {
                home.reporter.tell(&starting);
                let occupant = start(home, wish, cli).await?;
                return Ok((turn, occupant));
            }
            None => {
                // Fetching it may take minutes; nobody has to wait for that who needs no program.
                turn.release();
                cli = Some(find_cli(&home.search, &home.reporter).await?);
            }
        }
    }
}

/// Takes note of a wish about a server that runs.
fn adopt(home: &ServerHome, wish: ServerWish, occupant: &Occupant) -> Result<(), DevServerError> {
    if let Port::Exactly(wanted) = wish.port
        && wanted != occupant.port
    {
        return Err(DevServerError::RunsElsewhere { address: occupant.address(), wanted });
    }
    let state = home.state();
    // Also where whoever started it was killed before it could write this.
    let known = State {
        port: Some(occupant.port),
        ui_port: occupant.ui_port,
        stay: if wish.stay == Stay::AfterUsers { Stay::AfterUsers } else { state.stay },
        phase: Phase::Running,
    };
    if known == state { Ok(()) } else { home.remember(&known) }
}

/// Starts a server as wished, or as the one was that died.
async fn start(
    home: &ServerHome,
    wish: ServerWish,
    cli: &super::TemporalCli,
) -> Result<Occupant, DevServerError> {
    let before = home.state();
    let options = DevServerOptions {
        database: home.database(),
        log: home.log(),
        port: match (wish.port, before.port) {
            (Port::Any, Some(port)) => Port::Prefer(port),
            (port, _) => port,
        },
        ui: match (wish.ui, before.ui_port) {
            (Ui::None, Some(port)) => Ui::On(Port::Prefer(port)),
            (ui, _) => ui,
        },
        tuning: wish.tuning,
    };
    // From here on the handle is not needed: whoever leaves last finds the server by its lock.
    let occupant = DevServer::start(cli, &options).await?.occupant().clone();
    adopt(home, wish, &occupant)?;
    Ok(occupant)
}

/// The server that runs and answers, when it is our turn; nothing if none runs.
async fn living(home: &ServerHome) -> Result<Option<Occupant>, DevServerError> {
    let database = home.database();
    let begun = Instant::now();
    let mut why = "it has left no note of its port".to_owned();
    loop {
        let occupant = match occupancy(&database)? {
            Occupancy::Free => return Ok(None),
            Occupancy::By(occupant) if home.state().phase == Phase::Stopping => {
                // It only waits for callers that it does not have. What it has answered is in its database.
                signal(&database, occupant.pid, Signal::KILL)?;
                if !is_gone(&database, KILL_PATIENCE).await? {
                    return Err(DevServerError::Immortal { pid: occupant.pid });
                }
                home.remember(&home.state().stopped())?;
                return Ok(None);
            }
            Occupancy::By(occupant) => {
                match probe::answers(&occupant.address()).await {
                    Ok(()) => return Ok(Some(occupant)),
                    Err(said) => why = said,
                }
                Some(occupant)
            }
            Occupancy::Unknown => None,
        };
        if begun.elapsed() > SILENCE_PATIENCE {
            return Err(match occupant {
                Some(occupant) => silent(&occupant, &home.log(), SILENCE_PATIENCE, why),
                None => DevServerError::DatabaseInUse { database, pid: None },
            });
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}

//! [`Server`]: a server from its first use on, through its crashes.

use super::{
    connection::{Connection, Listed, Surroundings},
    settings::McpServer,
    trouble::Trouble,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// After the first failure in a row a server rests so long; after each further one four times as long.
const FIRST_REST: Duration = Duration::from_secs(1);
/// And at most so long.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// A server that ran so long before it ended has not failed in a row.
const SETTLED: Duration = Duration::from_secs(30);
/// How long a turn waits for a server that failed before and is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// A server of one directory.
pub(super) struct Server {
    pub(super) settings: McpServer,
    surroundings: Surroundings,
    state: Mutex<State>,
    /// What it offered when it ran last.
    listed: Mutex<Listed>,
}

enum State {
    /// Nobody has needed it yet, or it may be tried again at once.
    Idle {
        failures: u32,
    },
    /// It is being started. The receiver hears when that is over.
    Starting {
        over: watch::Receiver<()>,
        failures: u32,
        last: Option<Trouble>,
    },
    Running {
        connection: Arc<Connection>,
        failures: u32,
    },
    Failed {
        trouble: Trouble,
        failures: u32,
        since: Instant,
    },
    /// It is not started any more.
    Closed,
}

/// How long somebody waits for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until it is there or has failed.
    Fully,
    /// The same for a first start; not long for one that failed before.
    Briefly,
}

/// What is to be done about a server that is needed.
enum Next {
    Use(Arc<Connection>),
    Wait { over: watch::Receiver<()>, failures: u32, last: Option<Trouble> },
    GiveUp(Trouble),
}

impl Server {
    pub(super) fn new(settings: McpServer, surroundings: Surroundings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            surroundings,
            state: Mutex::new(State::Idle { failures: 0 }),
            listed: Mutex::default(),
        })
    }

    /// The server, started where it does not run.
    pub(super) async fn connection(self: &Arc<Self>, wait: Wait) -> Result<Arc<Connection>, Trouble> {
        loop {
            match self.next() {
                Next::Use(connection) => return Ok(connection),
                Next::GiveUp(trouble) => return Err(trouble),
                Next::Wait { mut over, failures, last } => {
                    if wait == Wait::Briefly && failures > 0 {
                        if tokio::time::timeout(RETRY_WAIT, over.changed()).await.is_err() {
                            return Err(last.unwrap_or(Trouble::Starting));
                        }
                    } else {
                        // The sender is dropped when the start is over, whatever came of it.
                        let _ = over.changed().await;
                    }
                }
            }
        }
    }

    /// What it offers now. Where it is not there, what it offered when it ran last, and why it is not.
    pub(super) async fn listed(self: &Arc<Self>) -> (Listed, Option<Trouble>) {
        match self.connection(Wait::Briefly).await {
            Ok(connection) => {
                let listed = connection.listed(&self.settings).await;
                *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = listed.clone();
                (listed, None)
            }
            Err(trouble) => (self.known(), Some(trouble)),
        }
    }

    /// What it offered when it was asked last, without asking anybody.
    pub(super) fn known(&self) -> Listed {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a call runs on it.
    pub(super) fn is_busy(&self) -> bool {
        matches!(&*self.state(), State::Running { connection, .. } if !connection.running().is_empty())
    }

    /// Ends it for good.
    pub(super) async fn close(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Closed);
        if let State::Running { connection, .. } = state {
            connection.close().await;
        }
    }

    fn next(self: &Arc<Self>) -> Next {
        let mut state = self.state();
        self.notice_end(&mut state);
        match &*state {
            State::Running { connection, .. } => Next::Use(Arc::clone(connection)),
            State::Starting { over, failures, last } => {
                Next::Wait { over: over.clone(), failures: *failures, last: last.clone() }
            }
            State::Closed => {
                Next::GiveUp(Trouble::Other { why: "it has been closed".into(), said: String::new() })
            }
            State::Failed { trouble, failures, since } if since.elapsed() < rest(*failures) => {
                let left = rest(*failures).saturating_sub(since.elapsed());
                Next::GiveUp(Trouble::Resting { left, why: Box::new(trouble.clone()) })
            }
            State::Failed { failures, trouble, .. } => {
                let (failures, last) = (*failures, Some(trouble.clone()));
                self.begin(&mut state, failures, last)
            }
            State::Idle { failures } => {
                let failures = *failures;
                self.begin(&mut state, failures, None)
            }
        }
    }

    fn begin(self: &Arc<Self>, state: &mut State, failures: u32, last: Option<Trouble>) -> Next {
        let over = self.start(failures);
        *state = State::Starting { over: over.clone(), failures, last: last.clone() };
        Next::Wait { over, failures, last }
    }

    /// A server that has ended is started again at its next use: at once if it ran for a while, else after a rest.
    fn notice_end(&self, state: &mut State) {
        let State::Running { connection, failures } = &*state else { return };
        if !connection.is_closed() {
            return;
        }
        let settled = connection.begun.elapsed() > SETTLED;
        let failures = if settled { 0 } else { failures + 1 };
        tracing::warn!(server = %self.settings.name, "an MCP server has ended");
        *state = if failures <= 1 {
            State::Idle { failures }
        } else {
            let why = "it ended again soon after it was started".to_owned();
            let trouble = Trouble::Other { why, said: String::new() };
            State::Failed { trouble, failures, since: Instant::now() }
        };
    }

    /// Starts it in a task of its own, so that nobody who stops waiting stops it.
    fn start(self: &Arc<Self>, failures: u32) -> watch::Receiver<()> {
        let (ends, over) = watch::channel(());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let opened = Connection::open(&this.settings, &this.surroundings).await;
            this.started(opened, failures);
            drop(ends);
        });
        over
    }

    fn started(&self, opened: Result<Connection, Trouble>, failures: u32) {
        let next = match opened {
            Ok(connection) => {
                *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = connection.known();
                State::Running { connection: Arc::new(connection), failures }
            }
            Err(trouble) => {
                tracing::warn!(server = %self.settings.name, ?trouble, "an MCP server is not there");
                State::Failed { trouble, failures: failures + 1, since: Instant::now() }
            }
        };
        let mut state = self.state();
        // Closed meanwhile, the new connection goes at once.
        if !matches!(&*state, State::Closed) {
            *state = next;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rest(failures: u32) -> Duration {
    let times = 4_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_REST.saturating_mul(times).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_makes_a_longer_rest() {
        let rests: Vec<u64> = (1..=6).map(|failures| rest(failures).as_secs()).collect();
        assert_eq!(rests, [1, 4, 16, 64, 256, 300]);
    }
}

//! [`KillPoint`]: stops a process at a named point of its work and kills it there, from outside, with SIGKILL.
//!
//! The process under test is built with its feature `kill-points`. It then reads two variables: `EVERTURN_KILL_POINT` names
//! the point and the hit (`commit.before:3`), `EVERTURN_KILL_MARKER` a file that it writes when it has come there, before
//! it stops for good.

use std::{
    fmt, io,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

/// How long a process may take to come to its kill point.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the marker is looked for.
const LOOK: Duration = Duration::from_millis(1);

/// A place in a process's work at which it is killed.
#[derive(Clone, Debug)]
pub struct KillPoint {
    /// The point's name, for example `commit.before`.
    pub name: String,
    /// Its n-th hit, from 1.
    pub hit: u32,
    /// The marker file; it must not exist yet.
    pub marker: PathBuf,
}

/// The process did not come to its kill point.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KillPointError {
    /// It ended before.
    #[error("the process ended ({status}) before it came to {point}")]
    Ended {
        /// The point.
        point: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It took too long.
    #[error("the process did not come to {point} in {} s", PATIENCE.as_secs())]
    Late {
        /// The point.
        point: String,
    },
    /// It could not be watched or killed.
    #[error("the process could not be watched: {0}")]
    Io(#[from] io::Error),
}

impl KillPoint {
    /// Tells the process to stop here.
    pub fn arm(&self, command: &mut Command) {
        command.env("EVERTURN_KILL_POINT", self.to_string()).env("EVERTURN_KILL_MARKER", &self.marker);
    }

    /// Waits until the process has come here, then kills it and waits for its end.
    ///
    /// # Errors
    /// When it ends before, or does not come here in time.
    pub fn kill(&self, child: &mut Child) -> Result<(), KillPointError> {
        let started = Instant::now();
        while !self.marker.exists() {
            if let Some(status) = child.try_wait()? {
                return Err(KillPointError::Ended { point: self.to_string(), status });
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Err(KillPointError::Late { point: self.to_string() });
            }
            std::thread::sleep(LOOK);
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}

impl fmt::Display for KillPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.hit)
    }
}

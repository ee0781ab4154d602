//! What is told while a server is made ready, for whoever waits.

use std::{fmt, sync::Arc};

/// A step that takes long enough for somebody to ask what is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The program is fetched, which happens once.
    Fetching {
        /// Its version.
        version: String,
        /// How much is fetched, about.
        megabytes: u32,
    },
    /// Another process fetches the program, and this one waits for it.
    AwaitingFetch,
    /// What was in the cache does not work and is fetched anew.
    BrokenCache {
        /// What is wrong with it.
        why: String,
    },
    /// The server is started.
    Starting,
    /// The server had died and is started again.
    Restarting,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetching { version, megabytes } => {
                write!(f, "fetching the Temporal server {version} (once, about {megabytes} MB)")
            }
            Self::AwaitingFetch => f.write_str("another process fetches the Temporal server; waiting for it"),
            Self::BrokenCache { why } => {
                write!(f, "the Temporal server in the cache does not work ({why}); fetching it anew")
            }
            Self::Starting => f.write_str("starting the Temporal server"),
            Self::Restarting => f.write_str("the Temporal server was gone; starting it again"),
        }
    }
}

/// Who is told.
#[derive(Clone)]
pub struct Reporter(Arc<dyn Fn(&Progress) + Send + Sync>);

impl Reporter {
    /// Tells this function. It is called from the task that waits, so it must not block.
    pub fn new(tell: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn tell(&self, progress: &Progress) {
        tracing::info!(%progress, "Temporal server");
        (self.0)(progress);
    }
}

/// Tells nobody but the log.
impl Default for Reporter {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

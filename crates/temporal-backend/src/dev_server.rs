//! A Temporal server for a laptop: `temporal server start-dev`, found or fetched, tuned, probed, and shared.
//!
//! [`use_server`] is what everything else calls: it joins the one server of a home, or starts it, and the last to leave
//! stops it. [`DevServer`] is one server process; [`find_cli`] is the program; [`TestServer`] is a server of a test's own.
//!
//! Three locks, all `flock`, so the kernel gives each back however its holder dies:
//!
//! * `server.db.lock` is held by the **server**, which has it as its standard input. Held means alive. No process number has
//!   to be compared with anything, a zombie holds nothing, and no second server ever opens the same database.
//! * `users.lock` is held, shared, by every process that uses the server. Nobody else there means that it may stop.
//! * `start.lock` is held, briefly, by whoever joins, starts, restarts or leaves.
//!
//! Not here: workflows, workers, the connection that those use. Start reading at `shared.rs`, then `process.rs`.

mod cli;
mod error;
mod fetch;
mod lock;
mod log;
mod port;
mod probe;
mod process;
mod progress;
mod shared;
mod spawn;
mod state;
#[cfg(feature = "test-util")]
mod test_server;

pub use cli::{CLI_VARIABLE, CliSearch, Fetch, TemporalCli, find_cli};
pub use error::DevServerError;
pub use fetch::PINNED_CLI_VERSION;
pub use port::Port;
pub use probe::{NAMESPACE, RETENTION_DAYS};
pub use process::{DevServer, DevServerOptions};
pub use progress::{Progress, Reporter};
pub use shared::{
    Health, Left, ServerHome, ServerLease, ServerStatus, ServerWish, Stay, Stopping, stop_server, use_server,
};
pub use spawn::{Occupant, SEARCH_ATTRIBUTES, Tuning, Ui};
#[cfg(feature = "test-util")]
pub use test_server::TestServer;

//! [`DevServerError`]: why there is no server.

use std::{io, path::PathBuf, time::Duration};

/// Why a server could not be found, started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevServerError {
    /// The program can be had nowhere.
    #[error(
        "no Temporal server can be started, because the program `temporal` was not found. Tried:{}\nEither install the \
         Temporal CLI so that `temporal` is on PATH, or set EVERTURN_TEMPORAL_CLI to it, or give --address of a server \
         that runs",
        list(tried)
    )]
    NoCli {
        /// Each place, and why it was not there.
        tried: Vec<String>,
    },
    /// The program that was named is not one.
    #[error(
        "EVERTURN_TEMPORAL_CLI names {}, which is not a Temporal CLI: {why}; set it to the program `temporal`, or unset it",
        path.display()
    )]
    NotTheCli {
        /// What was named.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file or directory cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The port that was asked for is not free.
    #[error(
        "port {port} of 127.0.0.1 is taken by another program; choose another port, or let one be chosen"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// No port of those that are tried is free.
    #[error("none of {tried} ports from {first} on is free on 127.0.0.1; give one with --port")]
    NoPort {
        /// The first that was tried.
        first: u16,
        /// How many were.
        tried: u16,
    },
    /// Another server has the database open.
    #[error(
        "the database {} is used by a Temporal server that runs{}; use that one, or stop it first",
        database.display(), holder(*pid)
    )]
    DatabaseInUse {
        /// The file.
        database: PathBuf,
        /// The server's process, where it is known.
        pid: Option<u32>,
    },
    /// The server ended while it was started.
    #[error("the Temporal server ended at its start ({status}){}", last_words(words, log))]
    Died {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        words: String,
        /// The log.
        log: PathBuf,
    },
    /// The server runs and does not answer.
    #[error(
        "the Temporal server at {address} (process {pid}) did not answer within {} s: {why}{}\nIf it stays so: kill {pid}",
        patience.as_secs(), last_words(words, log)
    )]
    Silent {
        /// Where it should answer.
        address: String,
        /// Its process.
        pid: u32,
        /// How long it was waited for.
        patience: Duration,
        /// What a call came to.
        why: String,
        /// The last lines of its log.
        words: String,
        /// The log.
        log: PathBuf,
    },
    /// The server does not end.
    #[error(
        "the Temporal server (process {pid}) does not end, not even by SIGKILL; look at it with: ps {pid}"
    )]
    Immortal {
        /// Its process.
        pid: u32,
    },
    /// Another process has been starting or stopping the server for too long.
    #[error(
        "another process has been starting or stopping the Temporal server for {} s ({} is locked); end it and try again",
        patience.as_secs(), lock.display()
    )]
    Busy {
        /// The lock it holds.
        lock: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The home's server runs, but not on the port that was asked for.
    #[error(
        "the Temporal server of this home runs at {address}, not on port {wanted}; use it there, or stop it first with: \
         everturn dev-server --stop"
    )]
    RunsElsewhere {
        /// Where it answers.
        address: String,
        /// The port that was asked for.
        wanted: u16,
    },
    /// The server is not to be stopped under those who use it.
    #[error(
        "the Temporal server (process {pid}) is in use by another everturn process; end that first, or stop the server all \
         the same with: kill {pid}"
    )]
    InUse {
        /// Its process.
        pid: u32,
    },
}

impl DevServerError {
    /// Whether the same may be tried again.
    pub fn retry(&self) -> bool {
        match self {
            Self::PortTaken { .. }
            | Self::NoPort { .. }
            | Self::DatabaseInUse { .. }
            | Self::Silent { .. }
            | Self::Busy { .. }
            | Self::InUse { .. } => true,
            Self::NoCli { .. }
            | Self::NotTheCli { .. }
            | Self::Files { .. }
            | Self::Died { .. }
            | Self::RunsElsewhere { .. }
            | Self::Immortal { .. } => false,
        }
    }

    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCli { .. } => "no_temporal_cli",
            Self::NotTheCli { .. } => "not_the_temporal_cli",
            Self::Files { .. } => "files",
            Self::PortTaken { .. } | Self::NoPort { .. } => "port_taken",
            Self::DatabaseInUse { .. } => "database_in_use",
            Self::Died { .. } => "server_died",
            Self::Silent { .. } => "server_silent",
            Self::Immortal { .. } => "server_immortal",
            Self::Busy { .. } => "server_busy",
            Self::RunsElsewhere { .. } => "server_runs_elsewhere",
            Self::InUse { .. } => "server_in_use",
        }
    }

    /// What a file operation's error becomes.
    pub(super) fn files(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files { path, source }
    }
}

fn list(tried: &[String]) -> String {
    tried.iter().map(|one| format!("\n  {one}")).collect()
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn last_words(words: &str, log: &std::path::Path) -> String {
    if words.is_empty() {
        return format!("; its log {} is empty", log.display());
    }
    let words: String = words.lines().map(|line| format!("\n  {line}")).collect();
    format!("; the last lines of {}:{words}", log.display())
}

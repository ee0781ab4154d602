//! [`Layers`]: configuration from the command line, and [`Whereabouts`], the part of it that says where threads live.

use clap::{Args, ValueEnum};

/// Configuration from the command line.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct Layers {
    /// Set a configuration key, for example -c model_reasoning_effort=high; may be given several times. The value is TOML,
    /// or a plain string. `everturn config keys` lists all keys.
    #[arg(long = "config", short = 'c', value_name = "KEY=VALUE")]
    pub(crate) config: Vec<String>,
    /// Use this profile of the configuration file.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) whereabouts: Whereabouts,
}

/// Where threads live.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct Whereabouts {
    /// Where a new thread lives [default: local, or as the configuration says], or the only place where one is looked for
    /// [default: the data folder first, then Temporal if it has been used or is configured].
    #[arg(long, value_enum)]
    pub(crate) backend: Option<BackendName>,
    /// The Temporal server (config key `temporal.address`). A new thread lives there, unless --backend says otherwise.
    #[arg(long, value_name = "HOST:PORT", hide_short_help = true)]
    pub(crate) address: Option<String>,
    /// The namespace on the Temporal server (config key `temporal.namespace`).
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) namespace: Option<String>,
    /// The task queue of the worker that serves a new thread (config key `temporal.queue`).
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) queue: Option<String>,
    /// The NATS server that carries what is shown while it happens from workers to other machines (config key
    /// `temporal.bus`).
    #[arg(long, value_name = "nats://HOST:PORT", hide_short_help = true)]
    pub(crate) bus: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// In this process, kept in the data folder.
    Local,
    /// In a workflow of a Temporal server.
    Temporal,
}

impl BackendName {
    /// How it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Temporal => "temporal",
        }
    }
}

impl Layers {
    /// These on top of others.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            config: [below.config, self.config].concat(),
            profile: self.profile.or(below.profile),
            whereabouts: self.whereabouts.over(below.whereabouts),
        }
    }
}

impl Whereabouts {
    fn over(self, below: Self) -> Self {
        Self {
            backend: self.backend.or(below.backend),
            address: self.address.or(below.address),
            namespace: self.namespace.or(below.namespace),
            queue: self.queue.or(below.queue),
            bus: self.bus.or(below.bus),
        }
    }

    /// Where a new thread lives, as far as this says it, with the option that does. A server is named to be used.
    pub(crate) fn for_new_threads(&self) -> Option<(&'static str, BackendName)> {
        let chosen = self.backend.map(|backend| ("--backend", backend));
        chosen.or_else(|| self.address.as_ref().map(|_| ("--address", BackendName::Temporal)))
    }
}

impl From<config::Backend> for BackendName {
    fn from(backend: config::Backend) -> Self {
        match backend {
            config::Backend::Local => Self::Local,
            config::Backend::Temporal => Self::Temporal,
        }
    }
}

impl From<BackendName> for config::Backend {
    fn from(backend: BackendName) -> Self {
        match backend {
            BackendName::Local => Self::Local,
            BackendName::Temporal => Self::Temporal,
        }
    }
}

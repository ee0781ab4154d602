//! [`Layers`]: configuration from the command line.

use clap::Args;

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
}

impl Layers {
    /// These on top of others.
    pub(crate) fn over(self, below: Self) -> Self {
        Self { config: [below.config, self.config].concat(), profile: self.profile.or(below.profile) }
    }
}

//! The tools of this process, and the secrets that must not be stored.

use crate::{host::Keeping, providers::Providers, settings::Wishes};
use agent_core::{EventSink, Redactor};
use config::{Config, Inherit};
use std::{path::Path, sync::Arc};
use tools::{BlobWriter, EnvPolicy, ToolRegistry, ToolsConfig};

/// The tools, and what is removed from all they say: model keys, and whatever the environment policy withholds.
pub(crate) fn tools(
    wishes: &Wishes,
    providers: &Providers,
    home: &Path,
    keeping: Keeping,
    blobs: Arc<dyn BlobWriter>,
    shown: Arc<dyn EventSink>,
) -> (ToolRegistry, Redactor) {
    let environment = &wishes.environment;
    let policy = policy(wishes.config(), providers);
    let withheld = policy.excluded_values(environment.all());
    providers.redactor.learn(wishes.config().secrets(environment).into_iter().chain(withheld));
    providers.learn_kept_keys();
    let redactor = providers.redactor.clone();
    let tools = ToolsConfig {
        env_policy: policy,
        durability: match (keeping, wishes.config().durability) {
            (Keeping::Home, config::Durability::Power) => tools::Durability::Power,
            (Keeping::Nowhere, _) | (_, config::Durability::Process) => tools::Durability::Process,
        },
        ..ToolsConfig::new(home, environment.all().clone(), redactor.clone(), shown, blobs)
    };
    (ToolRegistry::new(tools), redactor)
}

fn policy(config: &Config, providers: &Providers) -> EnvPolicy {
    let configured = &config.shell_environment_policy;
    let set = configured.set.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    EnvPolicy {
        inherit: match configured.inherit {
            Inherit::All => tools::Inherit::All,
            Inherit::Core => tools::Inherit::Core,
            Inherit::None => tools::Inherit::None,
        },
        default_excludes: !configured.ignore_default_excludes,
        exclude: configured.exclude.clone(),
        set: set.collect(),
        include_only: configured.include_only.clone(),
        withhold: [providers.secret_variables(), config.temporal.secret_variables()].concat(),
    }
}

//! The tools of this process, and the secrets that must not be stored.

use crate::{providers::Providers, settings::Wishes};
use agent_core::{BlobId, Redactor, ThreadKey};
use async_trait::async_trait;
use config::{Inherit, ShellEnvironmentPolicy};
use local_backend::{Database, Durability};
use sink::Relay;
use std::{path::Path, sync::Arc};
use tools::{BlobWriter, EnvPolicy, ToolRegistry, ToolsConfig};

/// The tools, and what is removed from all they say: model keys, and whatever the environment policy withholds.
pub(crate) fn tools(
    wishes: &Wishes,
    providers: &Providers,
    home: &Path,
    durability: Durability,
    database: &Database,
    relay: &Arc<Relay>,
) -> (ToolRegistry, Redactor) {
    let environment = &wishes.environment;
    let policy = policy(&wishes.config().shell_environment_policy, providers);
    let withheld = policy.excluded_values(environment.all());
    providers.redactor.learn(wishes.config().secrets(environment).into_iter().chain(withheld));
    providers.learn_kept_keys();
    let redactor = providers.redactor.clone();
    let config = ToolsConfig {
        env_policy: policy,
        durability: match durability {
            Durability::Power => tools::Durability::Power,
            Durability::Process | Durability::Ephemeral => tools::Durability::Process,
        },
        ..ToolsConfig::new(
            home,
            environment.all().clone(),
            redactor.clone(),
            Arc::clone(relay) as _,
            Arc::new(Blobs { database: database.clone() }),
        )
    };
    (ToolRegistry::new(config), redactor)
}

fn policy(configured: &ShellEnvironmentPolicy, providers: &Providers) -> EnvPolicy {
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
        withhold: providers.secret_variables(),
    }
}

/// Keeps images that tools look at in the database.
struct Blobs {
    database: Database,
}

#[async_trait]
impl BlobWriter for Blobs {
    async fn put(&self, key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String> {
        let session = self.database.attach(key).await.map_err(|error| error.to_string())?;
        session.put_blob(&bytes).await.map_err(|error| error.to_string())
    }
}

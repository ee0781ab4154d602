//! [`Providers`]: the models behind the provider table, each made when it is first asked.

use agent_core::{BlobSource, ModelError, ModelErrorKind, Redactor};
use config::{Config, CredentialStore, Environment, ProviderEntry, Secret};
use models::{Catalogue, HttpModel, ProviderConfig, SecretString, WireApi};
use secrecy::ExposeSecret;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// The provider table and what its entries need.
pub(crate) struct Providers {
    table: BTreeMap<String, Slot>,
    /// Answers threads that name no provider.
    default: String,
    environment: Environment,
    credentials: CredentialStore,
    pub(crate) catalogue: Catalogue,
    blobs: Arc<dyn BlobSource>,
    /// Keeps every key out of what is stored and shown, also one that comes while the process runs.
    pub(crate) redactor: Redactor,
}

/// An entry and, once it was asked, its model.
struct Slot {
    entry: ProviderEntry,
    model: OnceLock<HttpModel>,
}

impl Providers {
    pub(crate) fn new(
        config: &Config,
        environment: Environment,
        credentials: CredentialStore,
        catalogue: Catalogue,
        blobs: Arc<dyn BlobSource>,
    ) -> Self {
        let slot = |entry: &ProviderEntry| Slot { entry: entry.clone(), model: OnceLock::new() };
        Self {
            table: config.model_providers.iter().map(|(id, entry)| (id.clone(), slot(entry))).collect(),
            default: config.model_provider.clone(),
            environment,
            credentials,
            catalogue,
            blobs,
            redactor: Redactor::default(),
        }
    }

    /// The model of this provider. Its connections are kept for the next request.
    pub(crate) fn model(&self, provider: &str) -> Result<&HttpModel, ModelError> {
        let id = if provider.is_empty() { self.default.as_str() } else { provider };
        let Some(slot) = self.table.get(id) else { return Err(self.unknown(id)) };
        if let Some(model) = slot.model.get() {
            return Ok(model);
        }
        let model = self.make(id, &slot.entry)?;
        Ok(slot.model.get_or_init(|| model))
    }

    fn unknown(&self, id: &str) -> ModelError {
        let known = self.table.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!(
            "this thread is answered by the provider {id}, which the configuration does not have; it has {known}. Add \
             [model_providers.{id}], or go on with another one: -c model_provider=NAME"
        );
        ModelError::new(ModelErrorKind::InvalidRequest, message)
    }

    fn make(&self, id: &str, entry: &ProviderEntry) -> Result<HttpModel, ModelError> {
        let key = self.key(id, entry)?;
        if entry.requires_key && key.is_none() {
            return Err(ModelError::new(ModelErrorKind::Auth, no_key(id, entry)));
        }
        let model = HttpModel::new(&provider_config(id, entry, key, &self.environment))
            .map_err(|error| ModelError::new(ModelErrorKind::InvalidRequest, error.to_string()))?;
        Ok(model.with_catalogue(self.catalogue.clone()).with_blobs(Arc::clone(&self.blobs)))
    }

    /// The key of a provider: from its variable, from the configuration, or from `everturn login`. It is a secret before
    /// anybody can use it.
    pub(crate) fn key(&self, id: &str, entry: &ProviderEntry) -> Result<Option<SecretString>, ModelError> {
        let key = match entry.key(&self.environment) {
            Some(key) => Some(SecretString::from(key.expose())),
            None => self.credentials.get(id).map_err(|error| {
                ModelError::new(
                    ModelErrorKind::Auth,
                    format!("the key that everturn login kept cannot be read: {error}"),
                )
            })?,
        };
        self.redactor.learn(key.iter().map(|key| key.expose_secret().to_owned()));
        Ok(key)
    }
}

impl Providers {
    /// Makes secrets of the keys that everturn login keeps in its file by now, used or not: a command may read the file. A
    /// keyring is not read for this: it may ask the user.
    pub(crate) fn learn_kept_keys(&self) {
        self.redactor.learn(self.credentials.filed().iter().map(|key| key.expose_secret().to_owned()));
    }

    /// The variables with keys and secret headers of all providers. No command gets them.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let names = self
            .table
            .values()
            .flat_map(|Slot { entry, .. }| entry.env_key.iter().chain(entry.env_http_headers.values()));
        names.cloned().collect()
    }
}

/// What to do about a missing key.
pub(crate) fn no_key(id: &str, entry: &ProviderEntry) -> String {
    format!("there is no key for the model provider {}: {}", entry.name, key_hint(id, entry))
}

/// How to come by a key.
pub(crate) fn key_hint(id: &str, entry: &ProviderEntry) -> String {
    let login = format!("run everturn login --provider {id}");
    let hint = match &entry.env_key {
        Some(variable) => format!("set {variable}, or {login}"),
        None => login,
    };
    match &entry.env_key_instructions {
        Some(instructions) => format!("{hint} ({})", instructions.trim_end_matches('.')),
        None => hint,
    }
}

fn provider_config(
    id: &str,
    entry: &ProviderEntry,
    key: Option<SecretString>,
    environment: &Environment,
) -> ProviderConfig {
    let shown = |(name, value): (String, Secret)| (name, SecretString::from(value.expose()));
    ProviderConfig {
        name: entry.name.clone(),
        base_url: entry.base_url.clone(),
        wire_api: match entry.wire_api {
            config::WireApi::Responses => WireApi::Responses,
            config::WireApi::Chat => WireApi::Chat,
            config::WireApi::Anthropic => WireApi::Anthropic,
        },
        api_key: key,
        key_hint: key_hint(id, entry),
        headers: entry.headers(environment).into_iter().map(shown).collect(),
        query: entry
            .query_params
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        request_retries: entry.request_max_retries,
        retry_base_ms: entry.request_retry_base_ms,
        connect_timeout_ms: entry.connect_timeout_ms,
        idle_timeout_ms: entry.stream_idle_timeout_ms,
    }
}

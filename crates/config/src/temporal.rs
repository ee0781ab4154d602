//! [`Temporal`]: how the Temporal server is reached, and what it may see.

use crate::{
    DevServerStart, Environment, Secret,
    value::{credentials, names_a_secret},
};
use std::{collections::BTreeMap, path::PathBuf};

/// The table `[temporal]`. What each field means is said where its key is, in [`crate::KEYS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporal {
    /// `address`; `None` leaves it to the profile.
    pub address: Option<String>,
    /// `namespace`; `None` leaves it to the profile.
    pub namespace: Option<String>,
    /// `profile`, of temporal.toml.
    pub profile: Option<String>,
    /// `config_file`; `None` is the usual place of temporal.toml.
    pub config_file: Option<PathBuf>,
    /// `api_key_env`, the variable with the key.
    pub api_key_env: String,
    /// `tls`.
    pub tls: TemporalTls,
    /// `grpc_meta`. Values may be secrets.
    pub grpc_meta: BTreeMap<String, Secret>,
    /// `queue`.
    pub queue: Option<String>,
    /// `model_queue`.
    pub model_queue: Option<String>,
    /// `bus`. It may hold credentials.
    pub bus: Option<Secret>,
    /// `dev_server`.
    pub dev_server: DevServerStart,
    /// `search_attributes`.
    pub search_attributes: bool,
    /// `codec`; `None` leaves payloads as they are.
    pub codec_keys: Option<CodecKeys>,
}

/// `temporal.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemporalTls {
    /// `enabled`; `None` where nothing is said.
    pub enabled: Option<bool>,
    /// `client_cert_path` or `client_cert_data`.
    pub client_cert: Option<Pem>,
    /// `client_key_path` or `client_key_data`.
    pub client_key: Option<Pem>,
    /// `server_ca_cert_path` or `server_ca_cert_data`.
    pub server_ca_cert: Option<Pem>,
    /// `server_name`.
    pub server_name: Option<String>,
}

/// A certificate or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// The text itself.
    Text(Secret),
}

/// Where the keys of the codec are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecKeys {
    /// In a file.
    File(PathBuf),
    /// In the environment variable of this name.
    Variable(String),
    /// In the entry of this name in the operating system's keyring.
    Keyring(String),
}

impl Temporal {
    /// The API key, where its variable is set. That of a profile is not known here.
    pub fn api_key(&self, environment: &Environment) -> Option<Secret> {
        environment.get(&self.api_key_env).map(Secret::new)
    }

    /// The variables with secrets. No command gets them.
    pub fn secret_variables(&self) -> Vec<String> {
        let codec = match &self.codec_keys {
            Some(CodecKeys::Variable(name)) => Some(name.clone()),
            Some(CodecKeys::File(_) | CodecKeys::Keyring(_)) | None => None,
        };
        let key = crate::environment::TEMPORAL_TLS_CLIENT_KEY_DATA.to_owned();
        [self.api_key_env.clone(), key].into_iter().chain(codec).collect()
    }

    /// What is in it of secrets, and in the variables that it names. Keys of the codec in a file or a keyring are read, and
    /// made secrets of, by whoever opens the codec.
    pub(crate) fn secrets(&self, environment: &Environment) -> Vec<String> {
        let mut secrets = Vec::new();
        for (name, value) in &self.grpc_meta {
            let key = credentials(name, value.expose());
            let is_secret = key.is_some() || names_a_secret(name);
            secrets.extend(is_secret.then(|| value.expose().to_owned()));
            secrets.extend(key.map(str::to_owned));
        }
        if let Some(Pem::Text(key)) = &self.tls.client_key {
            secrets.push(key.expose().to_owned());
        }
        if let Some(bus) = &self.bus {
            secrets.extend(password(bus.expose()).map(str::to_owned));
        }
        secrets.extend(self.api_key(environment).map(|key| key.expose().to_owned()));
        if let Some(CodecKeys::Variable(name)) = &self.codec_keys {
            // `ID:KEY` a line: a key may turn up without its id.
            let lines = environment.get(name).unwrap_or_default().lines();
            secrets.extend(lines.filter_map(|line| Some(line.split_once(':')?.1.trim().to_owned())));
        }
        secrets
    }
}

/// The password of an address, or the token that stands in its place.
fn password(address: &str) -> Option<&str> {
    let (credentials, _) = address.split_once("://")?.1.rsplit_once('@')?;
    Some(credentials.split_once(':').map_or(credentials, |(_, password)| password))
}

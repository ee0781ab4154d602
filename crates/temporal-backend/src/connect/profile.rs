//! What a profile of `temporal.toml` says. The SDK reads the file; its errors cannot leave a thread, so they become ours.

use super::{ConnectError, ConnectOptions, ProfileFile};
use std::collections::{BTreeMap, HashMap};
use temporalio_common::envconfig::{
    ClientConfig, ClientConfigProfile, ConfigError, DEFAULT_PROFILE, DataSource, LoadClientConfigOptions,
    load_client_config,
};

/// A profile and where it is from.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) says: ClientConfigProfile,
    pub(super) name: String,
    pub(super) file: String,
}

impl Profile {
    /// The profile that is asked for, else the default one, else nothing.
    pub(super) fn read(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let Some(place) = &options.profiles else {
            return match &options.profile {
                Some(name) => Err(ConnectError::UnknownProfile {
                    name: name.clone(),
                    file: "temporal.toml".to_owned(),
                    known: Vec::new(),
                }),
                None => Ok(Self::default()),
            };
        };
        let file = place.path().display().to_string();
        if !place.path().exists() && matches!(place, ProfileFile::Named(_)) {
            return Err(ConnectError::NoProfileFile { path: place.path().to_owned() });
        }
        let mut config =
            load(place).map_err(|why| ConnectError::ProfileFile { path: place.path().to_owned(), why })?;
        let name = options.profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
        match config.profiles.remove(&name) {
            Some(says) => Ok(Self { says, name, file }),
            None if options.profile.is_none() => Ok(Self::default()),
            None => {
                let known: BTreeMap<String, _> = config.profiles.into_iter().collect();
                Err(ConnectError::UnknownProfile { name, file, known: known.into_keys().collect() })
            }
        }
    }
}

fn load(place: &ProfileFile) -> Result<ClientConfig, String> {
    let source = DataSource::Path(place.path().to_string_lossy().into_owned());
    let options = LoadClientConfigOptions::builder().config_source(source).build();
    // What variables say is among the options already; here they would be heard twice.
    load_client_config(options, Some(&HashMap::new())).map_err(|error| match error {
        ConfigError::ProfileNotFound(name) => format!("has no profile {name}"),
        ConfigError::InvalidConfig(why) => format!("is not right: {why}"),
        // Of a file that is not TOML the parser repeats a line, which may hold a key.
        ConfigError::LoadError(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => format!("cannot be read: {error}"),
            Err(error) => format!("is not right: {}", first_line(&error.to_string())),
        },
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

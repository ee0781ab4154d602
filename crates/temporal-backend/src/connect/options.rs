//! [`ConnectOptions`]: what a user says of a server.

use config::{Environment, Temporal, TemporalTls};
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// An address at which nobody answers is told after so long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// How a server is found and spoken to. What is left out comes from a profile of `temporal.toml`, else from defaults.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// `HOST:PORT`, `HOST`, or a URL.
    pub address: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The profile. It must be there; where `None`, `default` is used if there is one.
    pub profile: Option<String>,
    /// Where the profiles are. Where `None`, there are none.
    pub profiles: Option<ProfileFile>,
    /// The API key.
    pub api_key: Option<SecretString>,
    /// Certificates, and whether TLS is used.
    pub tls: TemporalTls,
    /// Headers of every request.
    pub headers: BTreeMap<String, SecretString>,
    /// What the server shows of this client; where `None`, the SDK shows workers as `PID@HOST`.
    pub identity: Option<String>,
    /// How long connecting may take.
    pub timeout: Duration,
}

/// Where the profiles are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileFile {
    /// Where Temporal's own tools look for them. It need not be there.
    Usual(PathBuf),
    /// Where the user says that they are.
    Named(PathBuf),
}

impl ConnectOptions {
    /// What the configuration says.
    pub fn new(settings: &Temporal, environment: &Environment) -> Self {
        let profiles = match &settings.config_file {
            Some(path) => Some(ProfileFile::Named(path.clone())),
            None => usual(environment).map(ProfileFile::Usual),
        };
        let headers = settings.grpc_meta.iter();
        Self {
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            profile: settings.profile.clone(),
            profiles,
            api_key: settings.api_key(environment).map(|key| SecretString::from(key.expose())),
            tls: settings.tls.clone(),
            headers: headers
                .map(|(name, value)| (name.clone(), SecretString::from(value.expose())))
                .collect(),
            identity: None,
            timeout: TIMEOUT,
        }
    }

    /// A server whose address is known, without TLS and profiles: one of this machine.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: Some(address.into()),
            namespace: None,
            profile: None,
            profiles: None,
            api_key: None,
            tls: TemporalTls::default(),
            headers: BTreeMap::new(),
            identity: None,
            timeout: TIMEOUT,
        }
    }
}

impl ProfileFile {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Usual(path) | Self::Named(path) => path,
        }
    }
}

/// Where Temporal's own tools look for profiles.
fn usual(environment: &Environment) -> Option<PathBuf> {
    let home = || environment.get("HOME").map(Path::new);
    let folder = if cfg!(target_os = "macos") {
        home()?.join("Library/Application Support")
    } else {
        let set = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
        set.filter(|folder| folder.is_absolute()).or_else(|| Some(home()?.join(".config")))?
    };
    Some(folder.join("temporalio").join("temporal.toml"))
}

//! [`NatsOptions`]: where the bus is, and how to be let in.

use percent_encoding::percent_decode_str;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};
use url::Url;

/// Servers of one cluster in one list.
const MAX_SERVERS: usize = 16;

/// Where the bus is, and how to be let in. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// Without what was in them to be let in.
    servers: Vec<Url>,
    pub(super) credentials: Option<Credentials>,
    pub(super) roots: Option<PathBuf>,
    pub(super) identity: Option<Identity>,
}

#[derive(Clone, Debug)]
pub(super) enum Credentials {
    Token(SecretString),
    Password { user: String, password: SecretString },
}

/// Who we are, where the server asks for a certificate.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Why there is no bus. None of these is worth a retry: a server that does not answer is not among them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The URL makes no sense. It is not repeated, since there may be a password in it.
    #[error(
        "the URL of the bus {problem}; write nats://HOST:4222, or tls://HOST:4222 for TLS, with a comma between servers of one cluster"
    )]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// A file with certificates or a key cannot be used.
    #[error("{} holds no {expected} for the bus: {problem}; it has to be a PEM file", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What the reader of the file says.
        problem: String,
    },
    /// The caller has no runtime.
    #[error("the bus needs a tokio runtime with I/O and time: connect to it from within one")]
    NoRuntime,
}

impl BusError {
    /// Whether the same again may succeed.
    pub fn retry(&self) -> bool {
        match self {
            Self::Url { .. } | Self::Pem { .. } | Self::NoRuntime => false,
        }
    }

    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "bus_url",
            Self::Pem { .. } => "bus_pem",
            Self::NoRuntime => "bus_runtime",
        }
    }
}

impl NatsOptions {
    /// Options from a URL, `nats://host:4222` or `tls://host:4222`, or several with commas between them. What a URL
    /// may hold to be let in, `user:password@` or `token@`, counts for all of them.
    ///
    /// # Errors
    /// [`BusError::Url`].
    pub fn parse(urls: &str) -> Result<Self, BusError> {
        let mut options = Self { servers: Vec::new(), credentials: None, roots: None, identity: None };
        for text in urls.split(',') {
            let mut url = server(text.trim()).map_err(|problem| BusError::Url { problem })?;
            let credentials = take_credentials(&mut url).map_err(|problem| BusError::Url { problem })?;
            options.credentials = options.credentials.or(credentials);
            options.servers.push(url);
        }
        if options.servers.len() > MAX_SERVERS {
            let problem = format!("names {} servers, and {MAX_SERVERS} are taken", options.servers.len());
            return Err(BusError::Url { problem });
        }
        if options.servers.iter().any(|url| url.scheme() != options.servers[0].scheme()) {
            return Err(BusError::Url { problem: "names servers with TLS and without".into() });
        }
        Ok(options)
    }

    /// With this token, whatever the URL says.
    pub fn token(self, token: SecretString) -> Self {
        Self { credentials: Some(Credentials::Token(token)), ..self }
    }

    /// As this user, whatever the URL says.
    pub fn user_password(self, user: impl Into<String>, password: SecretString) -> Self {
        Self { credentials: Some(Credentials::Password { user: user.into(), password }), ..self }
    }

    /// Trusts the certificate authorities of this PEM file, and no others, in place of those of the system.
    pub fn root_certificates(self, path: impl Into<PathBuf>) -> Self {
        Self { roots: Some(path.into()), ..self }
    }

    /// Shows this certificate, with its key, to a server that asks for one. Both are PEM files.
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { identity: Some(Identity { certificate: certificate.into(), key: key.into() }), ..self }
    }

    /// What must not be repeated in any message or journal.
    pub fn secrets(&self) -> Vec<String> {
        match &self.credentials {
            Some(Credentials::Token(secret) | Credentials::Password { password: secret, .. }) => {
                vec![secret.expose_secret().to_owned()]
            }
            None => Vec::new(),
        }
    }

    /// The servers, to show.
    pub(super) fn shown(&self) -> String {
        self.servers.iter().map(Url::as_str).collect::<Vec<_>>().join(",")
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &Url> {
        self.servers.iter()
    }

    fn wants_tls(&self) -> bool {
        self.servers.iter().any(|url| url.scheme() == "tls")
    }

    /// Whether a secret would cross a network where others can read it.
    pub(super) fn shows_its_secret(&self) -> bool {
        self.credentials.is_some() && !self.wants_tls() && !self.servers.iter().all(is_loopback)
    }

    /// Reads the files once, so that a wrong one is told at the start and not with each attempt to connect.
    pub(super) fn check_files(&self) -> Result<(), BusError> {
        for path in self.roots.iter().chain(self.identity.iter().map(|identity| &identity.certificate)) {
            certificates(path).map_err(|problem| pem_error(path, "certificate", problem))?;
        }
        if let Some(Identity { key, .. }) = &self.identity {
            PrivateKeyDer::from_pem_file(key)
                .map_err(|error| pem_error(key, "private key", error.to_string()))?;
        }
        Ok(())
    }
}

/// A server's URL, if it is one.
fn server(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err("is empty".into());
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return Err("has no nats:// or tls:// before the host".into());
    };
    if !matches!(scheme, "nats" | "tls") {
        // Not repeated in full: what stands there by mistake may be anything.
        return Err("begins with something other than nats:// or tls://".into());
    }
    let url = Url::parse(text).map_err(|error| format!("cannot be read: {error}"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".into());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("has something after the port".into());
    }
    Ok(url)
}

/// What is in a URL to be let in; it is there no more afterwards. A user without password is a token, as everywhere
/// with NATS.
fn take_credentials(url: &mut Url) -> Result<Option<Credentials>, String> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| "has a user or password that is not UTF-8".to_owned())
    };
    let user = decoded(url.username())?;
    let password = url.password().map(decoded).transpose()?;
    // These fail only for a URL without host.
    let cleaned = url.set_username("").and_then(|()| url.set_password(None));
    if cleaned.is_err() {
        return Err("has no host".into());
    }
    Ok(match password {
        Some(password) => Some(Credentials::Password { user, password: password.into() }),
        None if user.is_empty() => None,
        None => Some(Credentials::Token(user.into())),
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn certificates(path: &Path) -> Result<(), String> {
    let mut found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    match found.next() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("there is none in it".into()),
    }
}

fn pem_error(path: &Path, expected: &'static str, problem: impl fmt::Display) -> BusError {
    BusError::Pem { path: path.to_owned(), expected, problem: problem.to_string() }
}

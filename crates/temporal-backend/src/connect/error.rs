//! [`ConnectError`]: why there is no client, and what to do. No message has a key in it.

use std::{fmt, path::PathBuf};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none.
    #[error("{address:?} is no address of a Temporal server: {why}")]
    BadAddress {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file with the profiles is not there.
    #[error(
        "{} is not there, which the settings name as the file with Temporal's profiles: correct TEMPORAL_CONFIG_FILE or \
         temporal.config_file",
        path.display()
    )]
    NoProfileFile {
        /// The file.
        path: PathBuf,
    },
    /// The file with the profiles cannot be used.
    #[error("{} {why}", path.display())]
    ProfileFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such profile.
    #[error("there is no profile {name:?} in {file}; {}", among(known))]
    UnknownProfile {
        /// The name.
        name: String,
        /// The file.
        file: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A profile asks for what is not done.
    #[error(
        "the profile {name:?} in {file} says disable_host_verification, which is not done here: name the authority of the \
         server's certificate with server_ca_cert_path, and the name in it with server_name"
    )]
    HostVerification {
        /// The profile.
        name: String,
        /// The file.
        file: String,
    },
    /// A certificate or a key cannot be used.
    #[error("{name} {why}")]
    Pem {
        /// What it is, and where.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// One of certificate and key is missing.
    #[error(
        "there is a client {has} and no client {lacks}: set both, temporal.tls.client_cert_path and \
         temporal.tls.client_key_path"
    )]
    HalfIdentity {
        /// What there is.
        has: &'static str,
        /// What there is not.
        lacks: &'static str,
    },
    /// A header cannot be sent.
    #[error(
        "the header {name:?} cannot be sent: names are small letters, digits and -, values printable letters of ASCII"
    )]
    Header {
        /// Its name.
        name: String,
    },
    /// The API key cannot be sent.
    #[error(
        "the API key cannot be sent: it has letters that no key has; is it quoted, or the name of a file?"
    )]
    ApiKey,
    /// Nobody answers.
    #[error("no Temporal server answers at {address} ({why}); {}", advice(*is_default))]
    Down {
        /// Where.
        address: String,
        /// What the operating system says.
        why: String,
        /// Whether nobody named this address.
        is_default: bool,
    },
    /// Nobody answers in time.
    #[error(
        "the Temporal server at {address} did not answer within {seconds} s; is the address right, and nothing between \
         here and there that swallows it?"
    )]
    Late {
        /// Where.
        address: String,
        /// How long was waited.
        seconds: f32,
    },
    /// TLS does not come about.
    #[error("no TLS with {address}: {fault}")]
    Tls {
        /// Where.
        address: String,
        /// Why.
        fault: TlsFault,
    },
    /// What answers is no Temporal server.
    #[error("what answers at {address} does not speak as a Temporal server does ({why}); {advice}")]
    NotTemporal {
        /// Where.
        address: String,
        /// What it said.
        why: String,
        /// What to look at.
        advice: &'static str,
    },
    /// The server does not let us in.
    #[error("the Temporal server at {address} refuses namespace {namespace:?} ({why}): {sent}")]
    Credentials {
        /// Where.
        address: String,
        /// Which namespace.
        namespace: String,
        /// What it said.
        why: String,
        /// What it was sent.
        sent: CredentialsSent,
    },
    /// There is no such namespace.
    #[error("there is no namespace {namespace:?} at {address}; {}", namespaces(known))]
    NoNamespace {
        /// The name.
        namespace: String,
        /// Where.
        address: String,
        /// Those there are, where the server tells.
        known: Vec<String>,
    },
    /// The server answers with an error of its own.
    #[error("the Temporal server at {address} answers: {why}")]
    Rejected {
        /// Where.
        address: String,
        /// What it said.
        why: String,
    },
}

/// With what credentials a server was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsSent {
    /// None at all.
    Nothing,
    /// An API key.
    ApiKey,
    /// A client certificate.
    Certificate,
}

/// Why TLS does not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server's certificate is from somebody who is not trusted.
    UnknownAuthority,
    /// The server's certificate is for another name; what rustls says.
    OtherName(String),
    /// The server's certificate is out of date.
    Expired,
    /// The server's certificate is not accepted for another reason.
    ServerCertificate(String),
    /// The server demands a client certificate.
    CertificateRequired,
    /// The server does not accept the client certificate; the alert that it sent.
    ClientCertificate(String),
    /// The server speaks no TLS.
    Plain,
    /// The server broke off.
    Broken(String),
}

impl fmt::Display for TlsFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority => out.write_str(
                "its certificate is from an authority that is not known here: name it with \
                 temporal.tls.server_ca_cert_path (TEMPORAL_TLS_SERVER_CA_CERT_PATH)",
            ),
            Self::OtherName(why) => write!(
                out,
                "its certificate is for another name ({why}): correct the address, or set temporal.tls.server_name \
                 (TEMPORAL_TLS_SERVER_NAME)"
            ),
            Self::Expired => {
                out.write_str("its certificate is out of date: renew it, or correct the clock of this machine")
            }
            Self::ServerCertificate(why) => write!(out, "its certificate is not accepted ({why})"),
            Self::CertificateRequired => out.write_str(
                "it demands a client certificate, and none is set: name one with temporal.tls.client_cert_path and \
                 temporal.tls.client_key_path (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH)",
            ),
            Self::ClientCertificate(alert) => write!(
                out,
                "it does not accept the client certificate ({alert}): it may be out of date, or from an authority that \
                 this server or namespace does not know; set another with temporal.tls.client_cert_path and \
                 temporal.tls.client_key_path"
            ),
            Self::Plain => out.write_str(
                "it does not speak TLS: set temporal.tls.enabled = false (TEMPORAL_TLS=false), and no API key, if that is \
                 as it should be",
            ),
            Self::Broken(why) => write!(
                out,
                "it broke off ({why}); it may demand a client certificate, or speak no TLS at this port"
            ),
        }
    }
}

impl fmt::Display for CredentialsSent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nothing => {
                "it was sent no credentials; set TEMPORAL_API_KEY, or a client certificate with \
                 temporal.tls.client_cert_path and temporal.tls.client_key_path"
            }
            Self::ApiKey => {
                "it was sent the API key, which is wrong, out of date, or for another namespace; make a new one and set \
                 TEMPORAL_API_KEY (or what temporal.api_key_env names)"
            }
            Self::Certificate => {
                "it was sent the client certificate, which is wrong, out of date, or for another namespace; set another \
                 with temporal.tls.client_cert_path and temporal.tls.client_key_path"
            }
        })
    }
}

impl ConnectError {
    /// Whether the same may work a little later, without anybody changing a setting.
    pub fn retry(&self) -> bool {
        matches!(self, Self::Down { .. } | Self::Late { .. } | Self::Rejected { .. })
    }

    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadAddress { .. } => "temporal_bad_address",
            Self::NoProfileFile { .. }
            | Self::ProfileFile { .. }
            | Self::UnknownProfile { .. }
            | Self::HostVerification { .. } => "temporal_profile",
            Self::Pem { .. } | Self::HalfIdentity { .. } => "temporal_certificate",
            Self::Header { .. } | Self::ApiKey => "temporal_bad_credentials",
            Self::Down { .. } | Self::Late { .. } => "temporal_down",
            Self::Tls { .. } => "temporal_tls",
            Self::NotTemporal { .. } => "temporal_not_temporal",
            Self::Credentials { .. } => "temporal_credentials",
            Self::NoNamespace { .. } => "temporal_no_namespace",
            Self::Rejected { .. } => "temporal_rejected",
        }
    }
}

fn advice(is_default: bool) -> &'static str {
    if is_default {
        "that is where it is looked for when no address is set: start one with everturn dev-server, or set \
         TEMPORAL_ADDRESS or temporal.address"
    } else {
        "start it, or correct the address; where none is set, everturn starts a server for this machine"
    }
}

fn among(known: &[String]) -> String {
    if known.is_empty() {
        "it has none: leave TEMPORAL_PROFILE and temporal.profile out, or write [profile.NAME]".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    }
}

fn namespaces(known: &[String]) -> String {
    if known.is_empty() {
        "set TEMPORAL_NAMESPACE or temporal.namespace, or make it with temporal operator namespace create"
            .to_owned()
    } else {
        format!("there are {}: set TEMPORAL_NAMESPACE or temporal.namespace", known.join(", "))
    }
}

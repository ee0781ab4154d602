//! [`ConnectError`]: why there is no client, and what to do. No message has a key in it.

use super::TlsFault;
use std::{error::Error, fmt, path::PathBuf};

/// Why there is no client. Shown as what happened and what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none.
    BadAddress {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file with the profiles is not there.
    NoProfileFile {
        /// The file.
        path: PathBuf,
    },
    /// The file with the profiles cannot be used.
    ProfileFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such profile.
    UnknownProfile {
        /// The name.
        name: String,
        /// The file.
        file: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A profile asks for what is not done.
    HostVerification {
        /// The profile.
        name: String,
        /// The file.
        file: String,
    },
    /// A certificate or a key cannot be used.
    Pem {
        /// What it is, and where.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// One of certificate and key is missing.
    HalfIdentity {
        /// What there is.
        has: &'static str,
        /// What there is not.
        lacks: &'static str,
    },
    /// A header cannot be sent.
    Header {
        /// Its name.
        name: String,
    },
    /// The API key cannot be sent.
    ApiKey,
    /// Nobody answers.
    Down {
        /// Where.
        address: String,
        /// What the operating system says.
        why: String,
        /// Whether nobody named this address.
        is_default: bool,
    },
    /// Nobody answers in time.
    Late {
        /// Where.
        address: String,
        /// How long was waited.
        seconds: f32,
    },
    /// TLS does not come about.
    Tls {
        /// Where.
        address: String,
        /// Why.
        fault: TlsFault,
    },
    /// What answers is no Temporal server.
    NotTemporal {
        /// Where.
        address: String,
        /// What it said.
        why: String,
        /// Whether it was spoken to over TLS.
        is_tls: bool,
    },
    /// The server does not let us in.
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
    NoNamespace {
        /// The name.
        namespace: String,
        /// Where.
        address: String,
        /// Those there are, where the server tells.
        known: Vec<String>,
    },
    /// The server answers with an error of its own.
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

impl ConnectError {
    /// What happened.
    pub fn what(&self) -> String {
        match self {
            Self::BadAddress { address, why, .. } => {
                format!("{address:?} is no address of a Temporal server: {why}")
            }
            Self::NoProfileFile { path } => format!(
                "{} is not there, which the settings name as the file with Temporal's profiles",
                path.display()
            ),
            Self::ProfileFile { path, why } => format!("{} {why}", path.display()),
            Self::UnknownProfile { name, file, .. } => format!("there is no profile {name:?} in {file}"),
            Self::HostVerification { name, file } => format!(
                "the profile {name:?} in {file} says disable_host_verification, which is not done here"
            ),
            Self::Pem { name, why } => format!("{name} {why}"),
            Self::HalfIdentity { has, lacks } => format!("there is a client {has} and no client {lacks}"),
            Self::Header { name } => format!("the header {name:?} cannot be sent"),
            Self::ApiKey => "the API key cannot be sent: it has letters that no key has".to_owned(),
            Self::Down { address, why, .. } => format!("no Temporal server answers at {address} ({why})"),
            Self::Late { address, seconds } => {
                format!("the Temporal server at {address} did not answer within {seconds} s")
            }
            Self::Tls { address, fault } => format!("no TLS with {address}: {}", fault.what()),
            Self::NotTemporal { address, why, .. } => {
                format!("what answers at {address} does not speak as a Temporal server does ({why})")
            }
            Self::Credentials { address, namespace, why, sent } => format!(
                "the Temporal server at {address} refuses namespace {namespace:?} ({why}): it was sent {}",
                match sent {
                    CredentialsSent::Nothing => "no credentials",
                    CredentialsSent::ApiKey =>
                        "an API key that is wrong, out of date, or for another namespace",
                    CredentialsSent::Certificate =>
                        "a client certificate that is wrong, out of date, or for another namespace",
                }
            ),
            Self::NoNamespace { namespace, address, .. } => {
                format!("there is no namespace {namespace:?} at {address}")
            }
            Self::Rejected { address, why } => format!("the Temporal server at {address} answers: {why}"),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> String {
        let fixed = match self {
            Self::BadAddress { remedy, .. } => remedy,
            Self::NoProfileFile { .. } => "correct TEMPORAL_CONFIG_FILE or temporal.config_file",
            Self::ProfileFile { .. } => "correct it, or name another with temporal.config_file",
            Self::UnknownProfile { known, .. } if known.is_empty() => {
                "it has none: leave TEMPORAL_PROFILE and temporal.profile out, or write [profile.NAME]"
            }
            Self::UnknownProfile { known, .. } => return format!("it has {}", known.join(", ")),
            Self::HostVerification { .. } => {
                "name the authority of the server's certificate with server_ca_cert_path, and the name in it with \
                 server_name"
            }
            Self::Pem { .. } => "correct it under temporal.tls, or in the profile that names it",
            Self::HalfIdentity { .. } => {
                "set both, temporal.tls.client_cert_path and temporal.tls.client_key_path"
            }
            Self::Header { .. } => "names are small letters, digits and -, values printable letters of ASCII",
            Self::ApiKey => "is it quoted, or the name of a file?",
            Self::Down { is_default: true, .. } => {
                "that is where it is looked for when no address is set: start one with everturn dev-server, or set \
                 TEMPORAL_ADDRESS or temporal.address"
            }
            Self::Down { .. } => {
                "start it, or correct the address; where none is set, everturn starts a server for this machine"
            }
            Self::Late { .. } => {
                "is the address right, and nothing between here and there that swallows what is sent?"
            }
            Self::Tls { fault, .. } => fault.remedy(),
            Self::NotTemporal { is_tls: true, .. } => "is it the port for gRPC?",
            Self::NotTemporal { .. } => {
                "is it the port for gRPC? if the server speaks TLS set temporal.tls.enabled = true (TEMPORAL_TLS=true)"
            }
            Self::Credentials { sent: CredentialsSent::Nothing, .. } => {
                "set TEMPORAL_API_KEY, or a client certificate with temporal.tls.client_cert_path and \
                 temporal.tls.client_key_path"
            }
            Self::Credentials { sent: CredentialsSent::ApiKey, .. } => {
                "make a new one and set TEMPORAL_API_KEY, or what temporal.api_key_env names"
            }
            Self::Credentials { sent: CredentialsSent::Certificate, .. } => {
                "set another with temporal.tls.client_cert_path and temporal.tls.client_key_path"
            }
            Self::NoNamespace { known, .. } if known.is_empty() => {
                "set TEMPORAL_NAMESPACE or temporal.namespace, or make it with temporal operator namespace create"
            }
            Self::NoNamespace { known, .. } => {
                return format!(
                    "there are {}: set TEMPORAL_NAMESPACE or temporal.namespace",
                    known.join(", ")
                );
            }
            Self::Rejected { .. } => "try again; the server's log may say more",
        };
        fixed.to_owned()
    }

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

impl fmt::Display for ConnectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.what(), self.remedy())
    }
}

impl Error for ConnectError {}

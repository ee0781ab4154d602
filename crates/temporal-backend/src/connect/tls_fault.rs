//! [`TlsFault`]: why TLS does not come about.

use rustls::{AlertDescription, CertificateError};

/// Why TLS does not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// This machine trusts nobody, and no authority is named.
    NoAuthorities,
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

/// Whether a client certificate was shown to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Certificate,
    Nothing,
}

impl TlsFault {
    /// What rustls found, or was told by the server.
    pub(super) fn new(error: &rustls::Error, shown: Shown) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                // The second: an authority of the same name, with another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::OtherName(error.to_string())
                }
                other => Self::ServerCertificate(other.to_string()),
            },
            rustls::Error::AlertReceived(alert) => Self::told(*alert, shown),
            rustls::Error::InvalidMessage(_) => Self::Plain,
            other => Self::Broken(other.to_string()),
        }
    }

    fn told(alert: AlertDescription, shown: Shown) -> Self {
        match (alert, shown) {
            (AlertDescription::CertificateRequired, _)
            // How TLS 1.2 demands one.
            | (AlertDescription::HandshakeFailure | AlertDescription::BadCertificate, Shown::Nothing) => {
                Self::CertificateRequired
            }
            (
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError,
                Shown::Certificate,
            ) => Self::ClientCertificate(format!("{alert:?}")),
            (other, _) => Self::Broken(format!("{other:?}")),
        }
    }

    /// What happened.
    pub(super) fn what(&self) -> String {
        match self {
            Self::NoAuthorities => "this machine has no list of authorities to trust".to_owned(),
            Self::UnknownAuthority => {
                "the server's certificate is from an authority that is not known here".to_owned()
            }
            Self::OtherName(why) => format!("the server's certificate is for another name ({why})"),
            Self::Expired => "the server's certificate is out of date".to_owned(),
            Self::ServerCertificate(why) => format!("the server's certificate is not accepted ({why})"),
            Self::CertificateRequired => {
                "the server demands a client certificate, and none is set".to_owned()
            }
            Self::ClientCertificate(alert) => {
                format!("the server does not accept the client certificate ({alert})")
            }
            Self::Plain => "the server does not speak TLS".to_owned(),
            Self::Broken(why) => format!("the server broke off ({why})"),
        }
    }

    /// What to do.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::NoAuthorities => {
                "install one (on Debian: ca-certificates), or name the server's authority with \
                 temporal.tls.server_ca_cert_path (TEMPORAL_TLS_SERVER_CA_CERT_PATH)"
            }
            Self::UnknownAuthority => {
                "name it with temporal.tls.server_ca_cert_path (TEMPORAL_TLS_SERVER_CA_CERT_PATH)"
            }
            Self::OtherName(_) => {
                "correct the address, or set temporal.tls.server_name (TEMPORAL_TLS_SERVER_NAME)"
            }
            Self::Expired => "renew it, or correct the clock of this machine",
            Self::ServerCertificate(_) => {
                "correct it, or name another authority with temporal.tls.server_ca_cert_path"
            }
            Self::CertificateRequired => {
                "name one with temporal.tls.client_cert_path and temporal.tls.client_key_path \
                 (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH)"
            }
            Self::ClientCertificate(_) => {
                "it may be out of date, or from an authority that this server or namespace does not know: set another with \
                 temporal.tls.client_cert_path and temporal.tls.client_key_path"
            }
            Self::Plain => {
                "set temporal.tls.enabled = false (TEMPORAL_TLS=false), and no API key, if that is as it should be"
            }
            Self::Broken(_) => "it may demand a client certificate, or speak no TLS at this port",
        }
    }
}

//! [`Target`]: a server and how it is spoken to, with everything decided and every file read.

use super::{
    ConnectError, ConnectOptions,
    pem::{PemText, identity},
    profile::Profile,
};
use config::{Pem, Secret, TemporalTls};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};
use temporalio_client::{ConnectionOptions, GrpcCompression, TlsOptions, tonic::metadata::AsciiMetadataKey};
use temporalio_common::envconfig::{ClientConfigTLS, DataSource};
use url::{Host, Url};

/// The address where nothing else is said, as for Temporal's own tools.
const DEFAULT_ADDRESS: &str = "localhost:7233";
/// How an address is written.
pub(super) const ADDRESS_FORM: &str = "it is written HOST:PORT, for example localhost:7233";
/// The port where an address has none.
const DEFAULT_PORT: u16 = 7233;
/// The namespace where nothing else is said.
const DEFAULT_NAMESPACE: &str = "default";

/// A server and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    named_by: NamedBy,
    namespace: String,
    pub(super) tls: Option<TlsOptions>,
    pub(super) has_client_certificate: bool,
    api_key: Option<SecretString>,
    headers: BTreeMap<String, SecretString>,
    identity: String,
    pub(super) timeout: Duration,
}

/// Who said which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The user's settings.
    Settings,
    /// A profile.
    Profile {
        /// Its name.
        name: String,
        /// The file that it is in.
        file: String,
    },
    /// Nobody: it is the address that is tried where none is known.
    Nobody,
}

impl Target {
    /// Decides everything that can be decided without the server.
    ///
    /// # Errors
    /// A malformed address, an unknown profile, a file that cannot be read or used, settings that contradict each other.
    pub fn resolve(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let profile = Profile::read(options)?;
        let (address, named_by) = match (&options.address, &profile.says.address) {
            (Some(address), _) => (address.as_str(), NamedBy::Settings),
            (None, Some(address)) => {
                let (name, file) = (profile.name.clone(), profile.file.clone());
                (address.as_str(), NamedBy::Profile { name, file })
            }
            (None, None) => (DEFAULT_ADDRESS, NamedBy::Nobody),
        };
        let of_profile = || profile.says.api_key.as_deref().map(SecretString::from);
        let api_key = options.api_key.clone().or_else(of_profile).map(sendable).transpose()?;
        let tls = merged(&options.tls, &profile)?;
        let asked = asked_for_tls(&tls, api_key.is_some());
        let (url, is_tls) = url(address, asked)?;
        let tls_options = if is_tls { Some(tls_options(&tls)?) } else { None };
        let namespace = options.namespace.as_ref().or(profile.says.namespace.as_ref());
        Ok(Self {
            url,
            named_by,
            namespace: namespace.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), Clone::clone),
            has_client_certificate: is_tls && tls.client_cert.is_some(),
            tls: tls_options,
            api_key,
            headers: headers(options, &profile)?,
            identity: options.identity.clone().unwrap_or_default(),
            timeout: options.timeout,
        })
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host(), self.url.port_or_known_default().unwrap_or(DEFAULT_PORT))
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Who said which server. Where nobody did, one may be started in its place.
    pub fn named_by(&self) -> &NamedBy {
        &self.named_by
    }

    /// Whether it is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether an API key is sent.
    pub fn has_api_key(&self) -> bool {
        self.api_key.is_some()
    }

    /// The secrets in it, for the redactor: also those that are in a profile.
    pub fn secrets(&self) -> Vec<SecretString> {
        self.api_key.iter().chain(self.headers.values()).cloned().collect()
    }

    /// Whether it is on this machine, where compression costs more than it saves.
    pub fn is_on_this_machine(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            None => false,
        }
    }

    pub(super) fn connection_options(&self) -> ConnectionOptions {
        let compression =
            if self.is_on_this_machine() { GrpcCompression::None } else { GrpcCompression::Gzip };
        let text = |(name, value): (&String, &SecretString)| (name.clone(), value.expose_secret().to_owned());
        let headers: HashMap<String, String> = self.headers.iter().map(text).collect();
        ConnectionOptions::new(self.url.clone())
            .identity(self.identity.clone())
            .maybe_tls_options(self.tls.clone())
            .maybe_api_key(self.api_key.as_ref().map(|key| key.expose_secret().to_owned()))
            .headers(headers)
            .connect_timeout(self.timeout)
            .grpc_compression(compression)
            // With it a host that is away is never told: the SDK waits for one of its addresses to answer.
            .dns_load_balancing(None)
            .build()
    }
}

/// A key without what a shell leaves around it. The SDK would leave out one that is no header, without a word.
fn sendable(key: SecretString) -> Result<SecretString, ConnectError> {
    let text = key.expose_secret().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConnectError::ApiKey);
    }
    Ok(SecretString::from(text))
}

/// What the settings say of TLS, completed by the profile.
fn merged(settings: &TemporalTls, profile: &Profile) -> Result<TemporalTls, ConnectError> {
    let Some(tls) = &profile.says.tls else { return Ok(settings.clone()) };
    let ClientConfigTLS { disabled, client_cert, client_key, server_ca_cert, server_name, .. } = tls;
    if tls.disable_host_verification {
        let Profile { name, file, .. } = profile;
        return Err(ConnectError::HostVerification { name: name.clone(), file: file.clone() });
    }
    let pem = |source: &Option<DataSource>| match source {
        Some(DataSource::Path(path)) => Some(Pem::File(path.into())),
        Some(DataSource::Data(bytes)) => Some(Pem::Text(Secret::new(String::from_utf8_lossy(bytes)))),
        _ => None,
    };
    // A table [profile.NAME.tls] asks for TLS, even an empty one.
    let enabled = Some(!disabled.unwrap_or_default());
    Ok(TemporalTls {
        enabled: settings.enabled.or(enabled),
        client_cert: settings.client_cert.clone().or_else(|| pem(client_cert)),
        client_key: settings.client_key.clone().or_else(|| pem(client_key)),
        server_ca_cert: settings.server_ca_cert.clone().or_else(|| pem(server_ca_cert)),
        server_name: settings.server_name.clone().or_else(|| server_name.clone()),
    })
}

/// Whether TLS is asked for, and by what.
fn asked_for_tls(tls: &TemporalTls, has_key: bool) -> Asked {
    let TemporalTls { enabled, client_cert, client_key, server_ca_cert, server_name } = tls;
    match enabled {
        Some(true) => Asked::For("the settings ask for TLS"),
        Some(false) => Asked::Against,
        None if has_key => Asked::For("an API key is only sent over TLS"),
        None if client_cert.is_some() || client_key.is_some() || server_ca_cert.is_some() => {
            Asked::For("there are certificates for TLS")
        }
        None if server_name.is_some() => Asked::For("there is a server name for TLS"),
        None => Asked::Nothing,
    }
}

/// What is said of TLS apart from the address.
#[derive(Clone, Copy)]
enum Asked {
    For(&'static str),
    Against,
    Nothing,
}

/// The address as a URL, and whether it is spoken to over TLS. The SDK would send a key in the clear where an address that
/// begins with `http://` contradicts everything else.
fn url(address: &str, asked: Asked) -> Result<(Url, bool), ConnectError> {
    let bad = |why: &str, remedy| {
        Err(ConnectError::BadAddress { address: shown(address), why: why.to_owned(), remedy })
    };
    let is_tls = match (address.split_once("://"), asked) {
        (Some(("http", _)), Asked::For(why)) => {
            return bad(
                &format!("it begins with http://, but {why}"),
                "begin it with https://, or leave that out",
            );
        }
        (Some(("https", _)), Asked::Against) => {
            return bad(
                "it begins with https://, but the settings say that TLS is off",
                "leave https:// out, or temporal.tls.enabled = false (TEMPORAL_TLS=false)",
            );
        }
        (Some(("https", _)), _) | (None, Asked::For(_)) => true,
        (Some(("http", _)), _) | (None, Asked::Against | Asked::Nothing) => false,
        (Some((scheme, _)), _) => return bad(&format!("nothing is known of {scheme}://"), ADDRESS_FORM),
    };
    let scheme = if is_tls { "https" } else { "http" };
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest).trim_end_matches('/');
    if rest.is_empty() || rest.contains(|letter: char| letter.is_whitespace() || "/?#@".contains(letter)) {
        return bad("there is more or less than a host and a port", ADDRESS_FORM);
    }
    let mut url = match Url::parse(&format!("{scheme}://{rest}")) {
        Ok(url) => url,
        Err(error) => return bad(&error.to_string(), ADDRESS_FORM),
    };
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !address.contains("://") && !has_port {
        // An address without a port; it cannot fail for one that has a host.
        let _ = url.set_port(Some(DEFAULT_PORT));
    }
    if url.port() == Some(0) { bad("port 0 is none", ADDRESS_FORM) } else { Ok((url, is_tls)) }
}

/// The address without what may be a password.
fn shown(address: &str) -> String {
    address.rsplit_once('@').map_or_else(|| address.to_owned(), |(_, host)| format!("…@{host}"))
}

fn tls_options(tls: &TemporalTls) -> Result<TlsOptions, ConnectError> {
    let client = match (&tls.client_cert, &tls.client_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(identity(
            &PemText::read(certificate, "the client's certificate")?,
            &PemText::read(key, "the client's key")?,
        )?),
        (Some(_), None) => return Err(ConnectError::HalfIdentity { has: "certificate", lacks: "key" }),
        (None, Some(_)) => return Err(ConnectError::HalfIdentity { has: "key", lacks: "certificate" }),
    };
    let authority = match &tls.server_ca_cert {
        Some(pem) => Some(PemText::read(pem, "the server's authority")?.authority()?),
        None => None,
    };
    Ok(TlsOptions::builder()
        .maybe_server_root_ca_cert(authority)
        .maybe_domain(tls.server_name.clone())
        .maybe_client_tls_options(client)
        .build())
}

fn headers(
    options: &ConnectOptions,
    profile: &Profile,
) -> Result<BTreeMap<String, SecretString>, ConnectError> {
    let of_profile = profile.says.grpc_meta.iter();
    let of_profile = of_profile.map(|(name, value)| (name.clone(), SecretString::from(value.as_str())));
    let mut headers: BTreeMap<String, SecretString> = of_profile.collect();
    headers.extend(options.headers.clone());
    for (name, value) in &headers {
        let is_name = AsciiMetadataKey::from_bytes(name.as_bytes()).is_ok();
        if !is_name || !value.expose_secret().bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(ConnectError::Header { name: name.clone() });
        }
    }
    Ok(headers)
}

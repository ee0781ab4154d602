//! Why a server breaks off after a TLS handshake that went well. In TLS 1.3 a client is done before the server has looked at
//! its certificate; what the server then says of it is lost where the client writes first, as HTTP/2 does. So the
//! handshake is made once more, only to listen.

use super::Target;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{io, sync::Arc, time::Duration};
use temporalio_client::TlsOptions;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::TlsConnector;

/// A server says it at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the server says of the handshake, if anything.
pub(super) async fn alert(target: &Target, tls: &TlsOptions) -> Option<rustls::Error> {
    tokio::time::timeout(PATIENCE, listen(target, tls)).await.ok().flatten()
}

async fn listen(target: &Target, tls: &TlsOptions) -> Option<rustls::Error> {
    let host = target.host();
    let name = tls.domain.clone().unwrap_or_else(|| host.trim_matches(['[', ']']).to_owned());
    let name = ServerName::try_from(name).ok()?;
    let stream = TcpStream::connect(target.address()).await.ok()?;
    let connector = TlsConnector::from(Arc::new(config(tls)?));
    let said = match connector.connect(name, stream).await {
        Ok(mut stream) => stream.read_u8().await.err()?,
        Err(error) => error,
    };
    inside(said)
}

fn inside(error: io::Error) -> Option<rustls::Error> {
    error.into_inner()?.downcast().ok().map(|error| *error)
}

fn config(tls: &TlsOptions) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match &tls.server_root_ca_cert {
        Some(pem) => roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten()),
        None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots);
    let mut config = match &tls.client_tls_options {
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(&identity.client_cert).flatten().collect();
            let key = PrivateKeyDer::from_pem_slice(&identity.client_private_key).ok()?;
            builder.with_client_auth_cert(chain, key).ok()?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Some(config)
}

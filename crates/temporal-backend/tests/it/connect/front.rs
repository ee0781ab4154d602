//! What stands before a Temporal server elsewhere: something that speaks TLS and demands certificates or keys. Behind it
//! is the plain server of the test.

use config::{Pem, Secret, TemporalTls};
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::sync::{Arc, Mutex};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// Who signs certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: String,
}

/// A certificate and its key, in PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Whether a certificate is still good.
#[derive(Clone, Copy)]
pub(super) enum Age {
    Good,
    OutOfDate,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name: String = key.public_key_pem().lines().nth(1).unwrap().chars().rev().take(30).collect();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for a server of this name.
    pub(super) fn server(&self, name: &str, age: Age) -> Identity {
        self.sign(vec![name.to_owned()], age)
    }

    pub(super) fn client(&self) -> Identity {
        self.sign(vec!["client".to_owned()], Age::Good)
    }

    pub(super) fn old_client(&self) -> Identity {
        self.sign(vec!["client".to_owned()], Age::OutOfDate)
    }

    fn sign(&self, names: Vec<String>, age: Age) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        if let Age::OutOfDate = age {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

/// What a client is told of certificates.
pub(super) fn tls(authority: &Authority, identity: Option<&Identity>) -> TemporalTls {
    let pem = |text: &str| Some(Pem::Text(Secret::new(text)));
    TemporalTls {
        server_ca_cert: pem(&authority.certificate),
        client_cert: identity.and_then(|identity| pem(&identity.certificate)),
        client_key: identity.and_then(|identity| pem(&identity.key)),
        ..TemporalTls::default()
    }
}

/// What a front asks its clients for.
pub(super) enum Demand {
    Nothing,
    /// A certificate from this authority.
    Certificate(String),
    /// An API key.
    Key(&'static str),
}

/// Something that speaks TLS before a plain server.
pub(super) struct Front {
    pub(super) address: String,
    /// The `authorization` headers that came, in their order.
    pub(super) seen: Arc<Mutex<Vec<Option<String>>>>,
    task: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Front {
    pub(super) async fn open(behind: &str, identity: &Identity, demand: Demand) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(server_config(identity, &demand)));
        let seen: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let (behind, heard) = (behind.to_owned(), seen.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind, heard) = (acceptor.clone(), behind.clone(), heard.clone());
                let key = if let Demand::Key(key) = demand { Some(key) } else { None };
                tokio::spawn(async move {
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    match key {
                        Some(key) => guard(TokioIo::new(inside), &behind, key, heard).await,
                        None => {
                            let mut outside = TcpStream::connect(&behind).await.unwrap();
                            let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                        }
                    }
                });
            }
        });
        Self { address, seen, task }
    }
}

fn server_config(identity: &Identity, demand: &Demand) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match demand {
        Demand::Certificate(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        Demand::Nothing | Demand::Key(_) => builder.with_no_client_auth(),
    };
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Passes requests on that carry the key, and refuses the others as Temporal Cloud does.
async fn guard<S>(client: S, behind: &str, key: &'static str, seen: Arc<Mutex<Vec<Option<String>>>>)
where
    S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let stream = TokioIo::new(TcpStream::connect(behind).await.unwrap());
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (mut sender, seen, behind) = (sender.clone(), seen.clone(), behind.to_owned());
        async move {
            let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            let is_right = header == Some(&format!("Bearer {key}"));
            seen.lock().unwrap().push(header.map(str::to_owned));
            if !is_right {
                return Ok::<Answer, hyper::Error>(refusal());
            }
            let path = request.uri().path_and_query().unwrap().as_str();
            *request.uri_mut() = format!("http://{behind}{path}").parse().unwrap();
            Ok(sender.send_request(request).await?.map(BodyExt::boxed))
        }
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(client, service).await;
}

fn refusal() -> Answer {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", "16")
        .header("grpc-message", "Request unauthorized.")
        .body(Empty::new().map_err(|never| match never {}).boxed())
        .unwrap()
}

//! TLS and mTLS: what works, and each way in which it does not.

use super::front::{Age, Authority, Demand, Front, Identity, tls};
use config::TemporalTls;
use temporal_backend::{
    ConnectError, ConnectOptions, TlsFault, connect, dev_server::TestServer, namespace_facts,
};

struct Scene {
    server: TestServer,
    authority: Authority,
}

impl Scene {
    async fn new() -> Self {
        Self { server: TestServer::start().await.unwrap(), authority: Authority::new() }
    }

    async fn front(&self, identity: &Identity, demand: Demand) -> Front {
        Front::open(self.server.address(), identity, demand).await
    }
}

fn options(front: &Front, tls: TemporalTls) -> ConnectOptions {
    ConnectOptions { tls, ..ConnectOptions::at(&front.address) }
}

/// The fault, and the message without what stands before it.
async fn fault(options: ConnectOptions) -> (TlsFault, String) {
    let error = connect(&options, None).await.unwrap_err();
    let message = error.to_string();
    let ConnectError::Tls { address, fault } = error else { panic!("{error:?}") };
    (fault, message.strip_prefix(&format!("no TLS with {address}: ")).unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_that_the_server_knows_everything_works() {
    let scene = Scene::new().await;
    let identity = scene.authority.server("localhost", Age::Good);
    let front = scene.front(&identity, Demand::Certificate(scene.authority.certificate.clone())).await;
    let client = scene.authority.client();
    let client = connect(&options(&front, tls(&scene.authority, Some(&client))), None).await.unwrap();
    assert_eq!(namespace_facts(&client).await.unwrap().name, "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_demands_a_certificate_is_told_from_one_that_refuses_it() {
    let scene = Scene::new().await;
    let identity = scene.authority.server("localhost", Age::Good);
    let front = scene.front(&identity, Demand::Certificate(scene.authority.certificate.clone())).await;
    let (required, message) = fault(options(&front, tls(&scene.authority, None))).await;
    assert_eq!(required, TlsFault::CertificateRequired);
    assert!(
        message.starts_with("the server demands a client certificate, and none is set; name one with"),
        "{message}"
    );
    let strangers = Authority::new();
    for (identity, alert) in
        [(scene.authority.old_client(), "CertificateExpired"), (strangers.client(), "UnknownCA")]
    {
        let (refused, message) = fault(options(&front, tls(&scene.authority, Some(&identity)))).await;
        let expected = TlsFault::ClientCertificate(alert.to_owned());
        assert_eq!(refused, expected, "{message}");
        assert!(message.contains("it may be out of date, or from an authority"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_server_that_cannot_be_trusted_is_told_with_why() {
    let scene = Scene::new().await;
    let good = scene.front(&scene.authority.server("localhost", Age::Good), Demand::Nothing).await;
    let strangers = Authority::new();
    let (unknown, message) = fault(options(&good, tls(&strangers, None))).await;
    assert_eq!(unknown, TlsFault::UnknownAuthority);
    assert!(message.contains("temporal.tls.server_ca_cert_path"), "{message}");
    // What the operating system trusts, if it has a list of that: the authority of a test is not on it.
    let enabled = TemporalTls { enabled: Some(true), ..TemporalTls::default() };
    let fault_of_system = fault(options(&good, enabled)).await.0;
    let expected = [TlsFault::UnknownAuthority, TlsFault::NoAuthorities];
    assert!(expected.contains(&fault_of_system), "{fault_of_system:?}");
    let old = scene.front(&scene.authority.server("localhost", Age::OutOfDate), Demand::Nothing).await;
    assert_eq!(fault(options(&old, tls(&scene.authority, None))).await.0, TlsFault::Expired);
    let other = scene.front(&scene.authority.server("temporal.inner", Age::Good), Demand::Nothing).await;
    let (name, message) = fault(options(&other, tls(&scene.authority, None))).await;
    assert!(matches!(name, TlsFault::OtherName(_)), "{name:?}");
    assert!(message.contains("temporal.inner") && message.contains("temporal.tls.server_name"), "{message}");
    let named = TemporalTls { server_name: Some("temporal.inner".into()), ..tls(&scene.authority, None) };
    connect(&options(&other, named), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_where_there_is_none_and_none_where_there_is_are_told() {
    let scene = Scene::new().await;
    let plain =
        ConnectOptions { tls: tls(&scene.authority, None), ..ConnectOptions::at(scene.server.address()) };
    let (fault, message) = fault(plain).await;
    assert!(matches!(fault, TlsFault::Plain), "{fault:?}");
    assert!(message.contains("temporal.tls.enabled = false"), "{message}");
    let front = scene.front(&scene.authority.server("localhost", Age::Good), Demand::Nothing).await;
    let error = connect(&ConnectOptions::at(&front.address), None).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::NotTemporal { .. })
            && error.to_string().contains("set temporal.tls.enabled = true (TEMPORAL_TLS=true)"),
        "{error}"
    );
}

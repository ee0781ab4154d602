//! API keys on the wire.

use super::front::{Age, Authority, Demand, Front, tls};
use secrecy::SecretString;
use temporal_backend::{
    ConnectError, ConnectOptions, CredentialsSent, connect, dev_server::TestServer, namespace_facts,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_sent_with_every_request_and_a_wrong_one_is_told() {
    let server = TestServer::start().await.unwrap();
    let authority = Authority::new();
    let front =
        Front::open(server.address(), &authority.server("localhost", Age::Good), Demand::Key("right-key"))
            .await;
    let options = |key: Option<&str>| ConnectOptions {
        api_key: key.map(SecretString::from),
        tls: tls(&authority, None),
        ..ConnectOptions::at(&front.address)
    };
    let client = connect(&options(Some("right-key")), None).await.unwrap();
    assert_eq!(namespace_facts(&client).await.unwrap().name, "default");
    let seen = std::mem::take(&mut *front.seen.lock().unwrap());
    assert_eq!(seen, vec![Some("Bearer right-key".to_owned()); 3]);

    let cases = [
        (Some("wrong-key"), CredentialsSent::ApiKey, "make a new one and set TEMPORAL_API_KEY"),
        (None, CredentialsSent::Nothing, "it was sent no credentials; set TEMPORAL_API_KEY"),
    ];
    for (key, expected, advice) in cases {
        let error = connect(&options(key), None).await.unwrap_err();
        let message = error.to_string();
        let ConnectError::Credentials { sent, .. } = error else { panic!("{error:?}") };
        assert_eq!(sent, expected);
        assert!(
            message.contains("refuses namespace \"default\" (Request unauthorized.)")
                && message.contains(advice),
            "{message}"
        );
        assert!(!message.contains("wrong-key"), "{message}");
    }
    assert_eq!(*front.seen.lock().unwrap(), [Some("Bearer wrong-key".to_owned()), None]);
}

//! The table `[temporal]` and the variables that Temporal's own tools read.

use crate::scene::Scene;
use config::{Backend, CodecKeys, DevServerStart, Listing, Pem, Secret, Temporal, TemporalTls};

#[test]
fn every_setting_of_the_table_reaches_the_configuration() {
    let scene = Scene::new().file(
        "backend = \"temporal\"\n\
         [temporal]\naddress = \"t:7233\"\nnamespace = \"n\"\nprofile = \"p\"\nconfig_file = \"t.toml\"\n\
         api_key_env = \"MY_KEY\"\nqueue = \"q\"\nmodel_queue = \"m\"\nbus = \"nats://b:4222\"\ndev_server = \"never\"\n\
         search_attributes = true\ngrpc_meta = { x-team = \"a\" }\n\
         [temporal.tls]\nenabled = true\nclient_cert_path = \"~/c.pem\"\nclient_key_path = \"/k.pem\"\n\
         server_ca_cert_data = \"CA\"\nserver_name = \"s\"\n[temporal.codec]\nkey_file = \"keys\"\n",
    );
    let home = scene.home();
    let config = scene.load().config;
    let expected = Temporal {
        address: Some("t:7233".into()),
        namespace: Some("n".into()),
        profile: Some("p".into()),
        config_file: Some(home.join("t.toml")),
        api_key_env: "MY_KEY".into(),
        tls: TemporalTls {
            enabled: Some(true),
            client_cert: Some(Pem::File("/h/c.pem".into())),
            client_key: Some(Pem::File("/k.pem".into())),
            server_ca_cert: Some(Pem::Text(Secret::new("CA"))),
            server_name: Some("s".into()),
        },
        grpc_meta: [("x-team".into(), Secret::new("a"))].into(),
        queue: Some("q".into()),
        model_queue: Some("m".into()),
        bus: Some(Secret::new("nats://b:4222")),
        dev_server: DevServerStart::Never,
        search_attributes: true,
        codec_keys: Some(CodecKeys::File(home.join("keys"))),
    };
    assert_eq!((config.backend, config.temporal), (Backend::Temporal, expected));
}

#[test]
fn the_variables_of_temporals_own_tools_are_read() {
    let scene = Scene::new()
        .variable("EVERTURN_BACKEND", "temporal")
        .variable("TEMPORAL_ADDRESS", "t:7233")
        .variable("TEMPORAL_NAMESPACE", "n")
        .variable("TEMPORAL_PROFILE", "p")
        .variable("TEMPORAL_CONFIG_FILE", "/t.toml")
        .variable("TEMPORAL_TLS", "True")
        .variable("TEMPORAL_TLS_CLIENT_CERT_DATA", "CERT")
        .variable("TEMPORAL_TLS_CLIENT_KEY_PATH", "/k.pem")
        .variable("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/ca.pem")
        .variable("TEMPORAL_TLS_SERVER_NAME", "s")
        .variable("TEMPORAL_GRPC_META_MY_TEAM", "a")
        .variable("TEMPORAL_GRPC_META_EMPTY", "");
    let config = scene.load().config;
    let expected = TemporalTls {
        enabled: Some(true),
        client_cert: Some(Pem::Text(Secret::new("CERT"))),
        client_key: Some(Pem::File("/k.pem".into())),
        server_ca_cert: Some(Pem::File("/ca.pem".into())),
        server_name: Some("s".into()),
    };
    let temporal = config.temporal;
    assert_eq!((config.backend, temporal.tls), (Backend::Temporal, expected));
    let texts = [temporal.address, temporal.namespace, temporal.profile].map(Option::unwrap);
    assert_eq!(texts, ["t:7233", "n", "p"]);
    assert_eq!(temporal.config_file.unwrap().to_str(), Some("/t.toml"));
    assert_eq!(temporal.grpc_meta, [("my-team".into(), Secret::new("a"))].into());
    assert_eq!(
        scene.setting("temporal.grpc_meta.my-team"),
        "\"a\" from environment variable TEMPORAL_GRPC_META_MY_TEAM"
    );
    assert_eq!(scene.setting("temporal.tls.enabled"), "true from environment variable TEMPORAL_TLS");
}

#[test]
fn of_keys_that_take_each_others_place_the_strongest_layer_counts_and_two_of_one_layer_are_refused() {
    let file = "[temporal.codec]\nkey_file = \"/keys\"\n[temporal.tls]\nclient_cert_path = \"/c\"\n";
    let scene = Scene::new()
        .file(file)
        .set("temporal.codec.key_env=MY_KEYS")
        .variable("TEMPORAL_TLS_CLIENT_CERT_DATA", "CERT");
    let temporal = scene.load().config.temporal;
    assert_eq!(temporal.codec_keys, Some(CodecKeys::Variable("MY_KEYS".into())));
    assert_eq!(temporal.tls.client_cert, Some(Pem::Text(Secret::new("CERT"))));
    let scene = Scene::new()
        .file("[temporal.codec]\nkey_file = \"/keys\"\nkeyring = \"k\"\n")
        .set("temporal.tls.client_key_path=/k")
        .set("temporal.tls.client_key_data=K");
    assert_eq!(
        scene.error(),
        "FILE:3:1: `temporal.codec.key_file` and `temporal.codec.keyring` are both set; keep one of them\n\
         -c: `temporal.tls.client_key_path` and `temporal.tls.client_key_data` are both set; keep one of them"
    );
}

#[test]
fn mistakes_are_told_with_the_way_out_and_without_the_secret() {
    let cases = [
        (
            "[temporal]\napi_key = \"tk-secret\"",
            "FILE:2:1: unknown key `temporal.api_key`; secrets are kept out of this file: set TEMPORAL_API_KEY, or name \
             another environment variable with `temporal.api_key_env`",
        ),
        (
            "temporal.codec.key = \"ck-secret\"",
            "FILE:1:16: unknown key `temporal.codec.key`; secrets are kept out of this file: name a file of keys with \
             `temporal.codec.key_file`, or an environment variable with `temporal.codec.key_env`",
        ),
        (
            "temporal.bus = \"http://me:pw-secret@h\"",
            "FILE:1:16: `temporal.bus` is a string; it takes an address that begins with nats:// or tls://",
        ),
        ("backend = \"cloud\"", "FILE:1:11: `backend` is \"cloud\"; it takes \"local\" or \"temporal\""),
        (
            "temporal.namespace = \" \"",
            "FILE:1:22: `temporal.namespace` is \" \"; it takes a string that is not blank",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(Scene::new().file(file).error(), expected, "{file}");
    }
    let scene = Scene::new().variable("TEMPORAL_TLS", "yes");
    assert_eq!(
        scene.error(),
        "environment variable TEMPORAL_TLS: `temporal.tls.enabled` is \"yes\"; it takes true or false"
    );
}

#[test]
fn no_listing_shows_a_secret_of_temporal_and_the_redactor_learns_each() {
    let scene = Scene::new()
        .file(
            "[temporal]\nbus = \"nats://me:pw-secret@h\"\ngrpc_meta = { authorization = \"Basic mt-secret\" }\n\
             [temporal.codec]\nkey_env = \"CODEC\"\n",
        )
        .variable("TEMPORAL_API_KEY", "tk-secret")
        .variable("TEMPORAL_TLS_CLIENT_KEY_DATA", "pem-secret")
        .variable("TEMPORAL_GRPC_META_X_TOKEN", "xt-secret")
        .variable("CODEC", "new:ck1-secret\nold: ck2-secret\n");
    let loaded = scene.load();
    let listed = loaded.provenance.list(Listing::All);
    let listed: Vec<String> =
        listed.iter().map(|(path, setting)| format!("{path} = {}", setting.value)).collect();
    let shown = format!("{}\n{loaded:?}", listed.join("\n"));
    assert!(!shown.contains("secret\""), "{shown}");
    assert!(!shown.contains("-secret"), "{shown}");
    assert!(
        shown.contains("temporal.bus = (hidden)") && shown.contains("temporal.grpc_meta.x-token = (hidden)")
    );
    let mut secrets = loaded.config.secrets(&scene.environment());
    secrets.sort();
    let expected = [
        "Basic mt-secret",
        "ck1-secret",
        "ck2-secret",
        "mt-secret",
        "pem-secret",
        "pw-secret",
        "tk-secret",
        "xt-secret",
    ];
    assert_eq!(secrets, expected);
    assert_eq!(
        loaded.config.temporal.secret_variables(),
        ["TEMPORAL_API_KEY", "TEMPORAL_TLS_CLIENT_KEY_DATA", "CODEC"]
    );
}

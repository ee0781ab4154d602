//! From settings, variables and profiles to a target, without a server.

use super::{User, front::Authority};
use secrecy::ExposeSecret;
use temporal_backend::{ConnectOptions, NamedBy, Target};

#[test]
fn addresses_are_read_as_temporals_own_tools_read_them() {
    let cases = [
        ("localhost:7233", "localhost:7233", false),
        ("10.1.2.3:80", "10.1.2.3:80", false),
        ("temporal.example", "temporal.example:7233", false),
        ("[::1]:7000", "[::1]:7000", false),
        ("[::1]", "[::1]:7233", false),
        ("http://h:1/", "h:1", false),
        ("https://h:2", "h:2", true),
        ("https://h", "h:443", true),
    ];
    for (given, address, is_tls) in cases {
        let target = Target::resolve(&ConnectOptions::at(given)).unwrap();
        assert_eq!((target.address().as_str(), target.is_tls()), (address, is_tls), "{given}");
    }
}

#[test]
fn an_address_that_is_none_is_told_with_how_one_is_written() {
    let cases = [
        ("", "there is more or less than a host and a port"),
        ("a b:1", "there is more or less than a host and a port"),
        ("h:1/path", "there is more or less than a host and a port"),
        ("me:pw-secret@h:1", "there is more or less than a host and a port"),
        ("grpc://h:1", "nothing is known of grpc://"),
        ("h:99999", "invalid port number"),
        ("h:0", "port 0 is none"),
    ];
    for (given, why) in cases {
        let error = Target::resolve(&ConnectOptions::at(given)).unwrap_err();
        let shown = given.replace("me:pw-secret", "…");
        assert_eq!(
            (error.to_string(), error.code()),
            (
                format!(
                    "{shown:?} is no address of a Temporal server: {why}; it is written HOST:PORT, for example localhost:7233"
                ),
                "temporal_bad_address"
            )
        );
    }
}

#[test]
fn without_any_setting_the_usual_address_is_tried_and_nobody_named_it() {
    let target = User::new().target();
    assert_eq!((target.address().as_str(), target.namespace()), ("localhost:7233", "default"));
    assert_eq!((target.named_by(), target.is_tls(), target.has_api_key()), (&NamedBy::Nobody, false, false));
    assert!(target.is_on_this_machine());
}

const PROFILES: &str = "[profile.default]\naddress = \"d:1\"\n\
     [profile.cloud]\naddress = \"c.tmprl.cloud:7233\"\nnamespace = \"ns.acct\"\napi_key = \"pk-secret\"\n\
     grpc_meta = { my_team = \"t\" }\n\
     [profile.off]\naddress = \"o:1\"\napi_key = \"pk-secret\"\ntls = { disabled = true }\n\
     [profile.named]\naddress = \"n:1\"\n[profile.named.tls]\nserver_name = \"other\"\n\
     [profile.blind]\naddress = \"b:1\"\n[profile.blind.tls]\ndisable_host_verification = true\n";

#[test]
fn a_profile_completes_what_is_not_set_and_what_is_set_goes_before_it() {
    let user = || User::new().profiles(PROFILES);
    let target = user().target();
    assert_eq!(target.address(), "d:1");
    assert!(matches!(target.named_by(), NamedBy::Profile { name, .. } if name == "default"));
    let target = user().variable("TEMPORAL_PROFILE", "cloud").target();
    assert_eq!((target.address().as_str(), target.namespace()), ("c.tmprl.cloud:7233", "ns.acct"));
    assert_eq!((target.is_tls(), target.has_api_key()), (true, true));
    let secrets: Vec<String> =
        target.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect();
    assert_eq!(secrets, ["pk-secret", "t"]);
    assert!(!format!("{target:?}").contains("secret\""), "{target:?}");
    let target = user()
        .config(
            "temporal.profile = \"cloud\"\ntemporal.namespace = \"mine\"\ntemporal.api_key_env = \"MY_KEY\"",
        )
        .variable("TEMPORAL_ADDRESS", "h:1")
        .variable("MY_KEY", " mk-secret\n")
        .target();
    assert_eq!((target.address().as_str(), target.namespace()), ("h:1", "mine"));
    assert_eq!(target.named_by(), &NamedBy::Settings);
    assert_eq!(target.secrets()[0].expose_secret(), "mk-secret");
    assert!(!user().config("temporal.profile = \"off\"").target().is_tls());
    assert!(user().config("temporal.profile = \"named\"").target().is_tls());
    let off = user().config("temporal.profile = \"named\"").variable("TEMPORAL_TLS", "false");
    assert!(!off.target().is_tls());
}

#[test]
fn what_is_wrong_with_a_profile_is_told_with_its_file() {
    let folder = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    let file = format!("HOME/{folder}/temporalio/temporal.toml");
    let user = || User::new().profiles(PROFILES);
    assert_eq!(
        user().variable("TEMPORAL_PROFILE", "clod").error(),
        format!("there is no profile \"clod\" in {file}; it has blind, cloud, default, named, off")
    );
    assert_eq!(
        User::new().config("temporal.profile = \"x\"").error(),
        format!(
            "there is no profile \"x\" in {file}; it has none: leave TEMPORAL_PROFILE and temporal.profile out, or write \
             [profile.NAME]"
        )
    );
    assert_eq!(
        User::new().variable("TEMPORAL_CONFIG_FILE", "/no/such.toml").error(),
        "/no/such.toml is not there, which the settings name as the file with Temporal's profiles; correct \
         TEMPORAL_CONFIG_FILE or temporal.config_file"
    );
    assert_eq!(
        user().config("temporal.profile = \"blind\"").error(),
        format!(
            "the profile \"blind\" in {file} says disable_host_verification, which is not done here; name the authority of \
             the server's certificate with server_ca_cert_path, and the name in it with server_name"
        )
    );
    let broken = User::new().profiles("[profile.default]\napi_key = pk-secret\n").error();
    let remedy = "correct it, or name another with temporal.config_file";
    assert_eq!(broken, format!("{file} is not right: TOML parse error at line 2, column 11; {remedy}"));
    let both = "[profile.default.tls]\nclient_cert_path = \"a\"\nclient_cert_data = \"b\"\n";
    assert_eq!(
        User::new().profiles(both).error(),
        format!("{file} is not right: Cannot specify both client_cert_path and client_cert_data; {remedy}")
    );
}

#[test]
fn a_key_never_goes_over_an_unencrypted_connection_unless_somebody_says_so() {
    let user = || User::new().variable("TEMPORAL_API_KEY", "tk-secret");
    assert!(user().variable("TEMPORAL_ADDRESS", "h:1").target().is_tls());
    assert_eq!(
        user().variable("TEMPORAL_ADDRESS", "http://h:1").error(),
        "\"http://h:1\" is no address of a Temporal server: it begins with http://, but an API key is only sent over TLS; \
         begin it with https://, or leave that out"
    );
    assert_eq!(
        user().variable("TEMPORAL_ADDRESS", "https://h:1").variable("TEMPORAL_TLS", "false").error(),
        "\"https://h:1\" is no address of a Temporal server: it begins with https://, but the settings say that TLS is off; \
         leave https:// out, or temporal.tls.enabled = false (TEMPORAL_TLS=false)"
    );
    assert!(
        !user().variable("TEMPORAL_ADDRESS", "http://h:1").variable("TEMPORAL_TLS", "0").target().is_tls()
    );
}

#[test]
fn credentials_that_cannot_be_sent_are_told_and_not_repeated() {
    let user = User::new().variable("TEMPORAL_API_KEY", "two words-secret");
    assert_eq!(
        user.error(),
        "the API key cannot be sent: it has letters that no key has; is it quoted, or the name of a file?"
    );
    let user = User::new().config("temporal.grpc_meta.\"My Header\" = \"x\"");
    assert_eq!(
        user.error(),
        "the header \"My Header\" cannot be sent; names are small letters, digits and -, values printable letters of ASCII"
    );
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_its_file_and_why() {
    let authority = Authority::new();
    let (one, other) = (authority.client(), authority.client());
    let user = User::new();
    let file = |name: &str, text: &str| {
        std::fs::write(user.home.path().join(name), text).unwrap();
    };
    file("one.pem", &one.certificate);
    file("one.key", &one.key);
    file("other.key", &other.key);
    file("words.pem", "no certificate\n");
    file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let cases = [
        (
            "client_cert_path = \"one.pem\"",
            "there is a client certificate and no client key; set both, temporal.tls.client_cert_path and \
             temporal.tls.client_key_path",
        ),
        (
            "client_key_path = \"one.key\"",
            "there is a client key and no client certificate; set both, temporal.tls.client_cert_path and \
             temporal.tls.client_key_path",
        ),
        (
            "client_cert_path = \"none.pem\"\nclient_key_path = \"one.key\"",
            "the client's certificate in HOME/none.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            "client_cert_path = \"words.pem\"\nclient_key_path = \"one.key\"",
            "the client's certificate in HOME/words.pem has no certificate in PEM",
        ),
        (
            "client_cert_path = \"one.pem\"\nclient_key_path = \"one.pem\"",
            "the client's key in HOME/one.pem has no private key in PEM that can be used: no items found",
        ),
        (
            "client_cert_path = \"one.pem\"\nclient_key_path = \"other.key\"",
            "the client's key in HOME/other.key does not belong to the client's certificate in HOME/one.pem",
        ),
        (
            "server_ca_cert_path = \"words.pem\"",
            "the server's authority in HOME/words.pem has no certificate in PEM",
        ),
        (
            "server_ca_cert_data = \"words\"",
            "the server's authority in the settings has no certificate in PEM",
        ),
    ];
    let mut user = user;
    for (tls, expected) in cases {
        user.config = format!("[temporal.tls]\n{tls}\n");
        let remedy = "; correct it under temporal.tls, or in the profile that names it";
        assert_eq!(user.error().replace(remedy, ""), expected, "{tls}");
    }
    user.config = "[temporal.tls]\nserver_ca_cert_path = \"broken.pem\"\n".to_owned();
    let error = user.error();
    assert!(error.starts_with("the server's authority in HOME/broken.pem is not a certificate"), "{error}");
    user.config =
        "[temporal.tls]\nclient_cert_path = \"one.pem\"\nclient_key_path = \"one.key\"\n".to_owned();
    assert!(user.target().is_tls());
    assert!(!format!("{:?}", user.target()).contains(&one.key[30..60]));
}

//! Where keys are and what is wrong with them.

use super::Keys;
use config::{CodecKeys, Environment, Keyring, KeyringError};
use secrecy::{ExposeSecret, SecretString};
use std::{os::unix::fs::PermissionsExt, sync::Arc};
use temporal_backend::{
    Codec, CodecError, KeyId, KeyRing, KeySource, Position, activate_key, add_key, create_key_file, new_key,
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn ids(codec: &Codec) -> Vec<String> {
    codec.key_ids().iter().map(ToString::to_string).collect()
}

#[test]
fn a_made_file_is_its_owners_alone_and_is_not_made_twice() {
    let keys = Keys::new();
    let mode = std::fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, ids(&keys.codec())), (0o600, vec!["k1".to_owned()]));
    let before = keys.lines();
    let error = create_key_file(&keys.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} cannot be written: File exists (os error 17); nothing was changed",
            keys.path().display()
        )
    );
    assert_eq!(keys.lines(), before);
}

#[test]
fn a_new_key_encrypts_at_once_or_waits_until_it_is_activated() {
    let keys = Keys::new();
    let first = keys.lines();
    assert_eq!(add_key(&keys.path(), Position::Standby).unwrap().as_str(), "k2");
    assert_eq!(ids(&keys.codec()), ["k1", "k2"]);
    assert_eq!(add_key(&keys.path(), Position::Active).unwrap().as_str(), "k3");
    assert_eq!(ids(&keys.codec()), ["k3", "k1", "k2"]);
    activate_key(&keys.path(), "k2").unwrap();
    assert_eq!(ids(&keys.codec()), ["k2", "k3", "k1"]);
    assert!(keys.lines().ends_with(&first), "the first key was changed");
    assert!(std::fs::read_to_string(keys.path()).unwrap().starts_with("# Keys of the payload codec"));
    let mode = std::fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(std::fs::read_dir(keys.folder.path()).unwrap().count(), 1, "something was left behind");
    let error = activate_key(&keys.path(), "k9").unwrap_err();
    assert_eq!(error.to_string(), format!("{} has no key \"k9\"; it has k2, k3, k1", keys.path().display()));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let keys = Keys::new();
    for mode in [0o640, 0o604, 0o666] {
        std::fs::set_permissions(keys.path(), PermissionsExt::from_mode(mode)).unwrap();
        let error = Codec::open(keys.source()).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            (
                "codec_keys_exposed",
                format!(
                    "{} can be read by others (mode {mode:o}), so its keys are not used: make it yours alone with chmod \
                     600, and add a new key if somebody else uses this machine",
                    keys.path().display()
                )
            )
        );
        assert!(add_key(&keys.path(), Position::Active).is_err());
    }
}

#[test]
fn keys_that_are_not_as_they_should_be_are_named_by_their_line_and_never_repeated() {
    let cases = [
        ("", "KEYS has no key: everturn codec-key makes one, as a line ID:KEY"),
        ("# only words\n\n", "KEYS has no key: everturn codec-key makes one, as a line ID:KEY"),
        ("c2VjcmV0LXNlY3JldA==", "KEYS, line 1: it is not ID:KEY"),
        ("# c\nk1:c2VjcmV0LXNlY3JldA==", "KEYS, line 2: after the colon stand 32 bytes in base64"),
        ("k1:not base64 but secret", "KEYS, line 1: after the colon stand 32 bytes in base64"),
        (
            &format!("my key:{KEY}"),
            "KEYS, line 1: before the colon stands the key's id: letters, digits, `.`, `_` and `-`, at most 64",
        ),
        (
            &format!("a:{KEY}\nb:{KEY}\na:{KEY}"),
            "KEYS, line 3: there is a key a already; give each key an id of its own",
        ),
    ];
    for (text, expected) in cases {
        let error = KeyRing::parse(text, "KEYS").unwrap_err();
        assert_eq!((error.to_string().as_str(), error.retry()), (expected, false), "{text}");
    }
    let ring = KeyRing::parse(&format!("\n # c\n  new : {KEY} \r\nold:{KEY}"), "KEYS").unwrap();
    assert_eq!(ring.ids().map(KeyId::as_str).collect::<Vec<_>>(), ["new", "old"]);
    assert_eq!(ring.active(), KeyId::new("new").as_ref());
    assert_eq!(format!("{ring:?}"), "KeyRing { ids: [KeyId(\"new\"), KeyId(\"old\")], place: \"KEYS\" }");
}

#[test]
fn keys_come_from_where_the_settings_say() {
    let environment = Environment::new([("MY_KEYS".into(), format!("v:{KEY}").into())]);
    let read = |keys: &CodecKeys| Codec::open(KeySource::new(keys, &environment)).map(|codec| ids(&codec));
    assert_eq!(read(&CodecKeys::Variable("MY_KEYS".into())).unwrap(), ["v"]);
    let error = read(&CodecKeys::Variable("OTHER".into())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the codec's keys are to be in the environment variable OTHER, which is not set"
    );
    let error = read(&CodecKeys::File("/no/such/file".into())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the codec's keys are to be in /no/such/file, and there is no such file: everturn codec-key makes one"
    );
    let keys = Keys::new();
    assert_eq!(read(&CodecKeys::File(keys.path())).unwrap(), ["k1"]);
}

#[derive(Debug)]
struct OneEntry;

impl Keyring for OneEntry {
    fn get(&self, name: &str) -> Result<Option<SecretString>, KeyringError> {
        match name {
            "locked" => Err(KeyringError { why: "it is locked".into() }),
            "mine" => Ok(Some(SecretString::from(format!("r:{KEY}")))),
            _ => Ok(None),
        }
    }

    fn put(&self, _name: &str, _secret: &SecretString) -> Result<(), KeyringError> {
        unreachable!("nothing is written")
    }

    fn remove(&self, _name: &str) -> Result<bool, KeyringError> {
        unreachable!("nothing is removed")
    }
}

#[test]
fn keys_come_from_a_keyring() {
    let read = |name: &str, keyring: Option<Arc<dyn Keyring>>| {
        Codec::open(KeySource::Keyring { name: name.to_owned(), keyring }).map(|codec| ids(&codec))
    };
    assert_eq!(read("mine", Some(Arc::new(OneEntry))).unwrap(), ["r"]);
    let error = |name, keyring| read(name, keyring).unwrap_err();
    assert!(
        matches!(error("none", Some(Arc::new(OneEntry))), CodecError::NoEntry { name } if name == "none")
    );
    assert!(matches!(error("mine", None), CodecError::NoKeyring));
    assert_eq!(
        error("locked", Some(Arc::new(OneEntry))).to_string(),
        "the keyring of this system does not work: it is locked; temporal.codec.key_file does without it"
    );
}

#[test]
fn the_redactor_gets_every_key_and_no_debug_output_has_one() {
    let line = new_key(&KeyId::new("x").unwrap()).unwrap();
    let key = line.expose_secret().strip_prefix("x:").unwrap().to_owned();
    let source = KeySource::Variable { name: "KEYS".into(), value: Some(line) };
    let shown = format!("{source:?}");
    let codec = Codec::open(source).unwrap();
    let secrets: Vec<String> =
        codec.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect();
    assert_eq!(secrets, [key.as_str()]);
    assert!(!shown.contains(&key) && !format!("{codec:?}").contains(&key));
}

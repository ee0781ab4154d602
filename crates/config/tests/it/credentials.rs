//! The keys that `everturn login` keeps: in the file, in a keyring, and never in a message.

use config::{CredentialError, CredentialPlace, CredentialStore, CredentialsStore, Keyring, KeyringError};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use tempfile::TempDir;

const KEY: &str = "sk-very-secret";

/// A keyring in memory that counts what it is asked, and may be out of order.
#[derive(Debug, Default)]
struct FakeKeyring {
    secrets: Mutex<BTreeMap<String, String>>,
    calls: AtomicU32,
    broken: bool,
}

impl FakeKeyring {
    fn broken() -> Arc<Self> {
        Arc::new(Self { broken: true, ..Self::default() })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.lock().unwrap().get(name).cloned()
    }

    fn asked(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<String, String>>, KeyringError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.broken {
            return Err(KeyringError { why: "it is locked".to_owned() });
        }
        Ok(self.secrets.lock().unwrap())
    }
}

impl Keyring for FakeKeyring {
    fn get(&self, name: &str) -> Result<Option<SecretString>, KeyringError> {
        Ok(self.asked()?.get(name).map(|secret| SecretString::from(secret.as_str())))
    }

    fn put(&self, name: &str, secret: &SecretString) -> Result<(), KeyringError> {
        self.asked()?.insert(name.to_owned(), secret.expose_secret().to_owned());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<bool, KeyringError> {
        Ok(self.asked()?.remove(name).is_some())
    }
}

struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("auth.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn mode(&self) -> u32 {
        self.file().metadata().unwrap().permissions().mode() & 0o777
    }

    fn in_file(&self) -> CredentialStore {
        CredentialStore::open(self.folder.path(), CredentialsStore::File).unwrap()
    }

    fn with(&self, mode: CredentialsStore, keyring: &Arc<FakeKeyring>) -> CredentialStore {
        let keyring: Arc<dyn Keyring> = Arc::clone(keyring) as Arc<dyn Keyring>;
        CredentialStore::with_keyring(self.folder.path(), mode, keyring).unwrap()
    }
}

fn secret(key: &str) -> SecretString {
    SecretString::from(key)
}

fn key(store: &CredentialStore, provider: &str) -> Option<String> {
    store.get(provider).unwrap().map(|key| key.expose_secret().to_owned())
}

fn names(store: &CredentialStore) -> Vec<String> {
    store.list().unwrap().into_iter().collect()
}

#[test]
fn a_key_is_kept_read_replaced_and_forgotten() {
    let home = Home::new();
    let store = home.in_file();
    assert_eq!(
        (key(&store, "openai"), names(&store), store.remove("openai").unwrap()),
        (None, vec![], false)
    );
    assert!(!home.file().exists(), "nothing was kept, so nothing is written");
    assert_eq!(store.put("openai", &secret("old")).unwrap(), CredentialPlace::File(home.file()));
    store.put("openai", &secret(KEY)).unwrap();
    store.put("other", &secret("k")).unwrap();
    let again = home.in_file();
    assert_eq!(
        (key(&again, "openai"), names(&again)),
        (Some(KEY.to_owned()), vec!["openai".into(), "other".into()])
    );
    assert!(again.remove("openai").unwrap());
    assert_eq!((key(&store, "openai"), names(&store)), (None, vec!["other".to_owned()]));
    assert!(!home.text().contains(KEY));
}

#[test]
fn the_file_is_its_owners_alone_and_nothing_else_is_left_behind() {
    let home = Home::new();
    home.in_file().put("openai", &secret(KEY)).unwrap();
    assert_eq!(home.mode(), 0o600);
    let mut left: Vec<_> = fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    left.sort_by_key(|entry| entry.file_name());
    let names: Vec<_> = left.iter().map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["auth.json", "auth.json.lock"]);
    assert!(left.iter().all(|entry| entry.metadata().unwrap().permissions().mode() & 0o077 == 0));
}

#[test]
fn a_file_that_others_can_read_is_closed_to_them_and_the_user_is_told() {
    let home = Home::new();
    home.in_file().put("openai", &secret(KEY)).unwrap();
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let store = home.in_file();
    let [warning] = store.warnings() else { panic!("{:?}", store.warnings()) };
    assert!(warning.contains("mode 644") && warning.contains("auth.json"), "{warning}");
    assert_eq!((home.mode(), key(&store, "openai").as_deref()), (0o600, Some(KEY)));
    assert_eq!(home.in_file().warnings(), <[String; 0]>::default());
}

#[test]
fn many_logins_at_once_lose_nothing() {
    let home = Home::new();
    let together = Barrier::new(16);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (home, together) = (&home, &together);
            scope.spawn(move || {
                let store = home.in_file();
                together.wait();
                for round in 0..5 {
                    store.put(&format!("p{number}-{round}"), &secret(&format!("k{number}-{round}"))).unwrap();
                }
            });
        }
    });
    let store = home.in_file();
    assert_eq!(names(&store).len(), 80);
    assert_eq!(key(&store, "p7-4").as_deref(), Some("k7-4"));
}

#[test]
fn what_a_dead_process_left_is_in_nobodys_way() {
    let home = Home::new();
    fs::write(home.folder.path().join("auth.json.new"), "half a fi").unwrap();
    fs::write(home.folder.path().join("auth.json.lock"), "").unwrap();
    home.in_file().put("openai", &secret(KEY)).unwrap();
    assert_eq!((key(&home.in_file(), "openai").as_deref(), home.mode()), (Some(KEY), 0o600));
}

#[test]
fn a_file_that_is_not_ours_is_left_alone_and_its_words_are_not_repeated() {
    let home = Home::new();
    for text in [r#"{"keys": "sk-very-secret"}"#, "sk-very-secret", r#"{"keys": {"openai": 1}"#, ""] {
        fs::write(home.file(), text).unwrap();
        let store = home.in_file();
        for error in [store.get("openai").unwrap_err(), store.put("openai", &secret("new")).unwrap_err()] {
            let message = error.to_string();
            assert!(matches!(error, CredentialError::Malformed { .. }), "{error:?}");
            assert!(message.contains("line 1") && !message.contains(KEY), "{message}");
        }
        assert_eq!((home.text().as_str(), store.filed().len()), (text, 0));
    }
}

#[test]
fn what_a_later_version_keeps_in_the_file_is_kept() {
    let home = Home::new();
    fs::write(home.file(), r#"{"keys": {"a": "k"}, "tokens": {"b": {"refresh": "r"}}}"#).unwrap();
    home.in_file().put("c", &secret(KEY)).unwrap();
    let text = home.text();
    assert!(["refresh", "tokens", r#""a": "k""#, KEY].iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_clear_error_and_changes_nothing() {
    let home = Home::new();
    home.in_file().put("openai", &secret(KEY)).unwrap();
    // A folder where the new file would go: also root cannot write it.
    fs::create_dir(home.folder.path().join("auth.json.new")).unwrap();
    let error = home.in_file().put("openai", &secret("new-secret")).unwrap_err();
    assert!(matches!(error, CredentialError::Unwritable { .. }), "{error:?}");
    assert!(error.to_string().contains("auth.json") && !error.to_string().contains("new-secret"), "{error}");
    assert_eq!(key(&home.in_file(), "openai").as_deref(), Some(KEY));
}

#[test]
fn a_key_that_would_make_the_file_unreadable_is_refused() {
    let home = Home::new();
    let error = home.in_file().put("openai", &secret(&"k".repeat(2 << 20))).unwrap_err();
    assert!(error.to_string().contains("bytes") && !home.file().exists(), "{error}");
}

#[test]
fn the_file_mode_never_touches_a_keyring() {
    let home = Home::new();
    let keyring = Arc::new(FakeKeyring::default());
    home.with(CredentialsStore::Auto, &keyring).put("before", &secret(KEY)).unwrap();
    let calls = keyring.calls();
    let store = home.with(CredentialsStore::File, &keyring);
    store.put("openai", &secret(KEY)).unwrap();
    assert_eq!((key(&store, "openai").as_deref(), key(&store, "before")), (Some(KEY), None));
    assert_eq!(names(&store), ["openai"]);
    assert!(store.remove("openai").unwrap() && !store.remove("before").unwrap());
    assert_eq!(keyring.calls(), calls);
}

#[test]
fn the_keyring_mode_keeps_no_key_in_the_file() {
    let home = Home::new();
    let keyring = Arc::new(FakeKeyring::default());
    home.in_file().put("openai", &secret("filed before")).unwrap();
    let store = home.with(CredentialsStore::Keyring, &keyring);
    assert_eq!(key(&store, "openai"), None);
    assert_eq!(store.put("openai", &secret(KEY)).unwrap(), CredentialPlace::Keyring);
    assert_eq!(
        (keyring.secret("openai").as_deref(), key(&store, "openai").as_deref()),
        (Some(KEY), Some(KEY))
    );
    let text = home.text();
    assert!(text.contains("openai") && !text.contains(KEY) && !text.contains("filed before"), "{text}");
    assert_eq!((names(&store), store.filed().len()), (vec!["openai".to_owned()], 0));
    assert!(store.remove("openai").unwrap() && !store.remove("openai").unwrap());
    assert_eq!((keyring.secret("openai"), names(&store)), (None, vec![]));
}

#[test]
fn a_keyring_that_does_not_work_is_an_error_where_it_is_asked_for() {
    let home = Home::new();
    let store = home.with(CredentialsStore::Keyring, &FakeKeyring::broken());
    for error in [
        store.get("a").unwrap_err(),
        store.put("a", &secret(KEY)).unwrap_err(),
        store.remove("a").unwrap_err(),
    ] {
        let message = error.to_string();
        assert!(
            message.contains("it is locked") && message.contains("cli_auth_credentials_store"),
            "{message}"
        );
        assert!(!message.contains(KEY));
    }
    assert!(!home.file().exists());
}

#[test]
fn auto_goes_to_the_keyring_where_it_works_and_to_the_file_where_it_does_not() {
    let home = Home::new();
    let keyring = Arc::new(FakeKeyring::default());
    let store = home.with(CredentialsStore::Auto, &keyring);
    assert_eq!(store.put("a", &secret("in keyring")).unwrap(), CredentialPlace::Keyring);
    let without = home.with(CredentialsStore::Auto, &FakeKeyring::broken());
    assert_eq!(without.put("b", &secret("in file")).unwrap(), CredentialPlace::File(home.file()));
    assert_eq!(
        (key(&store, "a").as_deref(), key(&store, "b").as_deref()),
        (Some("in keyring"), Some("in file"))
    );
    assert_eq!(names(&store), ["a", "b"]);
    assert!(store.remove("a").unwrap() && store.remove("b").unwrap());
    assert_eq!((names(&store), keyring.secret("a")), (vec![], None));
}

#[test]
fn auto_asks_the_keyring_only_for_what_is_in_it() {
    let home = Home::new();
    let keyring = FakeKeyring::broken();
    let store = home.with(CredentialsStore::Auto, &keyring);
    home.in_file().put("openai", &secret(KEY)).unwrap();
    assert_eq!((key(&store, "openai").as_deref(), key(&store, "unknown")), (Some(KEY), None));
    assert!(store.remove("openai").unwrap());
    assert_eq!(keyring.calls(), 0);
}

#[test]
fn every_key_in_the_file_can_be_had_for_the_redactor() {
    let home = Home::new();
    let store = home.in_file();
    store.put("a", &secret("sk-first")).unwrap();
    store.put("b", &secret("sk-second")).unwrap();
    let filed: Vec<String> = store.filed().iter().map(|key| key.expose_secret().to_owned()).collect();
    assert_eq!(filed, ["sk-first", "sk-second"]);
    assert!(!format!("{store:?}").contains("sk-"));
}

#[cfg(not(feature = "keyring"))]
#[test]
fn a_program_without_a_keyring_says_so() {
    let home = Home::new();
    let error = CredentialStore::open(home.folder.path(), CredentialsStore::Keyring).unwrap_err();
    assert!(matches!(error, CredentialError::NoKeyring) && error.to_string().contains("\"file\""), "{error}");
    let auto = CredentialStore::open(home.folder.path(), CredentialsStore::Auto).unwrap();
    assert_eq!(auto.put("a", &secret(KEY)).unwrap(), CredentialPlace::File(home.file()));
}

//! `everturn login` and `logout`: the keys of model providers.

use crate::{
    args::{LoginArgs, LogoutArgs, RunArgs},
    exit::{Exit, Failure},
    output,
    settings::{Purpose, Wishes},
};
use config::{CredentialStore, Environment, Home, KeyPath, Listing, Origin};
use models::SecretString;
use std::io::{IsTerminal, Read};

/// No key is longer.
const MAX_KEY_BYTES: u64 = 16 * 1024;

/// The key of the configuration that holds a provider's key itself.
const TOKEN: &str = "experimental_bearer_token";

/// Keeps a key, or says what there is.
pub(crate) fn login(environment: &Environment, args: &LoginArgs) -> Result<Exit, Failure> {
    let (wishes, store) = open(environment)?;
    if args.status {
        return status(&wishes, &store);
    }
    let Some(entry) = wishes.config().model_providers.get(&args.provider) else {
        return Err(unknown_provider(&wishes, &args.provider));
    };
    let key = read_key(&entry.name)?;
    let place = store.put(&args.provider, &key).map_err(|error| Failure::backend(&error))?;
    output::remark(&format!("the key for {} is kept in {place}", entry.name));
    if let Some(variable) = entry.env_key.as_deref().filter(|name| environment.get(name).is_some()) {
        output::warn(&format!("{variable} is set and goes before it"));
    }
    if let Some(place) = place_of_token(&wishes, &args.provider) {
        output::warn(&format!("{place}: `{TOKEN}` is set and goes before it; take that line out"));
    }
    Ok(Exit::Done)
}

/// Where the configuration has a provider's key itself, if it has.
fn place_of_token(wishes: &Wishes, provider: &str) -> Option<Origin> {
    let settings = wishes.loaded.provenance.list(Listing::All);
    let is_token = |path: &KeyPath| matches!(path.segments(), [_, id, key] if id == provider && key == TOKEN);
    settings.into_iter().find(|(path, _)| is_token(path)).map(|(_, setting)| setting.origin.clone())
}

/// Forgets a key.
pub(crate) fn logout(environment: &Environment, args: &LogoutArgs) -> Result<Exit, Failure> {
    let (wishes, store) = open(environment)?;
    let is_known = wishes.config().model_providers.contains_key(&args.provider);
    let removed = store.remove(&args.provider).map_err(|error| Failure::backend(&error))?;
    if !removed && !is_known {
        return Err(unknown_provider(&wishes, &args.provider));
    }
    let what = if removed { "the key was removed" } else { "there was no key" };
    output::remark(&format!("{}: {what}", args.provider));
    Ok(Exit::Done)
}

fn unknown_provider(wishes: &Wishes, id: &str) -> Failure {
    let known = wishes.config().model_providers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Failure::usage(format!("there is no provider {id}; there are {known}"))
}

fn open(environment: &Environment) -> Result<(Wishes, CredentialStore), Failure> {
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let wishes = Wishes::load(environment, home.root(), RunArgs::default(), Purpose::Serve)?;
    let mode = wishes.config().cli_auth_credentials_store;
    let store = CredentialStore::open(home.root(), mode).map_err(|error| Failure::backend(&error))?;
    for warning in store.warnings() {
        output::warn(warning);
    }
    Ok((wishes, store))
}

/// A line for each provider; never a key.
fn status(wishes: &Wishes, store: &CredentialStore) -> Result<Exit, Failure> {
    let kept = store.list().map_err(|error| Failure::backend(&error))?;
    for (id, entry) in &wishes.config().model_providers {
        let variable = entry.env_key.as_deref();
        let set = variable.filter(|name| wishes.environment.get(name).is_some());
        // In the order in which a request looks for them.
        let state = match set {
            Some(variable) => format!("key from {variable}"),
            None if entry.experimental_bearer_token.is_some() => "key from the configuration".to_owned(),
            None if kept.contains(id) => "key from everturn login".to_owned(),
            None if entry.requires_key => "no key".to_owned(),
            None => "no key needed".to_owned(),
        };
        output::result(&format!("{id:<12} {state}"));
    }
    Ok(Exit::Done)
}

/// From the terminal, unseen, or else the first line of standard input.
fn read_key(provider: &str) -> Result<SecretString, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("no key could be read: {error}"));
    let key = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("Key for {provider} (it is not shown): ")).map_err(unreadable)?
    } else {
        let mut text = String::new();
        std::io::stdin().lock().take(MAX_KEY_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        text
    };
    let key = key.trim();
    let why = match key {
        "" => "nothing was given",
        key if key.contains(char::is_whitespace) => "it has blanks or several lines",
        _ => return Ok(SecretString::from(key)),
    };
    Err(Failure::usage(format!(
        "that is no key: {why}; type one, or pipe it: printenv MY_KEY | everturn login --provider NAME"
    )))
}

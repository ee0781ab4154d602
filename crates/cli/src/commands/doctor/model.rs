//! The model, its key, and its provider.

use super::finding::{Finding, Verdict};
use crate::{
    providers::{Providers, key_hint},
    router::{read_script, script_of},
    settings::Wishes,
};
use agent_core::{BlobId, BlobSource, ModelErrorKind, Redactor, StorageError};
use async_trait::async_trait;
use config::{CredentialStore, ProviderEntry};
use models::{KeyStanding, ProbeAnswer, ProbeError};
use std::{path::Path, sync::Arc};

const MODEL: &str = "model";
const KEY: &str = "key";
const PROVIDER: &str = "provider";
/// So many of a provider's models are named where the one that is asked for is not among them.
const MAX_NAMES: usize = 8;

/// Looks at what answers a new thread.
pub(super) async fn examine(wishes: &Wishes, root: &Path, redactor: &Redactor) -> Vec<Finding> {
    let config = wishes.config();
    if let Some(script) = script_of(&config.model) {
        return vec![scripted(Path::new(script))];
    }
    let mut findings = vec![model(wishes)];
    let Some(entry) = config.provider() else { return findings };
    let store = match CredentialStore::open(root, config.cli_auth_credentials_store) {
        Ok(store) => store,
        Err(error) => {
            let remedy =
                "keys in environment variables need no store; everturn login --status shows what there is";
            findings.push(Finding::problem(KEY, error.to_string(), remedy));
            return findings;
        }
    };
    let status = "everturn login --status shows what keys there are";
    findings.extend(store.warnings().iter().map(|text| Finding::warning(KEY, text, status)));
    let mut providers =
        Providers::new(config, wishes.environment.clone(), store, wishes.catalogue(), Arc::new(NoBlobs));
    providers.redactor = redactor.clone();
    providers.learn_kept_keys();
    let id = config.model_provider.as_str();
    let key = key(wishes, &providers, id, entry);
    let is_usable = key.verdict != Verdict::Problem;
    findings.push(key);
    if is_usable {
        findings.push(provider(&providers, id, entry, &config.model).await);
    }
    findings
}

/// A model that is a file needs no provider.
fn scripted(script: &Path) -> Finding {
    let shown = script.display();
    match read_script(script) {
        Ok(_) => Finding::ok(MODEL, format!("answers come from the script {shown}; no provider is asked")),
        Err(why) => {
            let found = format!("the script {shown} cannot be used: {why}");
            Finding::problem(MODEL, found, "correct it, or set `model` to the name of a model")
        }
    }
}

/// What is known of the model.
fn model(wishes: &Wishes) -> Finding {
    let name = &wishes.config().model;
    let info = wishes.catalogue().model(name);
    let whose = if info.known {
        "is run by a server that was started with a window of its own"
    } else {
        "is not in the catalogue"
    };
    match info.context_window {
        Some(window) => Finding::ok(MODEL, format!("{name}, with a window of {window} tokens")),
        None => Finding::warning(
            MODEL,
            format!("{name} {whose}: its context window is not known"),
            format!("set models.\"{name}\".context_window to the tokens that fit"),
        ),
    }
}

/// Where the key is from. Never the key.
fn key(wishes: &Wishes, providers: &Providers, id: &str, entry: &ProviderEntry) -> Finding {
    let name = &entry.name;
    let key = match providers.key(id, entry) {
        Ok(key) => key,
        Err(error) => return Finding::problem(KEY, error.message, key_hint(id, entry)),
    };
    let variable = entry.env_key.as_deref().filter(|name| wishes.environment.get(name).is_some());
    // In the order in which a request looks for them.
    match (key, variable) {
        (Some(_), Some(variable)) => Finding::ok(KEY, format!("that of {name} is in {variable}")),
        (Some(_), None) if entry.experimental_bearer_token.is_some() => {
            Finding::ok(KEY, format!("that of {name} is in the configuration"))
        }
        (Some(_), None) => Finding::ok(KEY, format!("everturn login keeps that of {name}")),
        (None, _) if entry.requires_key => {
            Finding::problem(KEY, format!("there is none for {name}"), key_hint(id, entry))
        }
        (None, _) => Finding::ok(KEY, format!("there is none, and {name} may need none")),
    }
}

/// Whether the provider is there, takes the key, and has the model.
async fn provider(providers: &Providers, id: &str, entry: &ProviderEntry, model: &str) -> Finding {
    let asked = match providers.model(id) {
        Ok(asked) => asked,
        Err(error) => {
            let remedy =
                format!("correct model_providers.{id}; everturn config get model_providers.{id} shows it");
            return Finding::problem(PROVIDER, error.message, remedy);
        }
    };
    match asked.probe().await {
        Ok(answer) => answered(id, entry, model, &answer),
        Err(error) => {
            let ProbeError { kind, what, remedy } = error;
            // A server of the user's own is to be started; the words of others are about their keys.
            let start = entry.env_key_instructions.as_deref();
            let start = start.filter(|_| kind == ModelErrorKind::Unavailable && !entry.requires_key);
            let remedy = start.map_or_else(|| remedy.clone(), |start| format!("{remedy} {start}"));
            Finding::problem(PROVIDER, what, remedy)
        }
    }
}

fn answered(id: &str, entry: &ProviderEntry, model: &str, answer: &ProbeAnswer) -> Finding {
    let ProbeAnswer { host, models, key } = answer;
    let key = match key {
        KeyStanding::Accepted => " and takes the key",
        KeyStanding::Untested => "; whether it takes the key shows when a model is asked",
        KeyStanding::None => "",
    };
    let found = format!("{} at {host} answers{key}", entry.name);
    let Some(models) = models else {
        return Finding::ok(PROVIDER, format!("{found}; it does not say which models it has"));
    };
    if models.iter().any(|listed| is_same(listed, model)) {
        return Finding::ok(PROVIDER, format!("{found}; it has {model}"));
    }
    let more = if models.len() > MAX_NAMES { ", …" } else { "" };
    let names = models.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let remedy = match (id, models.is_empty()) {
        ("ollama", _) => format!("ollama pull {model}"),
        (_, true) => "it has none: load one there".to_owned(),
        (_, false) => format!("set `model` to one that it has: {names}{more}"),
    };
    Finding::warning(PROVIDER, format!("{found}, and does not list {model}"), remedy)
}

/// Whether a provider lists this model under this name: Gemini puts `models/` before it, Ollama `:latest` after it, and
/// what OpenRouter offers of a model is not always listed.
fn is_same(listed: &str, model: &str) -> bool {
    let listed = listed.strip_prefix("models/").unwrap_or(listed);
    let listed = listed.strip_suffix(":latest").unwrap_or(listed);
    let model = model.strip_suffix(":latest").unwrap_or(model);
    listed == model || model.split_once(':').is_some_and(|(name, _)| name == listed)
}

/// No thread is looked at, so none of its blobs is.
struct NoBlobs;

#[async_trait]
impl BlobSource for NoBlobs {
    async fn blob(&self, _id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn a_model_is_known_by_the_names_that_lists_have_for_it() {
        for (listed, model) in [
            ("gpt-5", "gpt-5"),
            ("models/gemini-3-pro", "gemini-3-pro"),
            ("qwen3:latest", "qwen3"),
            ("qwen3", "qwen3:latest"),
            ("openai/gpt-5", "openai/gpt-5:nitro"),
        ] {
            assert!(is_same(listed, model), "{listed} {model}");
        }
        for (listed, model) in
            [("gpt-5-mini", "gpt-5"), ("gpt-oss:20b", "gpt-oss"), ("qwen3:8b", "qwen3:32b")]
        {
            assert!(!is_same(listed, model), "{listed} {model}");
        }
    }
}

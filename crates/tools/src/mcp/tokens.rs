//! [`McpTokens`]: where what a login came to is kept between two runs of the program.

use agent_core::Redactor;
use async_trait::async_trait;
use rmcp::transport::auth::{AuthError, CredentialRefreshGuard, CredentialStore, StoredCredentials};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Keeps the tokens of servers, by the names of the servers. Its calls may block. Errors are for people.
pub trait McpTokens: Send + Sync {
    /// What is kept of a server.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, server: &str) -> Result<Option<SecretString>, String>;

    /// Keeps something in place of what there was.
    ///
    /// # Errors
    /// It cannot be written.
    fn put(&self, server: &str, tokens: &SecretString) -> Result<(), String>;

    /// Forgets it; whether there was something.
    ///
    /// # Errors
    /// It cannot be written.
    fn remove(&self, server: &str) -> Result<bool, String>;
}

/// Forgets everything at once: for hosts without logins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMcpTokens;

impl McpTokens for NoMcpTokens {
    fn get(&self, _server: &str) -> Result<Option<SecretString>, String> {
        Ok(None)
    }

    fn put(&self, _server: &str, _tokens: &SecretString) -> Result<(), String> {
        Err("tokens are not kept here".to_owned())
    }

    fn remove(&self, _server: &str) -> Result<bool, String> {
        Ok(false)
    }
}

/// The tokens of one server, as the protocol's client wants them.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) tokens: Arc<dyn McpTokens>,
    pub(super) server: String,
    pub(super) redactor: Redactor,
}

impl Kept {
    /// The tokens from the store; every one of them is a secret from then on.
    async fn read(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let this = self.clone();
        let text = blocking(move || this.tokens.get(&this.server)).await?;
        let Some(text) = text else { return Ok(None) };
        let stored: StoredCredentials = serde_json::from_str(text.expose_secret()).map_err(|_| {
            AuthError::CredentialStoreError(
                "what is kept of the login cannot be read: log in again".to_owned(),
            )
        })?;
        self.learn(&stored);
        Ok(Some(stored))
    }

    fn learn(&self, stored: &StoredCredentials) {
        // The parts of a token response are behind traits of a crate that is not named here; its JSON has them all.
        let Ok(value) = serde_json::to_value(stored) else { return };
        self.redactor.learn(tokens_of(&value));
    }
}

/// The secrets in what is kept of a login.
pub fn secrets_in(tokens: &SecretString) -> Vec<String> {
    serde_json::from_str(tokens.expose_secret()).map(|value| tokens_of(&value)).unwrap_or_default()
}

fn tokens_of(stored: &serde_json::Value) -> Vec<String> {
    let token = |key: &str| Some(stored.get("token_response")?.get(key)?.as_str()?.to_owned());
    ["access_token", "refresh_token", "id_token"].into_iter().filter_map(token).collect()
}

/// Whether there is something that a login left.
pub(super) async fn has_login(kept: &Kept) -> bool {
    matches!(kept.read().await, Ok(Some(stored)) if stored.token_response.is_some())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, AuthError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string()).and_then(|done| done).map_err(AuthError::CredentialStoreError)
}

#[async_trait]
impl CredentialStore for Kept {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        self.read().await
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        self.learn(&credentials);
        let text = serde_json::to_string(&credentials)
            .map_err(|error| AuthError::CredentialStoreError(error.to_string()))?;
        let this = self.clone();
        blocking(move || this.tokens.put(&this.server, &SecretString::from(text))).await
    }

    async fn clear(&self) -> Result<(), AuthError> {
        let this = self.clone();
        blocking(move || this.tokens.remove(&this.server)).await.map(|_| ())
    }

    async fn acquire_refresh_guard(&self) -> Result<Option<CredentialRefreshGuard>, AuthError> {
        // A refresh token serves once at many servers: two connections must not use the same one.
        let lock = refreshing(&self.server);
        Ok(Some(CredentialRefreshGuard::new(lock.lock_owned().await)))
    }
}

/// The lock of the refreshes of a server in this process.
fn refreshing(server: &str) -> Arc<tokio::sync::Mutex<()>> {
    static LOCKS: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(locks.entry(server.to_owned()).or_default())
}

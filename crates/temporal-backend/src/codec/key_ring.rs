//! [`KeyRing`]: the keys. The first encrypts, all of them decrypt.

use super::{CodecError, ENCODING, UnsealError};
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload as Message},
};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// What XChaCha20 takes. So long that random nonces do not meet.
pub(super) const NONCE_BYTES: usize = 24;
/// What XChaCha20 takes.
pub(super) const KEY_BYTES: usize = 32;
/// The longest id, in bytes. It is in every payload.
const MAX_ID_BYTES: usize = 64;

/// The name of a key. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Letters, digits, `.`, `_` and `-`, at most 64 of them.
    pub fn new(id: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(fits)).then(|| Self(id.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Keys by their ids, the active one first.
pub struct KeyRing {
    keys: Vec<Key>,
    /// Where they are, for messages.
    place: String,
}

struct Key {
    id: KeyId,
    cipher: XChaCha20Poly1305,
    text: SecretString,
}

/// What a payload becomes.
pub(super) struct Sealed {
    pub(super) key: KeyId,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) ciphertext: Vec<u8>,
}

impl KeyRing {
    /// Reads keys, `ID:KEY` a line, where KEY is 32 bytes in base64. The first is the active one. Empty lines and those
    /// that begin with `#` say nothing. `place` is where the text is from, for messages.
    ///
    /// # Errors
    /// A line is not as it should be, an id is there twice, there is no key.
    pub fn parse(text: &str, place: impl Into<String>) -> Result<Self, CodecError> {
        let place = place.into();
        let mut keys: Vec<Key> = Vec::new();
        for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key =
                Key::parse(line).map_err(|why| CodecError::Line { place: place.clone(), line: at, why })?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(CodecError::Twice { place, line: at, id: key.id });
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(CodecError::Empty { place }) } else { Ok(Self { keys, place }) }
    }

    pub(super) fn none() -> Self {
        Self { keys: Vec::new(), place: String::new() }
    }

    /// The key that encrypts.
    pub fn active(&self) -> Option<&KeyId> {
        self.ids().next()
    }

    /// All ids, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.id)
    }

    pub(super) fn secrets(&self) -> Vec<SecretString> {
        self.keys.iter().map(|key| key.text.clone()).collect()
    }

    /// Encrypts with the active key; nothing where there is none.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Option<Sealed>, UnsealError> {
        let Some(key) = self.keys.first() else { return Ok(None) };
        let not_sealed = |why: String| UnsealError::NotSealed { why };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| not_sealed(error.to_string()))?;
        let bound = bound(&key.id);
        let message = Message { msg: plain, aad: &bound };
        let ciphertext = key
            .cipher
            .encrypt(&XNonce::from(nonce), message)
            .map_err(|_| not_sealed(format!("{} bytes are too many", plain.len())))?;
        Ok(Some(Sealed { key: key.id.clone(), nonce, ciphertext }))
    }

    /// Decrypts with the key that encrypted it.
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, UnsealError> {
        let id = || sealed.key.clone();
        if self.keys.is_empty() {
            return Err(UnsealError::Off { id: id() });
        }
        let place = || self.place.clone();
        let key = self.keys.iter().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| UnsealError::UnknownKey { id: id(), place: place() })?;
        let bound = bound(&key.id);
        let message = Message { msg: &sealed.ciphertext, aad: &bound };
        let opened = key.cipher.decrypt(&XNonce::from(sealed.nonce), message);
        opened.map_err(|_| UnsealError::Changed { id: id(), place: place() })
    }
}

/// What is authenticated beside the payload: the encoding and the key's id.
fn bound(id: &KeyId) -> Vec<u8> {
    [ENCODING.as_bytes(), b"\0", id.as_str().as_bytes()].concat()
}

impl Key {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (id, text) = line.split_once(':').ok_or("it is not ID:KEY")?;
        let id = KeyId::new(id.trim())
            .ok_or("before the colon stands the key's id: letters, digits, `.`, `_` and `-`, at most 64")?;
        let text = SecretString::from(text.trim());
        let bytes = STANDARD.decode(text.expose_secret()).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes: [u8; KEY_BYTES] = bytes.ok_or("after the colon stand 32 bytes in base64")?;
        Ok(Self { id, cipher: XChaCha20Poly1305::new(&bytes.into()), text })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&KeyId> = self.ids().collect();
        out.debug_struct("KeyRing").field("ids", &ids).field("place", &self.place).finish()
    }
}

//! [`Codec`]: nothing that is sent to Temporal can be read there. On by choice.
//!
//! Each payload is encrypted as a whole, its metadata too, with XChaCha20-Poly1305 and a nonce of its own. Beside the
//! ciphertext stand the name of the key and the nonce; the name of the key is authenticated, so that a payload cannot be
//! passed off as one of another key. Payloads without this encoding are read as they are: encryption can be turned on for
//! threads that are running.
//!
//! * `key_ring` has the keys: the first writes, all of them read. `key_source` says where they come from.
//! * `key_file` makes and changes files of keys.
//!
//! What the SDK hands to a codec: inputs, results, signals, updates, queries, heartbeats, memo, summaries, details of
//! failures; with [`data_converter`] messages of failures as well. What it does not: search attributes, ids, names of
//! queues and types, identities. The codec runs on the SDK's side of the border, never inside workflow code.

mod error;
mod key_file;
mod key_ring;
mod key_source;

pub use error::{CodecError, UnsealError};
pub use key_file::{Position, activate_key, add_key, create_key_file, new_key};
pub use key_ring::{KeyId, KeyRing};
pub use key_source::KeySource;

use futures::{FutureExt, future::BoxFuture};
use key_ring::{NONCE_BYTES, Sealed};
use prost::Message;
use secrecy::SecretString;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};
use temporalio_common::{
    data_converters::{
        DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConversionError, PayloadConverter,
        SerializationContextData,
    },
    protos::temporal::api::common::v1::Payload,
};

/// The encoding of a payload that this codec made.
pub const ENCODING: &str = "binary/everturn-xchacha20poly1305";
/// What the message of a failed activity begins with where its worker could not decrypt what it was given. It did not
/// run, so it may be run again. (A worker that cannot decrypt a workflow task fails the task, which is tried again until a
/// worker can: no thread fails of it.)
pub const ACTIVITY_NOT_READ: &str = "Failed decoding activity task";
/// Where a payload names its encoding; Temporal's own name.
const ENCODING_KEY: &str = "encoding";
/// Where it names the key that it is encrypted with.
const KEY_ID_KEY: &str = "everturn-key";
/// Where it has its nonce.
const NONCE_KEY: &str = "everturn-nonce";

/// A payload with an unknown key makes the keys be read again, at most this often: one that a colleague has just added is
/// there without a restart.
const REREAD_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Encrypts what goes to Temporal and decrypts what comes from there. Clones share their keys.
#[derive(Clone, Debug)]
pub struct Codec {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Where `None`, encryption is off: nothing is encrypted, and what is encrypted is told to be.
    source: Option<KeySource>,
    ring: RwLock<Arc<KeyRing>>,
    read_at: Mutex<Instant>,
}

impl Codec {
    /// Reads the keys. The first of them encrypts.
    ///
    /// # Errors
    /// They are not there, not well-formed, or others can read them.
    pub fn open(source: KeySource) -> Result<Self, CodecError> {
        let ring = source.read()?;
        Ok(Self::with(Some(source), ring))
    }

    /// Encrypts nothing. What is encrypted it cannot read, and says so.
    pub fn off() -> Self {
        Self::with(None, KeyRing::none())
    }

    fn with(source: Option<KeySource>, ring: KeyRing) -> Self {
        let (ring, read_at) = (RwLock::new(Arc::new(ring)), Mutex::new(Instant::now()));
        Self { shared: Arc::new(Shared { source, ring, read_at }) }
    }

    /// The key that encrypts; none where encryption is off.
    pub fn active(&self) -> Option<KeyId> {
        self.ring().active().cloned()
    }

    /// The keys that can be read with, the active one first.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.ring().ids().cloned().collect()
    }

    /// The keys themselves, for the redactor. They may become more when a payload with a new key arrives.
    pub fn secrets(&self) -> Vec<SecretString> {
        self.ring().secrets()
    }

    fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.shared.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn seal(&self, payload: &Payload) -> Result<Option<Payload>, UnsealError> {
        let Some(Sealed { key, nonce, ciphertext }) = self.ring().seal(&payload.encode_to_vec())? else {
            return Ok(None);
        };
        let metadata = [
            (ENCODING_KEY, ENCODING.as_bytes().to_vec()),
            (KEY_ID_KEY, key.as_str().as_bytes().to_vec()),
            (NONCE_KEY, nonce.to_vec()),
        ];
        let metadata: HashMap<String, Vec<u8>> =
            metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Some(Payload { metadata, data: ciphertext, ..Payload::default() }))
    }

    fn unseal(&self, payload: Payload) -> Result<Payload, UnsealError> {
        if payload.metadata.get(ENCODING_KEY).map(Vec::as_slice) != Some(ENCODING.as_bytes()) {
            return Ok(payload);
        }
        let missing = |what: &'static str| UnsealError::Malformed { what };
        let id = payload.metadata.get(KEY_ID_KEY).and_then(|id| std::str::from_utf8(id).ok());
        let id = id.and_then(KeyId::new).ok_or(missing("it does not name its key"))?;
        let nonce = payload.metadata.get(NONCE_KEY).map(Vec::as_slice).unwrap_or_default();
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| missing("its nonce is not one"))?;
        let sealed = Sealed { key: id, nonce, ciphertext: payload.data };
        let plain = match self.ring().open(&sealed) {
            Err(UnsealError::UnknownKey { .. }) if self.read_again() => self.ring().open(&sealed)?,
            opened => opened?,
        };
        Payload::decode(plain.as_slice()).map_err(|_| missing("what was encrypted is no payload"))
    }

    /// Reads the keys again, if the last time was long enough ago; whether they were read.
    fn read_again(&self) -> bool {
        let Some(source) = &self.shared.source else { return false };
        let mut read_at = self.shared.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if read_at.elapsed() < REREAD_AT_MOST_EVERY {
            return false;
        }
        *read_at = Instant::now();
        match source.read() {
            Ok(ring) => {
                *self.shared.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the keys of the codec could not be read again; those known stay");
                false
            }
        }
    }
}

impl PayloadCodec for Codec {
    fn encode(
        &self,
        _context: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let sealed = |payload: Payload| Ok(self.seal(&payload)?.unwrap_or(payload));
        done(payloads.into_iter().map(sealed))
    }

    fn decode(
        &self,
        _context: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        done(payloads.into_iter().map(|payload| self.unseal(payload)))
    }
}

/// It is done at once, without a thread of its own: a megabyte takes a millisecond and a half.
fn done(
    payloads: impl Iterator<Item = Result<Payload, UnsealError>>,
) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
    let payloads: Result<Vec<Payload>, UnsealError> = payloads.collect();
    let payloads = payloads.map_err(|error| PayloadConversionError::EncodingError(error.into()));
    std::future::ready(payloads).boxed()
}

/// How values become payloads and back. Where the codec is on, messages and stack traces of failures are encrypted too.
pub fn data_converter(codec: &Codec) -> DataConverter {
    let failures = DefaultFailureConverter::new(codec.active().is_some());
    DataConverter::new(PayloadConverter::default(), failures, codec.clone())
}

//! [`connect`]: from what a user said to a client of a Temporal server, or to a message that says what to do.
//!
//! * `options` is what a user says; `profile` what `temporal.toml` adds; `target` what comes of both, every file read.
//! * `error` has the messages, `diagnosis` and `probe` find out which of them it is.
//! * `inquiry` asks the server what `everturn doctor` and "no worker" messages need to know.
//!
//! A connection that was up heals by itself. The SDK keeps one HTTP/2 channel, which makes a new connection, and looks up
//! the host again, with the next request after it broke. Requests fail at once while the server is away; the SDK tries
//! them again for ten seconds (workers poll for ever). A connection that went silent is noticed by pings within 45 s.

mod diagnosis;
mod error;
mod inquiry;
mod options;
mod pem;
mod probe;
mod profile;
mod target;
mod tls_fault;

pub use error::{ConnectError, CredentialsSent};
pub use inquiry::{
    InquiryError, NamespaceFacts, Poller, Pollers, ServerFacts, failing_task, namespace_facts, pollers,
    retention, server_facts,
};
pub use options::{ConnectOptions, ProfileFile};
pub use target::{NamedBy, Target};
pub use tls_fault::TlsFault;

use crate::codec::{Codec, data_converter};
use std::time::Instant;
use temporalio_client::{Client, ClientOptions, Connection};

/// Connects, and makes sure that the namespace is there.
///
/// # Errors
/// Anything that a user can mend, see [`ConnectError`]. It takes no longer than [`ConnectOptions::timeout`].
pub async fn connect(options: &ConnectOptions, codec: Option<Codec>) -> Result<Client, ConnectError> {
    Target::resolve(options)?.connect(codec).await
}

impl Target {
    /// Connects, and makes sure that the namespace is there. Without a codec nothing is encrypted.
    ///
    /// # Errors
    /// As of [`connect`].
    pub async fn connect(&self, codec: Option<Codec>) -> Result<Client, ConnectError> {
        let began = Instant::now();
        let connecting = Connection::connect(self.connection_options());
        let connection = match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(diagnosis::of_connecting(self, error).await),
            Err(_) => return Err(self.late()),
        };
        let codec = codec.unwrap_or_else(Codec::off);
        let options = ClientOptions::new(self.namespace()).data_converter(data_converter(&codec)).build();
        let client = Client::new(connection, options)
            .map_err(|error| ConnectError::Rejected { address: self.address(), why: error.to_string() })?;
        let left = self.timeout.saturating_sub(began.elapsed());
        match tokio::time::timeout(left, inquiry::described(&client)).await {
            Ok(Ok(_)) => Ok(client),
            Ok(Err(status)) => Err(diagnosis::of_namespace(self, &client, &status).await),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> ConnectError {
        ConnectError::Late { address: self.address(), seconds: self.timeout.as_secs_f32() }
    }
}

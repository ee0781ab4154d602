//! [`NatsBus`]: a bus between machines, over a NATS server.

mod connection;
mod link;
mod options;
mod outbox;
mod remote;
mod subject;
mod wire;

pub use options::{BusError, NatsOptions};

use super::{
    Bus, BusEar, Signal, Standing,
    ear::Link,
    listeners::{Feed, Listeners},
    local::WAITING_SIGNALS,
};
use agent_core::ThreadKey;
use async_nats::Client;
use link::{LinkState, Rarely};
use outbox::Outbox;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::watch};

/// How long a start waits to hear whether the bus is there. A server that refuses says so at once.
const START_LIMIT: Duration = Duration::from_secs(3);

/// One connection of this process to a NATS server, shared by all its threads. It comes back by itself after any
/// loss. Ears in this process hear what is published here at once, whether or not the server is there.
///
/// Everything ends when it is dropped.
pub struct NatsBus {
    shared: Arc<Shared>,
    link: watch::Receiver<Link>,
    runtime: Handle,
    shown: String,
    _keeper: Feed,
}

/// What the tasks of a bus share.
struct Shared {
    listeners: Arc<Listeners>,
    outbox: Outbox,
    client: watch::Sender<Option<Client>>,
    unread: Rarely,
    unsent: Rarely,
}

impl NatsBus {
    /// A bus over the server of these options. A server that is not there, or does not let us in, is no error: it is
    /// told by [`Bus::standing`] and to every ear, and tried again.
    ///
    /// # Errors
    /// There is no runtime around the call, or a file with certificates cannot be used.
    pub async fn connect(options: NatsOptions) -> Result<Self, BusError> {
        let runtime = Handle::try_current().map_err(|_| BusError::NoRuntime)?;
        options.check_files()?;
        // Another part of the process may have been first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shown = options.shown();
        if options.shows_its_secret() {
            tracing::warn!(bus = %shown, "the password or token of the bus can be read on the way; use tls://");
        }
        let shared = Arc::new(Shared {
            listeners: Listeners::new(WAITING_SIGNALS),
            outbox: Outbox::default(),
            client: watch::Sender::new(None),
            unread: Rarely::default(),
            unsent: Rarely::default(),
        });
        let state = Arc::new(LinkState::new(shown.clone()));
        let mut link = state.watch();
        let keeper = runtime.spawn(connection::keep(shared.clone(), state, options)).abort_handle();
        let bus = Self { shared, link: link.clone(), runtime, shown, _keeper: Feed(keeper) };
        // Whatever comes of it: the bus says how it stands.
        let _ = tokio::time::timeout(START_LIMIT, link.wait_for(|link| link.changes > 0)).await;
        Ok(bus)
    }

    /// Waits until what was published so far is on its way, but no longer than this and not at all while the bus is
    /// away. For the end of a process, so that its last words are heard.
    pub async fn flush(&self, limit: Duration) {
        // Too late or too early is the same: nobody depends on it.
        let _ = tokio::time::timeout(limit, self.shared.outbox.flush()).await;
    }

    /// How many threads somebody in this process listens to.
    pub fn threads_heard(&self) -> usize {
        self.shared.listeners.threads_heard()
    }
}

impl Bus for NatsBus {
    fn publish(&self, key: &ThreadKey, signal: Signal) {
        self.shared.listeners.deliver(key, &signal);
        if let Err(error) = self.shared.outbox.push(key, &signal) {
            self.shared.unsent(key, &error);
        }
    }

    fn subscribe(&self, key: &ThreadKey) -> BusEar {
        let seat = self.shared.listeners.join(key, |ears| {
            let feed = self.runtime.spawn(remote::listen(self.shared.clone(), key.clone(), ears));
            Some(Feed(feed.abort_handle()))
        });
        BusEar::new(seat).with_line(self.link.clone())
    }

    fn standing(&self) -> Standing {
        self.link.borrow().standing.clone()
    }
}

impl Shared {
    /// The client, once there is one; none when there will be none.
    async fn connected(&self) -> Option<Client> {
        let mut client = self.client.subscribe();
        client.wait_for(Option::is_some).await.ok()?.clone()
    }

    fn unread(&self, key: &ThreadKey, error: &wire::WireError) {
        if let Some(count) = self.unread.count() {
            tracing::warn!(thread = %key, %error, count, "something on the bus was ignored");
        }
    }

    fn unsent(&self, key: &ThreadKey, error: &dyn fmt::Display) {
        if let Some(count) = self.unsent.count() {
            tracing::warn!(thread = %key, %error, count, "a signal was not sent; readers see its text with the item");
        }
    }
}

impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsBus({})", self.shown)
    }
}

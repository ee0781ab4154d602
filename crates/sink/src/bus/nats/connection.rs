//! The connection to the server: made, watched, made again, and fed from the outbox.

use super::{
    Shared,
    link::LinkState,
    options::{Credentials, NatsOptions},
    outbox::Parcel,
    subject::{HELLO, INBOX, subject},
};
use async_nats::{
    Client, ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event, Request, RequestErrorKind,
    ServerAddr, ServerError, connection::State,
};
use secrecy::ExposeSecret;
use std::{
    future::ready,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// To connect to one address, handshakes and all.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A server that is silent for two of these and a third is taken to be gone.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Between attempts to connect: doubling from the first to the last.
const FIRST_WAIT_MS: u64 = 50;
const LAST_WAIT_MS: u64 = 2_000;

/// For a question to come back from the server.
const ROUND_TRIP_LIMIT: Duration = Duration::from_secs(2);

/// How often the connection is looked at when it says nothing by itself.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Commands that wait for the connection. What waits there is sent after a loss, so it is little.
const WAITING_COMMANDS: usize = 128;

/// Messages of one thread that wait to be read.
const WAITING_MESSAGES: usize = 512;

/// Keeps the bus connected until dropped. `link` lives as long as this future.
pub(super) async fn keep(shared: Arc<Shared>, link: Arc<LinkState>, options: NatsOptions) {
    let client = first(&link, &options).await;
    shared.client.send_replace(Some(client.clone()));
    tokio::select! {
        () = watch(&shared, &link, &client) => {}
        () = send(&shared, &client) => {}
    }
}

/// Connects for the first time, however long it takes.
async fn first(link: &Arc<LinkState>, options: &NatsOptions) -> Client {
    let mut attempts = 0;
    loop {
        match connect(link, options).await {
            Ok(client) => return client,
            Err(error) => link.away(&format!("{} ({error})", advice(error.kind()))),
        }
        attempts += 1;
        tokio::time::sleep(wait(attempts)).await;
    }
}

async fn connect(link: &Arc<LinkState>, options: &NatsOptions) -> Result<Client, ConnectError> {
    let servers: Vec<ServerAddr> = options
        .servers()
        .map(|url| ServerAddr::from_url(url.clone()))
        .collect::<io::Result<_>>()
        .map_err(ConnectError::from)?;
    let weak = Arc::downgrade(link);
    let mut connecting = ConnectOptions::new()
        .name("everturn")
        // What this process says it has heard already.
        .no_echo()
        // Servers are told of without TLS, so that anybody on the way could name one that is not of the cluster.
        .ignore_discovered_servers()
        .custom_inbox_prefix(INBOX)
        .connection_timeout(CONNECT_LIMIT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(|attempts| wait(attempts.saturating_sub(1)))
        .client_capacity(WAITING_COMMANDS)
        .subscription_capacity(WAITING_MESSAGES)
        .event_callback(move |event| {
            if let Some(link) = weak.upgrade() {
                note(&link, event);
            }
            ready(())
        });
    if let Some(path) = &options.roots {
        connecting = connecting.add_root_certificates(path.clone());
    }
    if let Some(identity) = &options.identity {
        connecting = connecting.add_client_certificate(identity.certificate.clone(), identity.key.clone());
    }
    match &options.credentials {
        Some(Credentials::Token(token)) => connecting = connecting.token(token.expose_secret().to_owned()),
        Some(Credentials::Password { user, password }) => {
            connecting = connecting.user_and_password(user.clone(), password.expose_secret().to_owned());
        }
        None => {}
    }
    connecting.connect(servers).await
}

/// Before the attempt after so many failed ones.
fn wait(failed: usize) -> Duration {
    let doublings = u32::try_from(failed).unwrap_or(u32::MAX);
    match doublings.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => {
            let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
            Duration::from_millis(FIRST_WAIT_MS.saturating_mul(factor).min(LAST_WAIT_MS))
        }
    }
}

/// What the connection says of itself. It may say less than it should: `watch` looks at the connection all the same.
fn note(link: &LinkState, event: Event) {
    match event {
        Event::ClientError(ClientError::Other(kind)) => {
            link.complain(kind_named(&kind).map_or(kind, |kind| advice(kind).to_owned()));
        }
        Event::ServerError(ServerError::Other(text)) => {
            link.server_complains(text);
        }
        // Messages came faster than they were read, for whichever thread.
        Event::SlowConsumer(_) => link.missed(),
        _ => link.stir.notify_one(),
    }
}

/// The connection passes on only the words of a kind.
fn kind_named(text: &str) -> Option<ConnectErrorKind> {
    [
        ConnectErrorKind::Io,
        ConnectErrorKind::TimedOut,
        ConnectErrorKind::Tls,
        ConnectErrorKind::Dns,
        ConnectErrorKind::AuthorizationViolation,
        ConnectErrorKind::Authentication,
    ]
    .into_iter()
    .find(|kind| kind.to_string() == text)
}

/// What it means, and what can be done.
fn advice(kind: ConnectErrorKind) -> &'static str {
    match kind {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "it does not let us in: check the user and password, or the token"
        }
        ConnectErrorKind::Tls => "TLS fails: check the certificates, and that the server offers TLS",
        ConnectErrorKind::TimedOut => "it does not answer in time",
        ConnectErrorKind::Dns => "the name of its host cannot be resolved",
        ConnectErrorKind::Io | ConnectErrorKind::ServerParse | ConnectErrorKind::MaxReconnects => {
            "no NATS server can be talked to there"
        }
    }
}

/// Says when the bus goes away and comes back. It is back when a question has come back over the new connection:
/// subscriptions are in force by then, since they were made anew before it was asked.
async fn watch(shared: &Shared, link: &LinkState, client: &Client) {
    let statistics = client.statistics();
    // The number of the connection that was found good, while it is.
    let mut good = None;
    loop {
        let connected = || {
            let number = statistics.connects.load(Ordering::Relaxed);
            (client.connection_state() == State::Connected).then_some(number)
        };
        let now = connected();
        if now.is_none() || now != good {
            shared.outbox.shut();
            let complaint = link.take_complaint();
            if let (Some(_), reason) | (None, reason @ Some(_)) = (good.take(), complaint) {
                link.away(reason.as_deref().unwrap_or("the connection was lost"));
            }
        }
        if now.is_some() && good.is_none() {
            match round_trip(client).await {
                Ok(()) if connected() == now => {
                    good = now;
                    shared.outbox.open();
                    link.up();
                }
                Ok(()) => continue,
                Err(reason) => link.away(&link.take_complaint().unwrap_or(reason)),
            }
        }
        tokio::select! {
            () = link.stir.notified() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Asks a question that nobody answers, which the server says at once.
///
/// # Errors
/// It said nothing in time; here is what to look for.
pub(super) async fn round_trip(client: &Client) -> Result<(), String> {
    let request = Request::new().timeout(Some(ROUND_TRIP_LIMIT));
    match client.send_request(HELLO, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(format!(
            "it passes no messages on ({error}): the account has to be allowed to publish and subscribe to everturn.>"
        )),
    }
}

/// Sends what is in the outbox.
async fn send(shared: &Shared, client: &Client) {
    loop {
        match shared.outbox.next().await {
            Parcel::Letter(letter) => {
                if let Err(error) = client.publish(subject(&letter.key), letter.payload).await {
                    shared.unsent(&letter.key, &error);
                }
            }
            Parcel::Flush(done) => {
                // Neither failure concerns anybody: nothing is lost, or nobody waits.
                let _ = client.flush().await;
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<u128> = (0..9).map(|failed| wait(failed).as_millis()).collect();
        assert_eq!(waits, [0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(wait(usize::MAX).as_millis(), 2_000);
    }

    #[test]
    fn what_the_connection_passes_on_is_known_by_its_words() {
        let advised = |text: &str| kind_named(text).map(advice);
        let credentials = "it does not let us in: check the user and password, or the token";
        assert_eq!(advised("authorization violation"), Some(credentials));
        assert_eq!(advised("TLS error").map(|advice| &advice[..9]), Some("TLS fails"));
        assert_eq!(advised("something else"), None);
    }
}

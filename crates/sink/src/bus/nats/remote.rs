//! What other processes say about a thread, to the ears of this one.

use super::{
    Shared,
    connection::{LOOK_INTERVAL, round_trip},
    subject::subject,
    wire,
};
use crate::bus::listeners::Sent;
use agent_core::ThreadKey;
use async_nats::{Client, Subscriber};
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Brings what is said about a thread until dropped. Once the server has taken the subscription the ears are told so,
/// since what was said until then went by.
pub(super) async fn listen(shared: Arc<Shared>, key: ThreadKey, ears: broadcast::Sender<Sent>) {
    let Some(client) = shared.connected().await else { return };
    let messages = match client.subscribe(subject(&key)).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::warn!(thread = %key, %error, "the bus cannot be listened to");
            return;
        }
    };
    tokio::join!(read(&shared, &key, messages, &ears), confirm(&client, &ears));
}

async fn read(shared: &Shared, key: &ThreadKey, mut messages: Subscriber, ears: &broadcast::Sender<Sent>) {
    while let Some(message) = messages.next().await {
        match wire::decode(&message.payload) {
            // An error says that the last ear has just gone.
            Ok(signal) => drop(ears.send(Sent::Signal(signal))),
            Err(error) => shared.unread(key, &error),
        }
    }
}

async fn confirm(client: &Client, ears: &broadcast::Sender<Sent>) {
    while round_trip(client).await.is_err() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    let _ = ears.send(Sent::Missed);
}

//! A real thread with the codec on.

use super::{
    Keys,
    history::{SECRET, leaks, raw},
    vault::client,
};
use crate::world::World;
use agent_core::EventKind;
use temporal_backend::wire::{RunOptions, workflow_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_works_as_ever_and_the_server_has_nothing_of_it_that_can_be_read() {
    let mut world = World::new().await;
    world.stop_worker().await;
    world.client = client(world.server.address(), Some(Keys::new().codec())).await;
    world.start_worker().await;
    let thread = world.start(RunOptions::default()).await;
    // The model calls a tool of this name, and then repeats what it is told; the key is a known secret.
    thread.say("1", &format!("call {SECRET}")).await;
    let called = thread.until_turn_ends(1).await;
    thread.say("2", &format!("say {SECRET} and sk-very-secret")).await;
    let said = thread.until_turn_ends(2).await;
    let events = format!("{called:?} {said:?}");
    assert!(events.matches(SECRET).count() > 4, "{events}");
    assert!(!events.contains("sk-very-secret"), "{events}");
    assert!(said.iter().any(|event| matches!(event.kind, EventKind::TurnCompleted { .. })), "{events}");
    let raw = raw(&world.client, &workflow_id(&thread.key)).await;
    assert_eq!(leaks(&raw), 0, "{raw}");
    world.stop_worker().await;
}

//! The fakes keep the contracts they stand in for, and the mocks can stand in for the traits.

use agent_core::{
    AgentSession, Cursor, EventSink, MockAgentSession, MockEventSink, MockModelStreamer, ModelStreamer,
    SinkError, ThreadKey, Update,
    testing::{MemoryStorage, check_response, response, storage_conformance},
};
use futures::{
    executor::block_on,
    stream::{self, StreamExt},
};

#[test]
fn memory_storage_keeps_the_contract() {
    let storage = MemoryStorage::default();
    block_on(storage_conformance(ThreadKey::for_test("t"), async || storage.reopen()));
}

#[test]
fn traits_are_object_safe_and_mockable() {
    let mut sink = MockEventSink::new();
    sink.expect_publish().returning(|_, _| Err(SinkError { message: "full".into() }));
    let sink: Box<dyn EventSink> = Box::new(sink);
    assert!(block_on(sink.publish(&ThreadKey::for_test("t"), &[])).is_err());

    let mut session = MockAgentSession::new();
    session.expect_updates().returning(|_| stream::iter([Ok(Update::Gap { from: 1, to: 2 })]).boxed());
    let session: Box<dyn AgentSession> = Box::new(session);
    let updates: Vec<_> = block_on(session.updates(Cursor::default()).collect());
    assert!(matches!(updates[..], [Ok(Update::Gap { from: 1, to: 2 })]));

    let mut model = MockModelStreamer::new();
    model.expect_stream().returning(|_| stream::iter(response([])).boxed());
    let _: Box<dyn ModelStreamer> = Box::new(model);
}

#[test]
fn a_fake_response_keeps_the_contract() {
    assert_eq!(check_response(&response([])), []);
}

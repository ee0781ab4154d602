//! A turn with everything in it, for the driver and crash tests.

use agent_core::{
    Content, Genesis, Item, ModelItem, ModelRequest, Op, OpId, Payload, Settings, Shared, StartUp,
    Submission, Thread, ThreadKey,
    testing::{FakeInbox, FakeModel, World, response},
};

pub(crate) fn call(name: &str, argument: &str) -> ModelItem {
    ModelItem::Call { name: name.into(), payload: Payload::Function { arguments: argument.into() } }
}

pub(crate) fn message(text: &str) -> ModelItem {
    ModelItem::Message { text: text.into() }
}

/// How many model responses there have been since the user last spoke, as far as the conversation tells.
fn step(request: &ModelRequest) -> usize {
    let items = &request.conversation.items;
    let start = items.iter().rposition(|item| matches!(**item, Item::User { .. })).unwrap_or(0);
    items[start..].iter().filter(|item| matches!(***item, Item::Agent { .. })).count()
}

/// Reads two files at once, writes one, asks to write another, then says it is done.
pub(crate) fn busy_model() -> FakeModel {
    FakeModel::new(|request| match step(request) {
        0 => response([message("reading"), call("read_a", "1"), call("read_b", "2")]),
        1 => response([message("writing"), call("write", "3"), call("read_a", "4"), call("write", "5")]),
        2 => response([message("trying"), call("unknown", "6"), call("write", "7")]),
        _ => response([message("done")]),
    })
}

pub(crate) fn says(op: &str, text: &str) -> Submission {
    submission(op, Op::UserInput { items: vec![Content::text(text)] })
}

pub(crate) fn submission(op: &str, what: Op) -> Submission {
    Submission::new(OpId::new(op), "tester", what)
}

pub(crate) fn genesis() -> StartUp {
    StartUp::New(Box::new(Genesis {
        settings: Settings::new("/work", "model"),
        instructions: Shared::new("Be brief.".into()),
        durability: "none: a test".into(),
        ..Genesis::default()
    }))
}

pub(crate) fn thread() -> Thread {
    Thread::new(ThreadKey::for_test("thread-1"))
}

/// A world with the busy model and a request that waits.
pub(crate) fn busy_world() -> World {
    World::new(busy_model(), FakeInbox::of([says("op-1", "do it")]))
}

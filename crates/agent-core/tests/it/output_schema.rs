//! A final message that does not fit the schema it was asked for.

use crate::{
    driver::run_until_idle,
    scenario::{call, genesis, message, submission, thread},
};
use agent_core::{
    Completion, Content, EventKind, Item, ModelError, ModelEvent, ModelItem, ModelRequest, Op, TurnEnd,
    TurnOverrides,
    testing::{FakeInbox, FakeModel, World, response},
};
use serde_json::json;

fn judged(item: ModelItem, misfit: Option<&str>) -> Vec<Result<ModelEvent, ModelError>> {
    let completion = Completion { misfit: misfit.map(str::to_owned), ..Completion::default() };
    vec![Ok(ModelEvent::Item(item)), Ok(ModelEvent::Completed(completion))]
}

/// How often the model was told that its message does not fit.
fn complaints(request: &ModelRequest) -> usize {
    let told = |item: &&agent_core::Shared<Item>| matches!(&***item, Item::Context { text } if text.contains("`/n`"));
    request.conversation.items.iter().filter(told).count()
}

/// The events of a turn with a schema.
fn turn(model: FakeModel) -> Vec<EventKind> {
    let op = Op::UserTurn {
        items: vec![Content::text("count")],
        overrides: TurnOverrides::default(),
        output_schema: Some(json!({ "type": "object" })),
    };
    let world = World::new(model, FakeInbox::of([submission("op-1", op)]));
    assert!(run_until_idle(&mut thread(), genesis(), world.ports()).is_none());
    world.sink.events().into_iter().map(|event| event.kind).collect()
}

#[test]
fn the_model_is_told_and_may_mend_it() {
    let events = turn(FakeModel::new(|request| {
        assert_eq!(request.output_schema, Some(json!({ "type": "object" })));
        match complaints(request) {
            0 => judged(message("{}"), Some("`/n` is missing")),
            _ => judged(message("{\"n\":1}"), None),
        }
    }));
    let warnings = events.iter().filter(|event| matches!(event, EventKind::Warning { .. })).count();
    assert_eq!(warnings, 1);
    let Some(EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(message.as_deref(), Some("{\"n\":1}"));
}

#[test]
fn after_two_more_tries_the_turn_ends_and_says_why() {
    let events = turn(FakeModel::new(|_| judged(message("{}"), Some("`/n` is missing"))));
    let warnings = events.iter().filter(|event| matches!(event, EventKind::Warning { .. })).count();
    assert_eq!(warnings, 2);
    let expected = "the final message does not fit the output schema: `/n` is missing";
    let [.., EventKind::Error { code, message }, EventKind::TurnCompleted { end, .. }] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((code.as_str(), message.as_str()), ("output_misfit", expected));
    assert_eq!(*end, TurnEnd::OutputMisfit { message: expected.into() });
}

#[test]
fn work_between_two_misfits_starts_the_count_again() {
    let events = turn(FakeModel::new(|request| {
        let last = request.conversation.items.last().map(|item| &**item);
        match (complaints(request), last) {
            (2, Some(Item::Context { .. })) => response([call("read_a", "1")]),
            (0..4, _) => judged(message("{}"), Some("`/n` is missing")),
            _ => judged(message("{\"n\":1}"), None),
        }
    }));
    assert!(
        matches!(events.last(), Some(EventKind::TurnCompleted { end: TurnEnd::Final { .. }, .. })),
        "{events:?}"
    );
}

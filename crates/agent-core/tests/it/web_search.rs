//! Searches of the web by the provider: part of a response, answered by it, of no further concern to the loop.

use crate::{
    driver::run_until_idle,
    scenario::{call, genesis, message, says, submission, thread},
};
use agent_core::{
    Content, EventKind, Item, ItemDetail, ModelItem, Op, Thread, TurnEnd, TurnOverrides, check_history,
    testing::{FakeInbox, FakeModel, World, response},
};

const RECORD: &str = "{\"of\":\"the provider\"}";

fn search(query: &str, sealed: Option<&str>) -> ModelItem {
    ModelItem::WebSearch { query: query.to_owned(), sealed: sealed.map(str::to_owned) }
}

/// The thread after a turn with these responses, and what clients were told.
fn turn(model: FakeModel, op: Op) -> (Thread, Vec<EventKind>) {
    let world = World::new(model, FakeInbox::of([submission("op-1", op)]));
    let mut thread = thread();
    assert!(run_until_idle(&mut thread, genesis(), world.ports()).is_none());
    (thread, world.sink.events().into_iter().map(|event| event.kind).collect())
}

fn asked(text: &str) -> Op {
    Op::UserInput { items: vec![Content::text(text)] }
}

fn searches(thread: &Thread) -> Vec<Item> {
    let items = thread.items().iter().map(|item| (**item).clone());
    items.filter(|item| matches!(item, Item::WebSearch { .. })).collect()
}

#[test]
fn search_is_shown_and_kept_between_what_was_said() {
    let model = FakeModel::new(|request| {
        match request.conversation.items.iter().any(|item| matches!(**item, Item::Output { .. })) {
            false => response([search("ferns", Some(RECORD)), message("I see."), call("read_a", "1")]),
            true => response([search("moss", None), message("done")]),
        }
    });
    let (thread, events) = turn(model, asked("look it up"));
    assert_eq!(check_history(&thread), Ok(()));
    let shown: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            EventKind::ItemCompleted { item } => match &item.detail {
                ItemDetail::WebSearch { query } => Some(query.as_str()),
                ItemDetail::AgentMessage { text, .. } => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(shown, ["ferns", "I see.", "moss", "done"]);
    let kept = |query: &str, sealed: Option<&str>| Item::WebSearch {
        query: query.to_owned(),
        sealed: sealed.map(str::to_owned),
        provider: None,
    };
    assert_eq!(searches(&thread), [kept("ferns", Some(RECORD)), kept("moss", None)]);
    let Some(EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(message.as_deref(), Some("done"));
}

#[test]
fn record_of_a_search_is_its_providers() {
    let overrides = TurnOverrides { provider: Some("azure".to_owned()), ..TurnOverrides::default() };
    let op = Op::UserTurn { items: vec![Content::text("look it up")], overrides, output_schema: None };
    let model = FakeModel::new(|_| response([search("a", Some(RECORD)), search("b", None), message("done")]));
    let (thread, _) = turn(model, op);
    let providers: Vec<Option<String>> = searches(&thread)
        .into_iter()
        .map(|item| match item {
            Item::WebSearch { provider, .. } => provider,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(providers, [Some("azure".to_owned()), None]);
}

#[test]
fn searches_survive_a_round_trip() {
    for sealed in [None, Some(RECORD.to_owned())] {
        let provider = sealed.as_ref().map(|_| "openai".to_owned());
        let item = Item::WebSearch { query: "ferns".to_owned(), sealed, provider };
        let text = serde_json::to_string(&item).unwrap();
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item, "{text}");
    }
}

#[test]
fn the_next_turn_is_told_of_the_search() {
    let model = FakeModel::new(|request| {
        let told = request.conversation.items.iter().any(|item| matches!(**item, Item::WebSearch { .. }));
        match told {
            false => response([search("ferns", Some(RECORD)), message("done")]),
            true => response([message("done again")]),
        }
    });
    let world = World::new(model, FakeInbox::of([says("op-1", "look it up"), says("op-2", "and now?")]));
    let mut thread = thread();
    assert!(run_until_idle(&mut thread, genesis(), world.ports()).is_none());
    let last = thread.items().iter().rev().find_map(|item| match &**item {
        Item::Agent { text, .. } => Some(text.clone()),
        _ => None,
    });
    assert_eq!(last.as_deref(), Some("done again"));
}

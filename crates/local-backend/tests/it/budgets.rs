//! What a thread has spent is spent, whoever serves it and however often its process died.

use crate::{
    damage::raw,
    world::{Events, World, backend, genesis, op, said, say, stored, submit, turn},
};
use agent_core::{
    AgentSession, Budget, EventKind, Genesis, Op, Price, Settings, Tenant, TurnEnd, TurnOverrides,
};
use sqlx::Connection;

/// A token costs a millionth of a dollar.
const PRICE: Price = Price { input: 1_000_000, cached: 1_000_000, output: 1_000_000 };

/// A turn with one call is two responses of fifteen tokens: this budget is spent once it has ended, or with the first call of
/// the next one; and one with which a further turn can be had.
fn budgets() -> [(&'static str, Budget, Budget); 3] {
    let tokens = |limit| Budget { tokens: Some(limit), ..Budget::default() };
    let money = |limit| Budget { cost_microusd: Some(limit), ..Budget::default() };
    let calls = |limit| Budget { tool_calls: Some(limit), ..Budget::default() };
    [
        ("tokens", tokens(30), tokens(1_000)),
        ("$0.0000", money(30), money(1_000)),
        ("tool calls", calls(2), calls(100)),
    ]
}

#[tokio::test]
async fn budgets_outlive_the_process_and_can_be_raised() {
    for (name, budget, more) in budgets() {
        for with_snapshot in [true, false] {
            let world = World::new().await;
            let settings = Settings { budget, price: Some(PRICE), ..genesis().settings };
            let genesis = Genesis { settings, ..genesis() };
            let session = world.backend.start(Tenant::default(), genesis).await.unwrap();
            assert_eq!(said(&turn(&session, "op-1", "call read").await), "done", "{name}");
            let key = session.key().clone();
            session.close().await.unwrap();
            world.database().close().await.unwrap();
            if !with_snapshot {
                // As after a process that died before it could keep one.
                let mut line = raw(world.home.path()).await;
                sqlx::query("DELETE FROM snapshots").execute(&mut line).await.unwrap();
                line.close().await.unwrap();
            }

            let restarted = backend(world.home.path(), world.tools.clone()).await;
            let session = restarted.resume(&key).await.unwrap();
            // A turn that may not begin ends with the record that asks for it.
            let before = stored(&session).await.len() as u64;
            submit(&session, say("op-2", "call read read")).await.unwrap();
            let end = Events::of(&session, before).turn_end().await;
            let EventKind::TurnCompleted { end: TurnEnd::BudgetSpent { message }, .. } = &end else {
                panic!("{end:?}")
            };
            assert!(message.contains(name) && message.contains("raise it to go on"), "{message}");
            let ran = world.tools.runs().len();
            assert_eq!(ran, if name == "tool calls" { 2 } else { 1 }, "{name}");

            let overrides = TurnOverrides { budget: Some(more), ..TurnOverrides::default() };
            submit(&session, op("op-3", Op::OverrideTurnContext { overrides })).await.unwrap();
            assert_eq!(said(&turn(&session, "op-4", "call read").await), "done", "{name}");
            session.close().await.unwrap();
        }
    }
}

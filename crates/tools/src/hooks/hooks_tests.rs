//! Hooks as Rust code: their order, what the next one sees, what a block ends.

use super::*;
use agent_core::{EffectId, HookPhase, Tenant, ThreadId, ThreadKey, TurnId};
use std::{collections::BTreeMap, sync::Mutex};

pub(super) fn request(phase: HookPhase) -> HookRequest {
    HookRequest {
        key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") },
        turn: TurnId(1),
        effect: EffectId(2),
        attempt: 1,
        phase,
        cwd: "/w".into(),
        model: "m".into(),
        prompt: vec![Content::text("hello")],
        tool: None,
        end: None,
        metadata: BTreeMap::from([("old".into(), "1".into())]),
    }
}

struct Scripted {
    name: &'static str,
    answer: HookAnswer,
    seen: Arc<Mutex<Vec<HookRequest>>>,
}

#[async_trait]
impl TurnHook for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn fits(&self, request: &HookRequest) -> bool {
        request.phase == HookPhase::PreTurn
    }

    async fn run(&self, request: &HookRequest) -> HookAnswer {
        self.seen.lock().unwrap().push(request.clone());
        self.answer.clone()
    }
}

async fn run(answers: Vec<HookAnswer>) -> (Hooked, Vec<HookRequest>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let names = ["one", "two", "three"];
    let hooks = names.into_iter().zip(answers).map(|(name, answer)| {
        Arc::new(Scripted { name, answer, seen: Arc::clone(&seen) }) as Arc<dyn TurnHook>
    });
    let hooked = HookRunner::new(hooks).run(request(HookPhase::PreTurn)).await;
    let seen = seen.lock().unwrap().clone();
    (hooked, seen)
}

#[tokio::test]
async fn what_one_hook_changes_the_next_one_sees_and_changes_add_up() {
    let first = HookPatch {
        prompt: Some("other".into()),
        attachments: vec![Content::text("more")],
        context: Some("a".into()),
        metadata: BTreeMap::from([("new".into(), "2".into()), ("old".into(), String::new())]),
        ..HookPatch::default()
    };
    let second = HookPatch { model: Some("n".into()), context: Some("b".into()), ..HookPatch::default() };
    let answers =
        vec![HookAnswer::change(first.clone()), HookAnswer::change(second), HookAnswer::note("seen")];
    let (hooked, seen) = run(answers).await;
    let expected = HookPatch { model: Some("n".into()), context: Some("a\n\nb".into()), ..first };
    assert_eq!(hooked.patch, expected);
    assert_eq!(hooked.ruling, HookRuling::Continue);
    assert_eq!(hooked.notes, [HookNote { hook: "three".into(), message: "seen".into() }]);
    assert_eq!(seen[0], request(HookPhase::PreTurn));
    let changed = HookRequest {
        prompt: vec![Content::text("other"), Content::text("more")],
        metadata: BTreeMap::from([("new".into(), "2".into())]),
        ..request(HookPhase::PreTurn)
    };
    assert_eq!(seen[1], changed);
    assert_eq!(seen[2], HookRequest { model: "n".into(), ..changed });
}

#[tokio::test]
async fn a_later_prompt_takes_the_place_of_texts_and_not_of_what_was_pointed_at() {
    let file = Content::Mention { name: "a".into(), path: "/a".into() };
    let first = HookPatch { attachments: vec![Content::text("more"), file.clone()], ..HookPatch::default() };
    let second = HookPatch { prompt: Some("new".into()), ..HookPatch::default() };
    let (hooked, seen) =
        run(vec![HookAnswer::change(first), HookAnswer::change(second.clone()), HookAnswer::go_on()]).await;
    assert_eq!(hooked.patch, HookPatch { attachments: vec![file.clone()], ..second });
    assert_eq!(seen[1].prompt, [Content::text("hello"), Content::text("more"), file.clone()]);
    assert_eq!(seen[2].prompt, [Content::text("new"), file]);
}

#[tokio::test]
async fn a_block_ends_the_chain_and_takes_back_what_was_changed_but_not_what_is_to_be_remembered() {
    let change = HookPatch {
        metadata: BTreeMap::from([("kept".into(), "1".into())]),
        context: Some("c".into()),
        ..HookPatch::default()
    };
    let (hooked, seen) =
        run(vec![HookAnswer::change(change), HookAnswer::block("no"), HookAnswer::go_on()]).await;
    assert_eq!(hooked.ruling, HookRuling::Block { reason: "two: no".into() });
    assert_eq!(seen.len(), 2);
    let metadata = BTreeMap::from([("kept".to_owned(), "1".to_owned())]);
    assert_eq!(hooked.patch, HookPatch { metadata, ..HookPatch::default() });
}

#[tokio::test]
async fn hooks_of_other_phases_are_not_asked() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = Scripted { name: "one", answer: HookAnswer::block("no"), seen: Arc::clone(&seen) };
    let hooked =
        HookRunner::new([Arc::new(hook) as Arc<dyn TurnHook>]).run(request(HookPhase::PostTurn)).await;
    assert_eq!(hooked, Hooked::default());
    assert!(seen.lock().unwrap().is_empty());
}

//! Scenes of threads that live long: summaries, reviews, turns that are taken back, modes, budgets, hooks, and moves.

use super::{
    events,
    fakes::Hanging,
    scenes::{Stage, accepted, played},
};
use crate::world::{QUEUE, TestThread};
use agent_core::{
    Budget, CompactAt, Completion, EventKind, HookPatch, HookPhase, HookRequest, HookRuling, Hooked, Item,
    Mask, Mode, ModelChoice, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, Op, Payload,
    RestoreAnswer, RestoreRequest, ReviewRequest, RollbackFiles, Settings, SnapshotAnswer, SnapshotMoment,
    SnapshotRequest, Stored, TokenUsage, TurnOverrides, Undo, Workspace, recover, testing::FakeWorkspace,
};
use async_trait::async_trait;
use std::collections::BTreeSet;
use temporal_backend::{
    BackendOptions, Moving, ReplayOptions, Reply, TemporalBackend, replay,
    wire::{RunFrom, RunOptions},
};
use temporalio_client::{WorkflowDescribeOptions, WorkflowGetResultOptions};

/// A conversation of two calls has so many tokens: histories are kept in a repository and have to be short.
const SMALL_TOKENS: u64 = 200;
/// Bytes of a token, for a model that counts.
const BYTES_PER_TOKEN: usize = 4;
/// What stands before the number of steps that a summary remembers.
const DONE: &str = "steps done: ";

pub(super) async fn act(name: &str, stage: &mut Stage) -> TestThread {
    match name {
        "summarised_on_request" => stage.summarised_on_request().await,
        "summarised_at_the_beginning" => stage.summarised_at_the_beginning().await,
        "summarised_in_mid_turn" => stage.limited(SMALL_TOKENS, "long 4 read_a").await,
        "summarised_after_overflow" => stage.limited(100_000, "overflow 1 read_a").await,
        "summary_lost" => stage.summary_lost().await,
        "summary_failed" => stage.limited(SMALL_TOKENS, "mute 2 read_a").await,
        "summary_shortened" => stage.limited(SMALL_TOKENS, "huge 4 read_a").await,
        "summarised_and_handed_over" => stage.summarised_and_handed_over().await,
        "reviewed" => stage.reviewed("findings").await,
        "review_in_words" => stage.reviewed("call read_a").await,
        "review_interrupted" => stage.review_interrupted().await,
        "undone" => stage.undone("/work", Op::Undo).await,
        "undo_refused" => stage.undone("/conflict", Op::Undo).await,
        "rolled_back_without_files" => {
            stage.undone("/work", Op::Rollback { turns: 1, files: RollbackFiles::Keep }).await
        }
        "snapshot_lost" => stage.snapshot_lost().await,
        "restore_lost" => stage.restore_lost().await,
        "planned" => stage.planned().await,
        "masked" => stage.masked().await,
        "budget_raised" => stage.budget_raised().await,
        "hooked" => stage.hooked("together read_a write_b").await,
        "hook_blocked" => stage.hooked("call blocked_by_hook").await,
        "hook_lost" => stage.hook_lost().await,
        "departed" => stage.departed().await.0,
        "moved_in" => stage.moved_in().await,
        name => panic!("there is no scene {name}"),
    }
}

/// A step of a turn of so many calls, however much of it was summarised meanwhile.
pub(super) fn step(request: &ModelRequest, text: &str) -> Vec<Result<ModelEvent, ModelError>> {
    let (first, rest) = text.split_once(' ').unwrap();
    let (count, tool) = rest.split_once(' ').unwrap();
    let is_summarised = request.conversation.told().any(|item| remembered(item).is_some());
    if first == "overflow" && !is_summarised {
        return vec![Err(ModelError::new(ModelErrorKind::ContextWindowExceeded, "it does not fit"))];
    }
    let done = steps_done(request);
    if done >= count.parse::<usize>().unwrap() {
        return counted(request, ModelItem::Message { text: format!("done after {done}") });
    }
    let arguments = format!("{{\"n\":{done}}}");
    counted(request, ModelItem::Call { name: tool.to_owned(), payload: Payload::Function { arguments } })
}

pub(super) fn summary(request: &ModelRequest, text: &str) -> Vec<Result<ModelEvent, ModelError>> {
    let text = match text.split(' ').next() {
        Some("mute") => String::new(),
        Some("huge") if request.conversation.skipped == 0 => {
            return vec![Err(ModelError::new(ModelErrorKind::ContextWindowExceeded, "it does not fit"))];
        }
        _ => format!(
            "{DONE}{}",
            steps_done(request) + usize::try_from(request.conversation.skipped).unwrap() / 2
        ),
    };
    counted(request, ModelItem::Message { text })
}

/// How many calls were answered, those included that a summary tells of.
fn steps_done(request: &ModelRequest) -> usize {
    let items = || request.conversation.told();
    let answered = items().filter(|item| matches!(***item, Item::Output { .. })).count();
    answered + items().find_map(|item| remembered(item)).unwrap_or_default()
}

fn remembered(item: &Item) -> Option<usize> {
    let Item::Context { text } = item else { return None };
    let (_, rest) = text.strip_prefix("<summary>")?.split_once(DONE)?;
    rest.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
}

/// A response of a model that counts as providers do.
fn counted(request: &ModelRequest, item: ModelItem) -> Vec<Result<ModelEvent, ModelError>> {
    let bytes = |item: &Item| serde_json::to_string(item).unwrap().len();
    let input = request.conversation.told().map(|item| bytes(item)).sum::<usize>() / BYTES_PER_TOKEN;
    let tokens = Some(TokenUsage { input: input as u64, output: 5, ..TokenUsage::default() });
    let completion = Completion { tokens, ..Completion::default() };
    vec![Ok(ModelEvent::Item(item)), Ok(ModelEvent::Completed(completion))]
}

/// Hooks that do a little of everything; in `/conflict` nothing is restored, and in `/lost` the first attempt comes to
/// nothing.
pub(super) struct Space {
    pub(super) fake: FakeWorkspace,
    hanging: Hanging,
}

impl Default for Space {
    fn default() -> Self {
        let conflict = |request: &RestoreRequest| match request.cwd.as_str() {
            "/conflict" => RestoreAnswer::Conflicted { paths: vec!["a.rs".into()] },
            _ => RestoreAnswer::Restored { files: vec!["b.rs".into()], notes: vec!["kept as 1".into()] },
        };
        Self { fake: FakeWorkspace::default().hooked(hook).restoring(conflict), hanging: Hanging::default() }
    }
}

fn hook(request: &HookRequest) -> Hooked {
    let patch = match request.phase {
        HookPhase::SessionStart => HookPatch {
            context: Some("a hook says hello".into()),
            metadata: [("greeted".to_owned(), "yes".to_owned())].into(),
            ..HookPatch::default()
        },
        _ => HookPatch::default(),
    };
    let is_blocked = request.phase == HookPhase::PreToolUse
        && request.tool.as_ref().is_some_and(|tool| tool.call.name == "blocked_by_hook");
    let ruling = match is_blocked {
        true => HookRuling::Block { reason: "policy: not today".into() },
        false => HookRuling::Continue,
    };
    Hooked { ruling, patch, notes: Vec::new() }
}

impl Space {
    async fn hangs(&self, cwd: &str, wanted: &str, attempt: u32) {
        if cwd == wanted && attempt == 1 {
            self.hanging.one_more();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Workspace for Space {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        if request.moment == SnapshotMoment::BeforeTurn {
            self.hangs(&request.cwd, "/lost/snapshot", request.attempt).await;
        }
        self.fake.snapshot(request).await
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.hangs(&request.cwd, "/lost/restore", request.attempt).await;
        self.fake.restore(request).await
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        self.hangs(&request.cwd, "/lost/hook", request.attempt).await;
        self.fake.hook(request).await
    }
}

impl Stage {
    async fn summarised_on_request(&self) -> TestThread {
        let thread = self.turn("hello").await;
        accepted(&thread.submit("op-2", Op::Compact).await);
        thread.until_turn_ends(2).await;
        accepted(&thread.say("op-3", "and now").await);
        thread.until_turn_ends(3).await;
        thread
    }

    async fn limit(&self, tokens: u64) -> TestThread {
        self.with(|settings| settings.compact_at = CompactAt::Tokens(tokens)).await
    }

    async fn limited(&self, tokens: u64, text: &str) -> TestThread {
        let thread = self.limit(tokens).await;
        accepted(&thread.say("op-1", text).await);
        let events = thread.until_turn_ends(1).await;
        let is_summarised =
            events.iter().any(|event| matches!(event.kind, EventKind::ContextCompacted { .. }));
        assert_eq!(is_summarised, !text.starts_with("mute"), "{events:#?}");
        thread
    }

    async fn summarised_at_the_beginning(&self) -> TestThread {
        let thread = self.limit(100_000).await;
        accepted(&thread.say("op-1", "long 3 read_a").await);
        thread.until_turn_ends(1).await;
        let compact_at = Some(CompactAt::Tokens(150));
        let overrides = TurnOverrides { compact_at, ..TurnOverrides::default() };
        accepted(&thread.submit("op-2", Op::OverrideTurnContext { overrides }).await);
        accepted(&thread.say("op-3", "again").await);
        let events = thread.until_turn_ends(2).await;
        let is_summarised = |kind: &EventKind| matches!(kind, EventKind::ContextCompacted { .. });
        assert!(events.iter().any(|event| is_summarised(&event.kind)), "{events:#?}");
        thread
    }

    async fn summary_lost(&mut self) -> TestThread {
        self.doomed_worker().await;
        let thread = self.limit(SMALL_TOKENS).await;
        accepted(&thread.say("op-1", "doze 4 read_a").await);
        self.model.hanging.until(1).await;
        self.next_worker().await;
        thread.until_turn_ends(1).await;
        thread
    }

    async fn summarised_and_handed_over(&self) -> TestThread {
        let mut genesis = crate::world::genesis();
        genesis.settings.compact_at = CompactAt::Tokens(SMALL_TOKENS);
        let key = agent_core::ThreadKey {
            tenant: agent_core::Tenant::default(),
            thread: agent_core::ThreadId::new("long"),
        };
        let options = RunOptions { records_per_run: Some(6), ..RunOptions::default() };
        let thread = self.world.begin(key, RunFrom::New { genesis: Box::new(genesis) }, options).await;
        accepted(&thread.say("op-1", "long 4 read_a").await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn reviewed(&self, instructions: &str) -> TestThread {
        let thread = self.turn("hello").await;
        let request = ReviewRequest::Custom { instructions: instructions.into() };
        accepted(&thread.submit("op-2", Op::Review { request }).await);
        thread.until_turn_ends(2).await;
        accepted(&thread.say("op-3", "thanks").await);
        thread.until_turn_ends(3).await;
        thread
    }

    async fn review_interrupted(&self) -> TestThread {
        let thread = self.turn("hello").await;
        let request = ReviewRequest::Custom { instructions: "hold it".into() };
        accepted(&thread.submit("op-2", Op::Review { request }).await);
        self.model.hanging.until(1).await;
        accepted(&thread.submit("op-3", Op::Interrupt).await);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn with_undo(&self, cwd: &str) -> TestThread {
        let cwd = cwd.to_owned();
        self.with(move |settings| (settings.undo, settings.cwd) = (Undo::On, cwd)).await
    }

    async fn undone(&self, cwd: &str, op: Op) -> TestThread {
        let thread = self.with_undo(cwd).await;
        accepted(&thread.say("op-1", "hello").await);
        thread.until_turn_ends(1).await;
        accepted(&thread.say("op-2", "call write_a").await);
        thread.until_turn_ends(2).await;
        accepted(&thread.submit("op-3", op).await);
        thread.until("an end", is_taken_back).await;
        accepted(&thread.say("op-4", "instead").await);
        thread.until_turn_ends(3).await;
        thread
    }

    async fn snapshot_lost(&mut self) -> TestThread {
        self.doomed_worker().await;
        let thread = self.with_undo("/lost/snapshot").await;
        accepted(&thread.say("op-1", "call write_a").await);
        self.space.hanging.until(1).await;
        self.next_worker().await;
        thread.until_turn_ends(1).await;
        thread
    }

    async fn restore_lost(&mut self) -> TestThread {
        self.doomed_worker().await;
        let thread = self.with_undo("/lost/restore").await;
        accepted(&thread.say("op-1", "call write_a").await);
        thread.until_turn_ends(1).await;
        accepted(&thread.submit("op-2", Op::Undo).await);
        self.space.hanging.until(1).await;
        // It is said while the files are being put back.
        let early = thread.try_submit("op-3", Op::Undo).await;
        assert!(!matches!(early, Ok(Reply::Accepted(_))), "{early:?}");
        self.next_worker().await;
        at_rest(&thread).await;
        thread.until("an end", is_taken_back).await;
        accepted(&thread.say("op-4", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn planned(&self) -> TestThread {
        let thread = self.with(|settings| settings.mode = Mode::Plan).await;
        accepted(&thread.say("op-1", "call write_a").await);
        thread.until_turn_ends(1).await;
        accepted(&thread.say("op-2", "plan it").await);
        thread.until_turn_ends(2).await;
        let overrides = TurnOverrides { mode: Some(Mode::Code), ..TurnOverrides::default() };
        accepted(&thread.submit("op-3", Op::OverrideTurnContext { overrides }).await);
        accepted(&thread.say("op-4", "call write_a").await);
        thread.until_turn_ends(3).await;
        thread
    }

    async fn masked(&self) -> TestThread {
        let model = ModelChoice { model: "careful".into(), ..ModelChoice::default() };
        let mask = Mask {
            instructions: Some("go slowly".into()),
            model: Some(model),
            tools: Some(vec!["read*".into()]),
            ..Mask::default()
        };
        let thread = self
            .with(|settings| {
                settings.mode = Mode::Pair;
                settings.masks = [(Mode::Pair, mask)].into();
            })
            .await;
        accepted(&thread.say("op-1", "call read_a write_b").await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn budget_raised(&self) -> TestThread {
        let budget = Budget { tool_calls: Some(1), ..Budget::default() };
        let thread = self.with(|settings| settings.budget = budget).await;
        accepted(&thread.say("op-1", "call read_a read_b").await);
        thread.until_turn_ends(1).await;
        let budget = Some(Budget { tool_calls: Some(9), ..Budget::default() });
        let overrides = TurnOverrides { budget, ..TurnOverrides::default() };
        accepted(&thread.submit("op-2", Op::OverrideTurnContext { overrides }).await);
        accepted(&thread.say("op-3", "call read_b").await);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn hooked(&self, text: &str) -> TestThread {
        let thread = self.with(|settings| settings.hooks = all_phases()).await;
        accepted(&thread.say("op-1", text).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn hook_lost(&mut self) -> TestThread {
        self.doomed_worker().await;
        let thread = self
            .with(|settings: &mut Settings| {
                settings.hooks = BTreeSet::from([HookPhase::PreTurn]);
                settings.cwd = "/lost/hook".into();
            })
            .await;
        accepted(&thread.say("op-1", "hello").await);
        self.space.hanging.until(1).await;
        self.next_worker().await;
        thread.until_turn_ends(1).await;
        thread
    }

    fn backend(&self) -> TemporalBackend {
        let services = &self.world.services;
        let options = BackendOptions {
            bus: services.bus.clone(),
            blobs: services.blobs.clone(),
            redactor: services.redactor.clone(),
            queue: QUEUE.into(),
            run: RunOptions::default(),
            durability: "a server of a test".into(),
            library: None,
        };
        TemporalBackend::new(self.world.client.clone(), options)
    }

    /// And what it had committed before it left.
    async fn departed(&self) -> (TestThread, Moving) {
        let thread = self.turn("call write_a").await;
        let runs = played(&self.world, &thread).await.runs;
        let past = replay(runs[0].clone(), ReplayOptions::default()).await.unwrap().commits;
        assert!(!events(&past).is_empty());
        let last = past.len() as u64;
        self.backend().depart(&thread.key, last, "elsewhere").await.unwrap();
        thread.workflow.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        let stored = Stored { snapshot: None, tail: past.clone() };
        let moved = recover(thread.key.clone(), stored).unwrap();
        (thread, Moving { thread: moved, past, from: "elsewhere".into(), move_id: "back".into() })
    }

    async fn moved_in(&self) -> TestThread {
        let (thread, moving) = self.departed().await;
        self.backend().take_in(moving).await.unwrap();
        accepted(&thread.say("op-2", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }
}

fn all_phases() -> BTreeSet<HookPhase> {
    BTreeSet::from([
        HookPhase::SessionStart,
        HookPhase::PreRun,
        HookPhase::PostRun,
        HookPhase::PreTurn,
        HookPhase::PostTurn,
        HookPhase::PreToolUse,
        HookPhase::PostToolUse,
    ])
}

/// Waits until nothing is under way at the server. A worker that is asked while a task waits for the one that died applies
/// what the task is about, and an op that comes then is in another order in a replay. Clients do not ask then.
async fn at_rest(thread: &TestThread) {
    let rested = async {
        loop {
            let found = thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap();
            if found.raw().pending_workflow_task.is_none() && found.raw().pending_activities.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, rested).await.unwrap();
}

fn is_taken_back(kind: &EventKind) -> bool {
    matches!(kind, EventKind::RolledBack { .. } | EventKind::RollbackRefused { .. })
}

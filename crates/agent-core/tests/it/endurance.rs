//! A thread of 3,000 steps in a small window: what was said early is still known, and nothing grows without end.

use crate::{
    desk::in_words,
    scenario::{call, message, says, thread},
};
use agent_core::{
    Answer, Completion, Content, EffectKind, EventKind, FileChange, FileChangeKind, Genesis, Input, Item,
    ModelAnswer, ModelItem, ModelRequest, OutputStatus, Prepared, Purpose, SandboxPolicy, Settings, Shared,
    TokenUsage, ToolAnswer, ToolOutput, Undo, check_history, testing::preparation,
};

/// Steps in all, and in a turn.
const STEPS: usize = 3_000;
const STEPS_IN_TURN: usize = 100;
/// The window, in tokens.
const WINDOW: u64 = 8_000;
/// The thread may have so many bytes, written down.
const MAX_BYTES: usize = 150_000;
/// The journal may have so many bytes a step.
const MAX_JOURNAL_BYTES: usize = 6_000;

/// A thread whose world is a function of what it asks.
struct Endurance {
    thread: agent_core::Thread,
    now_ms: u64,
    steps: usize,
    compactions: usize,
    ends: usize,
    max_bytes: usize,
    max_told: u64,
    journal_bytes: usize,
    last: Option<ModelRequest>,
}

impl Endurance {
    fn new() -> Self {
        let settings = Settings {
            context_window: Some(WINDOW),
            sandbox: SandboxPolicy::DangerFullAccess,
            undo: Undo::On,
            ..Settings::new("/work", "model")
        };
        let rules = Item::Context { text: "FACT: house rules forbid tabs".into() };
        let genesis = Genesis {
            settings,
            instructions: Shared::new("Be brief.".into()),
            items: vec![Shared::new(rules)],
            ..Genesis::default()
        };
        let mut endurance = Self {
            thread: thread(),
            now_ms: 0,
            steps: 0,
            compactions: 0,
            ends: 0,
            max_bytes: 0,
            max_told: 0,
            journal_bytes: 0,
            last: None,
        };
        endurance.feed(Input::Opened(Box::new(genesis)));
        endurance
    }

    fn feed(&mut self, input: Input) {
        self.now_ms += 10;
        let record = self.thread.next_record(self.now_ms, input);
        let outcome = self.thread.apply(&record).unwrap();
        check_history(&self.thread).unwrap();
        self.journal_bytes += serde_json::to_string(&record).unwrap().len();
        self.journal_bytes += serde_json::to_string(&outcome.events).unwrap().len();
        for event in outcome.events {
            match event.kind {
                EventKind::ContextCompacted { .. } => self.compactions += 1,
                kind if kind.is_terminal() => self.ends += 1,
                EventKind::Error { message, .. } => panic!("{message}"),
                _ => {}
            }
        }
    }

    /// Answers what runs until nothing does.
    fn settle(&mut self) {
        loop {
            let running: Vec<_> = self.thread.running().take(1).cloned().collect();
            let Some(running) = running.first() else { return };
            let answer = self.answer(&running.effect);
            let (effect, attempt) = (running.effect.id, running.effect.attempt);
            self.feed(Input::Answered { effect, attempt, answer });
        }
    }

    fn answer(&mut self, effect: &agent_core::Effect) -> Answer {
        match &effect.kind {
            EffectKind::Model | EffectKind::Compact => {
                let request = self.thread.model_request(effect).unwrap();
                let answer = self.model(&request);
                self.last =
                    Some(request).filter(|request| request.purpose == Purpose::Answer).or(self.last.take());
                Answer::Model { answer }
            }
            EffectKind::Prepare { call } => {
                let call = self.thread.prepare_request(call).unwrap().call;
                let preparation = preparation(&call.name, call.payload.text());
                Answer::Prepared { prepared: Prepared::Ready(Box::new(preparation)) }
            }
            EffectKind::Tool { .. } => Answer::Tool { answer: self.tool(effect) },
            EffectKind::Snapshot { moment } => {
                let id = format!("{} {moment:?}", self.thread.turns());
                let snapshot = agent_core::Snapshot { id, root: "/work".into(), notes: Vec::new() };
                Answer::Snapshot { answer: agent_core::SnapshotAnswer::Taken { snapshot } }
            }
            other => panic!("{other:?}"),
        }
    }

    fn model(&mut self, request: &ModelRequest) -> ModelAnswer {
        let told: Vec<String> = request.conversation.told().map(|item| in_words(item)).collect();
        let tokens = told.iter().map(String::len).sum::<usize>() as u64 / 4;
        let items = if request.purpose == Purpose::Summary {
            vec![summary(&told)]
        } else {
            self.steps += 1;
            self.max_told = self.max_told.max(tokens);
            if self.steps.is_multiple_of(10) {
                self.max_bytes = self.max_bytes.max(serde_json::to_string(&self.thread).unwrap().len());
            }
            match self.steps % STEPS_IN_TURN {
                0 => vec![message("done")],
                1 => vec![message("looking"), call("apply_patch", &self.steps.to_string())],
                _ => vec![
                    call("read_file", &self.steps.to_string()),
                    call("read_log", &self.steps.to_string()),
                ],
            }
        };
        let usage = TokenUsage { input: tokens, output: 20, ..TokenUsage::default() };
        ModelAnswer::Completed {
            items,
            completion: Completion { tokens: Some(usage), ..Completion::default() },
        }
    }

    fn tool(&self, effect: &agent_core::Effect) -> ToolAnswer {
        let request = self.thread.tool_request(effect).unwrap();
        let number = request.call.payload.text().to_owned();
        // Found out once, at the third step, and needed to the end.
        let fact = if number == "3" { "FACT: the port is 7391\n" } else { "" };
        let text = format!("{fact}{number}: {}", "so it is. ".repeat(40));
        let mut output = ToolOutput::text(OutputStatus::Ok, text);
        if request.call.name == "apply_patch" {
            let (path, diff) = (format!("src/file_{number}.rs"), "-a\n+b\n".to_owned());
            let change = FileChange { path, kind: FileChangeKind::Update, moved_to: None, diff };
            output.changes.push(change);
        }
        ToolAnswer::Finished { output }
    }
}

/// A good summary: every fact that is told anywhere, once.
fn summary(told: &[String]) -> ModelItem {
    let lines = told.iter().flat_map(|text| text.lines());
    let mut facts: Vec<&str> = lines.filter_map(|line| Some(&line[line.find("FACT: ")?..])).collect();
    facts.sort_unstable();
    facts.dedup();
    message(&facts.join("\n"))
}

#[test]
fn three_thousand_steps_in_a_small_window_forget_nothing_and_stay_small() {
    let mut endurance = Endurance::new();
    let turns = STEPS / STEPS_IN_TURN;
    for turn in 0..turns {
        let text = match turn {
            0 => "FACT: the customer is called Ada".to_owned(),
            _ => format!("Go on with part {turn}."),
        };
        endurance.feed(Input::Submitted(Box::new(says(&format!("op-{turn}"), &text))));
        endurance.settle();
    }
    let Endurance { steps, compactions, ends, max_bytes, max_told, journal_bytes, last, .. } = &endurance;
    eprintln!(
        "{steps} steps, {compactions} summaries, at most {max_told} tokens told and {max_bytes} bytes of thread, {} bytes of \
         journal a step",
        journal_bytes / steps
    );
    assert_eq!((*steps, *ends), (STEPS, turns));
    assert!(*compactions >= 10, "{compactions}");
    assert!(*max_told < WINDOW, "{max_told}");
    assert!(*max_bytes < MAX_BYTES, "{max_bytes}");
    assert!(journal_bytes / steps < MAX_JOURNAL_BYTES);
    let request = last.as_ref().unwrap();
    let told: Vec<String> = request.conversation.told().map(|item| in_words(item)).collect();
    let told = told.join("\n");
    for fact in ["house rules forbid tabs", "the customer is called Ada", "the port is 7391", "src/file_1.rs"]
    {
        assert!(told.contains(fact), "{fact} is forgotten: {told}");
    }
    let newest = Content::text(format!("Go on with part {}.", turns - 1));
    let says = |item: &&Shared<Item>| matches!(&***item, Item::User { content } if content.contains(&newest));
    assert_eq!(request.conversation.items.iter().filter(says).count(), 1);
    assert_eq!(
        endurance.thread.undoable().count(),
        turns,
        "turns that were summarised can still put their files back"
    );
}

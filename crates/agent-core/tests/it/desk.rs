//! [`Desk`]: a thread whose effects are answered by hand.

use crate::scenario::{call, message, submission, thread};
use agent_core::{
    Answer, Completion, Content, EffectKind, Event, EventKind, Genesis, Input, InteractionId, Item,
    ModelAnswer, ModelError, ModelErrorKind, ModelItem, ModelRequest, Op, OutputStatus, Preparation,
    Prepared, Refusal, Running, Settings, Thread, TokenUsage, ToolAnswer, ToolOutput, ToolRequest, TurnEnd,
    check_history,
};

/// A thread, the time, and what clients were told.
pub(crate) struct Desk {
    pub(crate) thread: Thread,
    pub(crate) now_ms: u64,
    pub(crate) events: Vec<EventKind>,
    ops: u32,
}

impl Desk {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::of(Genesis { settings, ..Genesis::default() })
    }

    pub(crate) fn of(genesis: Genesis) -> Self {
        let mut desk = Self { thread: thread(), now_ms: 1_000, events: Vec::new(), ops: 0 };
        desk.feed(Input::Opened(Box::new(genesis)));
        desk
    }

    /// A turn whose model asked for these tools, each prepared so.
    pub(crate) fn with_calls<'a>(
        settings: Settings,
        calls: impl IntoIterator<Item = (&'a str, Preparation)>,
    ) -> Self {
        let mut desk = Self::new(settings);
        desk.asks_for(calls);
        desk
    }

    /// A turn begins, and its model asks for these tools.
    pub(crate) fn asks_for<'a>(&mut self, calls: impl IntoIterator<Item = (&'a str, Preparation)>) {
        self.op(Op::UserInput { items: vec![Content::text("go")] });
        let (names, preparations): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        self.model(names.iter().map(|name| call(name, "{}")));
        for preparation in preparations {
            let prepared = Prepared::Ready(Box::new(preparation));
            self.answer(|kind| matches!(kind, EffectKind::Prepare { .. }), Answer::Prepared { prepared });
        }
    }

    pub(crate) fn feed(&mut self, input: Input) {
        let record = self.thread.next_record(self.now_ms, input);
        let outcome = self.thread.apply(&record).unwrap_or_else(|error| panic!("{error}: {record:?}"));
        self.events.extend(outcome.events.into_iter().map(|Event { kind, .. }| kind));
        // A thread that is written down and read again is the same.
        let json = serde_json::to_string(&self.thread).unwrap();
        assert_eq!(serde_json::from_str::<Thread>(&json).unwrap(), self.thread);
        check_history(&self.thread).unwrap();
    }

    pub(crate) fn op(&mut self, op: Op) {
        self.ops += 1;
        self.feed(Input::Submitted(Box::new(submission(&format!("op-{}", self.ops), op))));
    }

    /// What runs, of this kind.
    pub(crate) fn running(&self, is: impl Fn(&EffectKind) -> bool) -> Option<Running> {
        self.thread.running().find(|running| is(&running.effect.kind)).cloned()
    }

    pub(crate) fn answer(&mut self, is: impl Fn(&EffectKind) -> bool, answer: Answer) {
        let running = self.running(is).unwrap_or_else(|| panic!("nothing waits for {answer:?}"));
        let (effect, attempt) = (running.effect.id, running.effect.attempt);
        self.feed(Input::Answered { effect, attempt, answer });
    }

    pub(crate) fn model(&mut self, items: impl IntoIterator<Item = ModelItem>) {
        let items = items.into_iter().collect();
        let answer = ModelAnswer::Completed { items, completion: Completion::default() };
        self.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
    }

    /// The user says this.
    pub(crate) fn says(&mut self, text: &str) {
        self.op(Op::UserInput { items: vec![Content::text(text)] });
    }

    /// The model answers so, and its provider counted so many tokens in all.
    pub(crate) fn model_counting(&mut self, items: impl IntoIterator<Item = ModelItem>, tokens: u64) {
        let answer = completed(items, tokens);
        self.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
    }

    /// The model that is asked for a summary answers so.
    pub(crate) fn summary(&mut self, answer: ModelAnswer) {
        self.answer(is_summary, Answer::Model { answer });
    }

    /// The summary is this.
    pub(crate) fn summarised(&mut self, text: &str) {
        self.summary(completed([message(text)], 0));
    }

    /// The model call fails so.
    pub(crate) fn fails(&mut self, kind: ModelErrorKind) {
        let answer = failed(kind);
        self.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
    }

    /// What a model is asked, for an answer or a summary.
    pub(crate) fn model_request(&self) -> ModelRequest {
        let asks = |kind: &EffectKind| matches!(kind, EffectKind::Model | EffectKind::Compact);
        let running = self.running(asks).unwrap_or_else(|| panic!("no model is asked"));
        self.thread.model_request(&running.effect).unwrap()
    }

    /// The conversation in words.
    pub(crate) fn told(&self) -> Vec<String> {
        self.thread.items().iter().map(|item| in_words(item)).collect()
    }

    /// Why this op is refused.
    pub(crate) fn refusal(&self, op: Op) -> Option<Refusal> {
        self.thread.gate().refusal(&submission("refused?", op))
    }

    /// How the last turn ended.
    pub(crate) fn end(&self) -> EventKind {
        match self.events.iter().rfind(|kind| kind.is_terminal()).unwrap() {
            EventKind::TurnCompleted { end, .. } => ended(end.clone()),
            other => other.clone(),
        }
    }

    /// The first tool call that runs has this answer.
    pub(crate) fn tool(&mut self, answer: ToolAnswer) {
        self.answer(is_tool, Answer::Tool { answer });
    }

    /// The request of the first tool call that runs.
    pub(crate) fn request(&self) -> ToolRequest {
        let running = self.running(is_tool).unwrap_or_else(|| panic!("no call runs"));
        self.thread.tool_request(&running.effect).unwrap()
    }

    /// Everything that runs is lost with its process; of a call this is known.
    pub(crate) fn crash(&mut self, evidence: ToolAnswer) {
        for Running { effect, .. } in self.thread.running().cloned().collect::<Vec<_>>() {
            if self.thread.awaits(effect.id, effect.attempt) {
                let evidence = self.thread.tool_request(&effect).map(|_| evidence.clone());
                self.feed(Input::Lost { effect: effect.id, attempt: effect.attempt, evidence });
            }
        }
    }

    /// The question that waits.
    pub(crate) fn question(&self) -> InteractionId {
        let open: Vec<_> = self.thread.pending().collect();
        assert_eq!(open.len(), 1, "{open:?}");
        open[0].clone()
    }

    /// How the calls ended, as the model is told it.
    pub(crate) fn outputs(&self) -> Vec<(OutputStatus, String)> {
        let outputs = self.thread.items().iter().filter_map(|item| match &**item {
            Item::Output { output, .. } => Some((output.status, output.plain_text())),
            _ => None,
        });
        outputs.collect()
    }

    /// The names of the events from the `from`th on.
    pub(crate) fn names(&self, from: usize) -> Vec<String> {
        let name =
            |kind: &EventKind| serde_json::to_value(kind).unwrap()["event"].as_str().unwrap().to_owned();
        self.events[from..].iter().map(name).collect()
    }
}

/// A whole response, with so many tokens as its provider counted; 0 where it did not.
pub(crate) fn completed(items: impl IntoIterator<Item = ModelItem>, tokens: u64) -> ModelAnswer {
    let usage = TokenUsage { input: tokens, ..TokenUsage::default() };
    let completion = Completion { tokens: (tokens > 0).then_some(usage), ..Completion::default() };
    ModelAnswer::Completed { items: items.into_iter().collect(), completion }
}

/// That a turn ended so, whatever it cost.
pub(crate) fn ended(end: TurnEnd) -> EventKind {
    EventKind::TurnCompleted { end, usage: TokenUsage::default() }
}

pub(crate) fn is_prepare(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Prepare { .. })
}

pub(crate) fn ready(preparation: Preparation) -> Answer {
    Answer::Prepared { prepared: Prepared::Ready(Box::new(preparation)) }
}

pub(crate) fn failed(kind: ModelErrorKind) -> ModelAnswer {
    ModelAnswer::Failed { error: ModelError::new(kind, "it failed") }
}

/// An item in words; what is told of the environment by name only.
pub(crate) fn in_words(item: &Item) -> String {
    let content = |parts: &[Content]| {
        let text = |part: &Content| match part {
            Content::Text { text } => text.clone(),
            other => serde_json::to_value(other).unwrap()["type"].to_string(),
        };
        parts.iter().map(text).collect::<Vec<_>>().join("|")
    };
    match item {
        Item::Context { text } if text.starts_with("<environment") => "environment".into(),
        Item::Context { text } => format!("context: {text}"),
        Item::User { content: parts } => format!("user: {}", content(parts)),
        Item::Agent { text, cut: false } => format!("agent: {text}"),
        Item::Agent { text, cut: true } => format!("agent: {text} (cut)"),
        Item::Call(call) => format!("call: {}", call.name),
        Item::Output { output, .. } => format!("output: {}", output.plain_text()),
        other => format!("{other:?}"),
    }
}

pub(crate) fn is_summary(kind: &EffectKind) -> bool {
    *kind == EffectKind::Compact
}

pub(crate) fn is_tool(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Tool { .. })
}

pub(crate) fn is_timer(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Timer { .. })
}

pub(crate) fn finished(text: &str) -> ToolAnswer {
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, text) }
}

//! [`Desk`]: a thread whose effects are answered by hand.

use crate::scenario::{call, submission, thread};
use agent_core::{
    Answer, Completion, EffectKind, Event, EventKind, Genesis, Input, InteractionId, Item, ModelAnswer,
    ModelItem, Op, OutputStatus, Preparation, Prepared, Running, Settings, Thread, ToolAnswer, ToolOutput,
    ToolRequest, check_history,
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
        self.op(Op::UserInput { items: vec![agent_core::Content::text("go")] });
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

pub(crate) fn is_tool(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Tool { .. })
}

pub(crate) fn is_timer(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Timer { .. })
}

pub(crate) fn finished(text: &str) -> ToolAnswer {
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, text) }
}

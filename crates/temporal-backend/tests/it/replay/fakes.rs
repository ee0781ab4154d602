//! A model and tools that come to nothing where a test wants them to.

use super::long;
use crate::world::obey;
use agent_core::{
    Answering, CancelHandle, CollectRequest, Collected, Content, EffectId, Elicitation, Grant, Item,
    ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, ModelStreamer, Operation, OutputStatus,
    Payload, Preparation, PrepareRequest, Prepared, Purpose, Question, Shared, Subject, ThreadKey,
    ToolAnswer, ToolCall, ToolCallHandler, ToolKind, ToolOutput, ToolRequest, ToolSpec,
    testing::{FakeTools, response},
};
use async_trait::async_trait;
use futures::{
    channel::oneshot,
    stream::{self, BoxStream, StreamExt},
};
use std::{collections::BTreeSet, sync::Mutex};
use tokio::sync::{Notify, watch};

/// Tells when something hangs.
#[derive(Debug)]
pub(super) struct Hanging(watch::Sender<usize>);

impl Default for Hanging {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Hanging {
    pub(super) fn one_more(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits until so many calls have come to nothing.
    pub(super) async fn until(&self, count: usize) {
        let mut hanging = self.0.subscribe();
        let come = hanging.wait_for(|now| *now >= count);
        assert!(tokio::time::timeout(crate::world::PATIENCE, come).await.is_ok(), "nothing hangs");
    }
}

const PLAN: &str = "Like this:\n<proposed_plan>\n1. look\n2. write\n</proposed_plan>";
const FINDINGS: &str = r#"{"findings":[{"title":"off by one","body":"the last line is left out","confidence_score":0.9,"priority":1,"code_location":{"absolute_file_path":"/a.rs","line_range":{"start":3,"end":4}}}],"overall_correctness":"patch is incorrect","overall_explanation":"see there","overall_confidence_score":0.8}"#;

/// Does what the user says, as [`obey`] does; after `together` it asks for all tools at once, after
/// `twice` for the very same call two times. The first attempt after
/// `hold` gives no answer, the one after `break` breaks off.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) hanging: Hanging,
}

impl ModelStreamer for Model {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let text = last_word(&request);
        if request.purpose == Purpose::Summary {
            return match text.split(' ').next() {
                Some("doze") if request.attempt == 1 => {
                    self.hanging.one_more();
                    stream::pending().boxed()
                }
                _ => stream::iter(long::summary(&request, text)).boxed(),
            };
        }
        let answer = match text.split_once(' ').map_or(text, |(first, _)| first) {
            "hold" if request.attempt == 1 => {
                self.hanging.one_more();
                return stream::pending().boxed();
            }
            "break" if request.attempt == 1 => {
                vec![Err(ModelError::new(ModelErrorKind::Stream, "it broke off"))]
            }
            "together" => together(&request, text),
            "twice" => twice(&request, text),
            "long" | "mute" | "huge" | "doze" | "overflow" => long::step(&request, text),
            "plan" => response([ModelItem::Message { text: PLAN.into() }]),
            "findings" => response([ModelItem::Message { text: FINDINGS.into() }]),
            _ => obey(&request),
        };
        stream::iter(answer).boxed()
    }
}

fn last_word(request: &ModelRequest) -> &str {
    let texts = request.conversation.items.iter().rev().filter_map(|item| match &**item {
        Item::User { content } => content.first(),
        _ => None,
    });
    let mut texts = texts.filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    // A summary may leave out what the user said.
    texts.next().unwrap_or_default()
}

fn together(request: &ModelRequest, text: &str) -> Vec<Result<ModelEvent, ModelError>> {
    match answered(request) {
        0 => response(text.split(' ').skip(1).map(call)),
        _ => response([ModelItem::Message { text: "done".into() }]),
    }
}

fn twice(request: &ModelRequest, text: &str) -> Vec<Result<ModelEvent, ModelError>> {
    match answered(request) {
        0 | 1 => response(text.split(' ').skip(1).map(call)),
        _ => response([ModelItem::Message { text: "done".into() }]),
    }
}

fn answered(request: &ModelRequest) -> usize {
    request.conversation.items.iter().filter(|item| matches!(***item, Item::Output { .. })).count()
}

fn call(tool: &str) -> ModelItem {
    ModelItem::Call { name: tool.to_owned(), payload: Payload::Function { arguments: "{}".into() } }
}

/// As [`FakeTools`], and: tools that begin with `read_` only look, which a workflow task does by itself; the first time that `read_late` is looked at and the first time that it runs there is no answer;
/// `ask_user` asks a question, `elicits` wants to know a name, the sandbox stops `blocked`;
/// `harvest` runs and does not answer; `never` does not run at its first attempt. Each stops when it is told to.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) hanging: Hanging,
    pub(super) fakes: FakeTools,
    asked: Mutex<BTreeSet<(String, &'static str)>>,
    again: Notify,
    prepared: Hanging,
    ran: Hanging,
}

impl Tools {
    /// Whether this is asked for the first time.
    fn first(&self, call: &ToolCall, what: &'static str) -> bool {
        self.asked.lock().unwrap().insert((call.id.to_string(), what))
    }

    fn hangs<'a>(&'a self, work: Option<Operation<'a>>) -> Operation<'a> {
        let (stop, stopped) = oneshot::channel::<()>();
        let answer = async move {
            if let Some(Operation { answer, mut cancel }) = work {
                answer.0.await;
                CancelHandle::disarm(&mut cancel);
            }
            self.hanging.one_more();
            let _ = stopped.await;
            ToolAnswer::Cancelled { output: ToolOutput::text(OutputStatus::Cancelled, "stopped") }
        };
        Operation::new(answer, move || {
            let _ = stop.send(());
        })
    }
}

fn which() -> Subject {
    let question = Question {
        id: "which".into(),
        header: String::new(),
        question: "which one?".into(),
        options: Vec::new(),
        default: None,
    };
    Subject::Questions { questions: vec![question], wait_ms: None }
}

fn answers<'a>(answer: ToolAnswer) -> Operation<'a> {
    Operation::new(async move { answer }, || {})
}

fn elicited(request: &ToolRequest) -> ToolAnswer {
    let Some(reply) = &request.reply else {
        let schema = serde_json::json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        let elicitation =
            Elicitation { server: "fake".into(), message: "your name?".into(), schema, url: None };
        return ToolAnswer::Asks { elicitation };
    };
    ToolAnswer::Finished {
        output: ToolOutput::text(OutputStatus::Ok, format!("hello {}", reply.content["name"])),
    }
}

fn denied() -> ToolAnswer {
    let denial = Some("it may not write there".to_owned());
    ToolAnswer::Finished { output: ToolOutput { denial, ..ToolOutput::text(OutputStatus::Failed, "denied") } }
}

#[async_trait]
impl ToolCallHandler for Tools {
    async fn collect(&self, request: CollectRequest) -> Collected {
        let kind = ToolKind::Function { parameters: serde_json::json!({ "type": "object" }) };
        let tools = vec![ToolSpec::new("read_a", "reads", kind)];
        let is_known = request.known == "one";
        Collected {
            tools: (!is_known).then(|| Shared::new(tools)),
            digest: "one".into(),
            warnings: if is_known { Vec::new() } else { vec!["a server does not answer".into()] },
            skills: Vec::new(),
        }
    }

    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        match request.call.name.as_str() {
            "read_late" if self.first(&request.call, "prepare") => self.again.notified().await,
            "read_late" => self.again.notify_waiters(),
            "read_last" => self.prepared.until(1).await,
            _ => {}
        }
        if request.call.name == "ask_user" {
            return Prepared::Ready(Box::new(Preparation::reading(which(), 0)));
        }
        let looks = request.call.name.starts_with("read_");
        let mut prepared = self.fakes.prepare(request).await;
        if let Prepared::Ready(preparation) = &mut prepared {
            preparation.amendment = Some("ask_write".to_owned());
        }
        if let Prepared::Ready(preparation) = &mut prepared
            && looks
        {
            preparation.subject = Subject::Other { summary: "a file".into() };
        }
        self.prepared.one_more();
        prepared
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        match request.call.name.as_str() {
            "elicits" => answers(elicited(&request)),
            "blocked" if request.grant == Grant::Sandboxed => answers(denied()),
            "read_late" if self.first(&request.call, "start") => self.hangs(None),
            "read_last" => {
                let Operation { answer, cancel } = self.fakes.start(request);
                let last = async {
                    self.ran.until(1).await;
                    answer.0.await
                };
                Operation { answer: Answering(Box::pin(last)), cancel }
            }
            "read_a" | "read" => {
                let Operation { answer, cancel } = self.fakes.start(request);
                let first = async {
                    let ended = answer.0.await;
                    self.ran.one_more();
                    ended
                };
                Operation { answer: Answering(Box::pin(first)), cancel }
            }
            "never" if request.attempt == 1 => self.hangs(None),
            "harvest" => self.hangs(Some(self.fakes.start(request))),
            _ => self.fakes.start(request),
        }
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.fakes.recover(request).await
    }

    fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        self.fakes.acknowledge(key, effect);
    }
}

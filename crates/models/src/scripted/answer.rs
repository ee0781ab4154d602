//! What the scripted model does with a request: a pure function of the script and the request.

use super::scene::Scene;
use super::script::{Attempts, Fault, FaultKind, Script, ScriptedPayload, Step};
use super::template::Template;
use crate::web_search::is_web_search;
use agent_core::{
    Completion, Content, Item, LiveKind, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest,
    Payload, Purpose, TokenUsage, ToolKind,
};
use serde_json::Value;

/// What is taken for a token where the script does not say how many there are.
const BYTES_PER_TOKEN: u64 = 4;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Beat {
    /// Nothing, for so many milliseconds; never 0.
    Wait(u64),
    /// The stream yields an event.
    Event(ModelEvent),
    /// The stream ends in an error.
    Fail(ModelError),
    /// Nothing any more.
    Hang,
}

/// All that happens in answer to a request, in order.
pub(super) fn answer(script: &Script, request: &ModelRequest) -> Vec<Beat> {
    try_answer(script, request)
        .unwrap_or_else(|message| vec![Beat::Fail(ModelError::new(ModelErrorKind::InvalidRequest, message))])
}

fn try_answer(script: &Script, request: &ModelRequest) -> Result<Vec<Beat>, String> {
    let scene = Scene::of(request);
    let cue = match request.purpose {
        Purpose::Summary => scene.summary_cue(script),
        _ => scene.cue(script),
    };
    let cue = cue.map_err(|why| format!("scripted model: {why}"))?;
    let disagrees = |why: String| format!("scripted model: {} {why}", cue.name);
    scene.check(cue.step).map_err(&disagrees)?;
    if cue.step.search.is_some() && !request.tools.iter().any(is_web_search) {
        return Err(disagrees(
            "searches the web, but the thread has no web search of its provider".to_owned(),
        ));
    }
    let items = items(cue.step, &scene).map_err(|why| format!("scripted model: {}: {why}", cue.name))?;
    Ok(match cue.step.fault.filter(|fault| fault.strikes(request.attempt)) {
        Some(fault) => faulty(cue.step, &items, fault.kind, &cue.name),
        None => whole(cue.step, items, request),
    })
}

impl Fault {
    fn strikes(&self, attempt: u32) -> bool {
        match self.attempts {
            Attempts::All => true,
            Attempts::First(count) => attempt <= count,
        }
    }
}

fn items(step: &Step, scene: &Scene<'_>) -> Result<Vec<ModelItem>, String> {
    let mut items = Vec::new();
    if let Some(reasoning) = &step.reasoning {
        let summary = vec![reasoning.fill(scene)?];
        items.push(ModelItem::Reasoning { provider_id: None, summary, text: None, encrypted: None });
    }
    if let Some(query) = &step.search {
        items.push(ModelItem::WebSearch { query: query.fill(scene)?, sealed: None });
    }
    if let Some(text) = &step.text {
        items.push(ModelItem::Message { text: text.fill(scene)? });
    }
    for call in &step.calls {
        let payload = match &call.payload {
            ScriptedPayload::Json(value) => {
                Payload::Function { arguments: filled(value, scene)?.to_string() }
            }
            ScriptedPayload::RawArguments(text) => Payload::Function { arguments: text.fill(scene)? },
            ScriptedPayload::Freeform(input) => Payload::Freeform { input: input.fill(scene)? },
        };
        items.push(ModelItem::Call { name: call.tool.clone(), payload });
    }
    Ok(items)
}

/// JSON with the templates in its strings filled.
fn filled(value: &Value, scene: &Scene<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(Template::parse(text)?.fill(scene)?),
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| filled(value, scene)).collect::<Result<_, _>>()?)
        }
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| Ok((key.clone(), filled(value, scene)?)))
                .collect::<Result<serde_json::Map<_, _>, String>>()?,
        ),
        other => other.clone(),
    })
}

fn whole(step: &Step, items: Vec<ModelItem>, request: &ModelRequest) -> Vec<Beat> {
    let mut beats = Vec::from_iter(wait(step.delay_ms));
    let tokens = step.usage.unwrap_or_else(|| estimate(request, &items));
    for (index, item) in items.into_iter().enumerate() {
        for delta in deltas(index, &item) {
            beats.extend(wait(step.chunk_delay_ms));
            beats.push(Beat::Event(delta));
        }
        beats.push(Beat::Event(ModelEvent::Item(item)));
    }
    let usage = Completion { tokens: Some(tokens), ..Completion::default() };
    beats.push(Beat::Event(ModelEvent::Completed(usage)));
    beats
}

fn faulty(step: &Step, items: &[ModelItem], fault: FaultKind, name: &str) -> Vec<Beat> {
    let mut beats = Vec::from_iter(wait(step.delay_ms));
    let mut half = || {
        let deltas: Vec<_> = items.iter().enumerate().flat_map(|(index, item)| deltas(index, item)).collect();
        for delta in deltas.iter().take(deltas.len().div_ceil(2)) {
            beats.extend(wait(step.chunk_delay_ms));
            beats.push(Beat::Event(delta.clone()));
        }
    };
    let error = |kind, what: &str| {
        Beat::Fail(ModelError::new(kind, format!("scripted model: {name} has the fault \"{what}\"")))
    };
    let last = match fault {
        FaultKind::Cut => {
            half();
            error(ModelErrorKind::Stream, "cut")
        }
        FaultKind::Hang => {
            half();
            Beat::Hang
        }
        FaultKind::StreamError => error(ModelErrorKind::Stream, "stream_error"),
        FaultKind::Unavailable => error(ModelErrorKind::Unavailable, "unavailable"),
        FaultKind::Auth => error(ModelErrorKind::Auth, "auth"),
        FaultKind::Quota => error(ModelErrorKind::Quota, "quota"),
        FaultKind::InvalidRequest => error(ModelErrorKind::InvalidRequest, "invalid_request"),
        FaultKind::ContextOverflow => error(ModelErrorKind::ContextWindowExceeded, "context_overflow"),
    };
    beats.push(last);
    beats
}

fn wait(ms: u64) -> Option<Beat> {
    (ms > 0).then_some(Beat::Wait(ms))
}

/// The pieces in which an item is shown before it is there: words, each with the space after it.
fn deltas(index: usize, item: &ModelItem) -> Vec<ModelEvent> {
    type Make = fn(String) -> LiveKind;
    let (text, kind): (&str, Make) = match item {
        ModelItem::Message { text } => (text, LiveKind::Message),
        ModelItem::Reasoning { summary, .. } => {
            (summary.first().map_or("", String::as_str), LiveKind::Reasoning)
        }
        _ => return Vec::new(),
    };
    text.split_inclusive(char::is_whitespace)
        .map(|word| ModelEvent::Delta { index, kind: kind(word.to_owned()) })
        .collect()
}

fn estimate(request: &ModelRequest, answer: &[ModelItem]) -> TokenUsage {
    let tokens = |bytes: usize| (bytes as u64).div_ceil(BYTES_PER_TOKEN);
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| {
            let schema = match &tool.kind {
                ToolKind::Function { parameters } => parameters.to_string().len(),
                ToolKind::Freeform { grammar } => grammar.as_ref().map_or(0, String::len),
                _ => 0,
            };
            tool.name.len() + tool.description.len() + schema
        })
        .sum();
    let said: usize = request.conversation.told().map(|item| item_bytes(item)).sum();
    let mut written = 0;
    let mut thought = 0;
    for item in answer {
        match item {
            ModelItem::Message { text } => written += text.len(),
            ModelItem::Reasoning { summary, .. } => thought += summary.iter().map(String::len).sum::<usize>(),
            ModelItem::Call { name, payload } => written += name.len() + payload.text().len(),
            ModelItem::WebSearch { query, .. } => written += query.len(),
            _ => {}
        }
    }
    TokenUsage {
        input: tokens(request.instructions.len() + tools + said),
        cached: 0,
        output: tokens(written + thought),
        reasoning: tokens(thought),
    }
}

fn item_bytes(item: &Item) -> usize {
    let content = |parts: &[Content]| -> usize {
        parts
            .iter()
            .map(|part| match part {
                Content::Text { text } => text.len(),
                Content::Mention { name, path } => name.len() + path.len(),
                Content::Skill { name } => name.len(),
                _ => 0,
            })
            .sum()
    };
    match item {
        Item::Context { text } | Item::Agent { text, .. } => text.len(),
        Item::User { content: parts } => content(parts),
        Item::Call(call) => call.name.len() + call.payload.text().len(),
        Item::Output { output, .. } => content(&output.content),
        Item::WebSearch { query, .. } => query.len(),
        _ => 0,
    }
}

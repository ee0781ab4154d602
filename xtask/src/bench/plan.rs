//! What the model says in a run. The url carries it, so that the server knows of no run beforehand.

use std::fmt;

use serde_json::{Value, json};

/// One run's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Names the run.
    pub run: String,
    /// What the calls do.
    pub work: Work,
    /// How many calls there are before the final message; for [`Work::Deltas`], how many deltas.
    pub calls: usize,
}

/// What every call of a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// `true` in a shell.
    True,
    /// A command that prints 2,000 bytes.
    TwoKilobytes,
    /// A command that sleeps, and says in the file `pid` who it is.
    Sleep,
    /// The same, deaf to the request to end.
    StubbornSleep,
    /// No call; a message in many deltas, each with the moment in which it was sent.
    Deltas,
}

const ALL: [Work; 5] = [Work::True, Work::TwoKilobytes, Work::Sleep, Work::StubbornSleep, Work::Deltas];

impl Plan {
    /// The path that carries this plan; a client adds `/responses`.
    pub fn path(&self) -> String {
        format!("/bench/{}/{}/{}/v1", self.run, self.work, self.calls)
    }

    /// The plan that the path of a request carries.
    pub fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix("/bench/")?.strip_suffix("/v1/responses")?.split('/');
        let run = parts.next()?.to_owned();
        let name = parts.next()?;
        let work = ALL.into_iter().find(|work| work.to_string() == name)?;
        let calls = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { run, work, calls })
    }

    /// The body of the answer to the request with this number, from 0.
    pub(crate) fn answer(&self, request: usize) -> String {
        if request < self.calls { call(self.work, request) } else { message() }
    }
}

impl Work {
    /// The command of the call with this number. No two are the same: three equal batches of calls end a turn.
    fn command(self, number: usize) -> String {
        match self {
            Self::True | Self::Deltas => format!("true {number}"),
            Self::TwoKilobytes => {
                format!("printf '%0*d' 2000 {number}")
            }
            Self::Sleep => "echo $$ > pid.new; mv pid.new pid; exec sleep 60".to_owned(),
            Self::StubbornSleep => {
                "trap '' TERM INT; echo $$ > pid.new; mv pid.new pid; exec sleep 60".to_owned()
            }
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "true",
            Self::TwoKilobytes => "two-kilobytes",
            Self::Sleep => "sleep",
            Self::StubbornSleep => "stubborn-sleep",
            Self::Deltas => "deltas",
        })
    }
}

/// A response with one call. Codex and Everturn both know `exec_command` with the argument `cmd`.
fn call(work: Work, number: usize) -> String {
    let arguments = json!({ "cmd": work.command(number) }).to_string();
    let item = |status: &str, arguments: &str| {
        json!({
            "id": format!("fc_{number}"), "type": "function_call", "status": status, "arguments": arguments,
            "call_id": format!("call_{number}"), "name": "exec_command",
        })
    };
    let of_item = |kind: &str, field: &str| json!({ "type": kind, "item_id": format!("fc_{number}"), "output_index": 0, field: arguments });
    framed(&[
        created(),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item("in_progress", "") }),
        of_item("response.function_call_arguments.delta", "delta"),
        of_item("response.function_call_arguments.done", "arguments"),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item("completed", &arguments) }),
        completed(),
    ])
}

fn message() -> String {
    framed(&[created(), begun_message(), ended_message("Done."), completed()])
}

/// What comes before the deltas of a message.
pub(crate) fn before_deltas() -> String {
    framed(&[created(), begun_message()])
}

/// One delta.
pub(crate) fn delta(text: &str) -> String {
    framed(&[json!({
        "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text,
    })])
}

/// What comes after the deltas of a message.
pub(crate) fn after_deltas(text: &str) -> String {
    framed(&[ended_message(text), completed()])
}

fn created() -> Value {
    json!({ "type": "response.created", "response": { "id": "resp_1", "status": "in_progress" } })
}

fn begun_message() -> Value {
    let item = json!({ "id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": [] });
    json!({ "type": "response.output_item.added", "output_index": 0, "item": item })
}

fn ended_message(text: &str) -> Value {
    let part = json!({ "type": "output_text", "text": text, "annotations": [] });
    let item = json!({
        "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part],
    });
    json!({ "type": "response.output_item.done", "output_index": 0, "item": item })
}

/// The usage stays small however long the conversation is, so that nobody compacts it.
fn completed() -> Value {
    let usage = json!({
        "input_tokens": 100, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 10,
        "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 110,
    });
    json!({ "type": "response.completed", "response": { "id": "resp_1", "status": "completed", "usage": usage } })
}

fn framed(events: &[Value]) -> String {
    let one =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    events.iter().map(one).collect()
}

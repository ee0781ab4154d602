//! What `cargo xtask bench local` measures inside a process of the library; not meant to be run by hand.
//!
//! * `bench_host deltas URL`: hosts a thread whose model at this url writes the moment of sending into each delta, and
//!   prints, as JSON, how many nanoseconds later a reader of the session had it.
//! * `bench_host bodies URL FILE CALLS STEP…`: makes the request of each step out of the one in the file, which followed so
//!   many calls, and prints what it takes to write it as JSON and to send it with nothing else around it, and what a model
//!   call of the library takes with as many calls before it.

use agent_core::{
    AgentSession, CallId, Content, Conversation, Cursor, EffectId, EventKind, Genesis, Item, ItemId, Live,
    LiveKind, ModelRequest, ModelStreamer, Op, OpId, OutputStatus, Payload, Purpose, Redactor, Settings,
    Shared, Submission, Tenant, ThreadId, ThreadKey, ToolCall, ToolOutput, TurnId, Update,
    testing::FakeTools,
};
use futures::{StreamExt, TryStreamExt};
use local_backend::{Database, DatabaseConfig, Durability, LocalBackend, Services};
use models::{HttpModel, ProviderConfig, SecretString};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Instant,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const KEY: &str = "key-of-the-benchmark";
/// How often each body is made and sent.
const REPEATS: usize = 21;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // As the program does it: one thread for the reader, another for the driver and the sockets.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let answer = match args.as_slice() {
        ["deltas", url] => json!(runtime.block_on(deltas(url))?),
        ["bodies", url, file, calls, steps @ ..] => {
            runtime.block_on(bodies(url, Path::new(file), calls.parse()?, steps))?
        }
        _ => return Err("usage: bench_host deltas URL | bodies URL FILE CALLS STEP…".into()),
    };
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}

/// How long each delta of a message was under way, in nanoseconds.
async fn deltas(url: &str) -> Outcome<Vec<u64>> {
    let home = tempfile::tempdir()?;
    let config = DatabaseConfig { home: home.path().to_owned(), durability: Durability::Process };
    let services = Services {
        model: Arc::new(model(url)?),
        tools: Arc::new(FakeTools::default()),
        redactor: Redactor::new([KEY.to_owned()]),
        workspace: Arc::new(()),
        library: None,
        sink: None,
    };
    let backend = LocalBackend::new(Database::open(config).await?, services);
    let genesis = Genesis { settings: Settings::new("/", "bench"), ..Genesis::default() };
    let session = backend.start(Tenant::default(), genesis).await?;
    let mut updates = session.updates(Cursor::default());
    let op = Op::UserInput { items: vec![Content::text("Write.")] };
    session.submit(Submission::new(OpId::new("op"), "bench", op)).await?;
    let (mut under_way, mut text) = (Vec::new(), String::new());
    while let Some(update) = updates.next().await {
        match update? {
            Update::Live(Live { kind: LiveKind::Message(piece), .. }) => {
                let now = now_ns();
                text.push_str(&piece);
                // A piece may be a part of a moment, or hold several.
                while let Some((moment, rest)) = text.split_once(' ') {
                    under_way.push(now.saturating_sub(moment.parse()?));
                    text = rest.to_owned();
                }
            }
            Update::Event(event) if matches!(event.kind, EventKind::TurnCompleted { .. }) => break,
            _ => {}
        }
    }
    Ok(under_way)
}

fn model(url: &str) -> Outcome<HttpModel> {
    Ok(HttpModel::new(&ProviderConfig {
        base_url: url.to_owned(),
        api_key: Some(SecretString::from(KEY)),
        ..ProviderConfig::default()
    })?)
}

/// By the clock that all processes of the machine share.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What it takes to write and to send the request of each step.
async fn bodies(url: &str, file: &Path, calls: usize, steps: &[&str]) -> Outcome<Value> {
    let whole: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let items = whole["input"].as_array().ok_or("the body has no `input`")?;
    let address = url.trim_start_matches("http://");
    let (address, path) = address.split_once('/').ok_or("the url has no path")?;
    let mut line = Line::to(address, path)?;
    let model = model(url)?;
    let mut costs = Vec::new();
    for step in steps {
        // Each step adds a call and its output to what there was before the first.
        let begun = items.len().checked_sub(2 * calls).ok_or("the body has fewer items than calls")?;
        let calls_before = step.parse::<usize>()? - 1;
        let count = begun + 2 * calls_before;
        let mut body = whole.clone();
        body["input"] = Value::from(items.get(..count).ok_or("the body has no such step")?.to_vec());
        let request = request(&whole, calls_before);
        let (mut json_ms, mut send_ms, mut call_ms) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = Vec::new();
        for _ in 0..REPEATS {
            let start = Instant::now();
            let answer: Vec<_> = model.stream(request.clone()).try_collect().await?;
            call_ms.push(start.elapsed().as_secs_f64() * 1e3);
            drop(answer);
            let start = Instant::now();
            bytes = serde_json::to_vec(&body)?;
            json_ms.push(start.elapsed().as_secs_f64() * 1e3);
            let start = Instant::now();
            line.post(&bytes)?;
            send_ms.push(start.elapsed().as_secs_f64() * 1e3);
        }
        costs.push(json!({
            "body_bytes": bytes.len(), "json_ms": middle(json_ms), "send_ms": middle(send_ms),
            "call_ms": middle(call_ms),
        }));
    }
    Ok(costs.into())
}

/// A request with so many calls of `true` in it, and instructions as long as those of the body.
fn request(body: &Value, calls: usize) -> ModelRequest {
    let before = ["instructions", "tools"].map(|field| body[field].to_string());
    let mut items = vec![Shared::new(Item::User { content: vec![Content::text("Do it.")] })];
    for number in 0..calls {
        let id = CallId::new(format!("call_{number}"));
        let arguments = json!({ "cmd": format!("true {number}") }).to_string();
        items.push(Shared::new(Item::Call(ToolCall {
            id: id.clone(),
            item: ItemId::new(format!("item_{number}_0")),
            name: "exec_command".to_owned(),
            payload: Payload::Function { arguments },
        })));
        let mut output = ToolOutput::text(OutputStatus::Ok, "");
        output.content.clear();
        (output.exit_code, output.duration_ms) = (Some(0), Some(1));
        items.push(Shared::new(Item::Output { call: id, output }));
    }
    ModelRequest {
        key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("bench") },
        turn: TurnId(1),
        effect: EffectId(1),
        attempt: 1,
        provider: String::new(),
        model: "bench".to_owned(),
        effort: None,
        summary: None,
        instructions: Shared::new(before.concat()),
        tools: Shared::default(),
        purpose: Purpose::default(),
        conversation: Conversation::of(0, items),
        output_schema: None,
        traceparent: None,
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A connection without a library around it.
struct Line {
    writing: TcpStream,
    reading: BufReader<TcpStream>,
    path: String,
}

impl Line {
    fn to(address: &str, path: &str) -> Outcome<Self> {
        let writing = TcpStream::connect(address)?;
        writing.set_nodelay(true)?;
        let reading = BufReader::new(writing.try_clone()?);
        Ok(Self { writing, reading, path: format!("/{path}/responses") })
    }

    /// Sends a body and reads the whole answer.
    fn post(&mut self, body: &[u8]) -> Outcome<()> {
        let (path, length) = (&self.path, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.writing.write_all(&[head.as_bytes(), body].concat())?;
        while self.line()? != "\r\n" {}
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            let mut chunk = vec![0; size + 2];
            self.reading.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.reading.read_line(&mut line)? == 0 {
            return Err("the model hung up".into());
        }
        Ok(line)
    }
}

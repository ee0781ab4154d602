//! [`Server`]: a model that answers at once, and notes when each request came and how long it was.
//!
//! It looks at nothing but the path and the length of a request: reading the conversation would be work that grows with
//! it. A thread for each connection reads and writes it directly, so that nothing comes between the socket and the clock.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::now_ns;
use super::plan::{self, Plan, Work};

/// So many connections are served at the same time.
const CONNECTIONS: usize = 8;
/// The head of a request has at most so many bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The pause between two deltas.
const DELTA_PAUSE: Duration = Duration::from_millis(2);

/// A model on a local port. It lives as long as the process.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

/// One request and its answer, in nanoseconds of the shared clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Exchange {
    /// When the first bytes of the request were read.
    pub first_byte_ns: u64,
    /// When the last ones were.
    pub read_ns: u64,
    /// When the answer was written.
    pub answered_ns: u64,
    /// The length of the request's body in bytes.
    pub body_bytes: u64,
}

#[derive(Debug, Default)]
struct Log {
    runs: HashMap<String, Run>,
}

#[derive(Debug, Default)]
struct Run {
    requests: usize,
    exchanges: Vec<Exchange>,
    last_body: Vec<u8>,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// The operating system gives no port or no thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let log = Arc::new(Mutex::new(Log::default()));
        for _ in 0..CONNECTIONS {
            let (listener, log) = (listener.try_clone()?, Arc::clone(&log));
            std::thread::Builder::new().name("model".to_owned()).spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    // A client that breaks off ends its own connection only.
                    let _ = serve(stream, &log);
                }
            })?;
        }
        Ok(Self { address, log })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The exchanges of a run so far, in the order of the requests.
    pub fn exchanges(&self, run: &str) -> Vec<Exchange> {
        locked(&self.log).runs.get(run).map(|run| run.exchanges.clone()).unwrap_or_default()
    }

    /// The body of the last request of a run.
    pub fn last_body(&self, run: &str) -> Vec<u8> {
        locked(&self.log).runs.get(run).map(|run| run.last_body.clone()).unwrap_or_default()
    }
}

fn locked(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request as far as it matters.
struct Request {
    path: String,
    body: Vec<u8>,
    first_byte_ns: u64,
    read_ns: u64,
}

fn serve(mut stream: TcpStream, log: &Mutex<Log>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(request) = read_request(&mut stream)? {
        let Some(plan) = Plan::of_path(&request.path) else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        };
        let number = {
            let mut log = locked(log);
            let run = log.runs.entry(plan.run.clone()).or_default();
            run.requests += 1;
            run.requests - 1
        };
        match plan.work {
            Work::Deltas => write_deltas(&mut stream, plan.calls)?,
            _ => stream.write_all(response(&plan.answer(number)).as_bytes())?,
        }
        let exchange = Exchange {
            first_byte_ns: request.first_byte_ns,
            read_ns: request.read_ns,
            answered_ns: now_ns(),
            body_bytes: request.body.len() as u64,
        };
        let mut log = locked(log);
        let run = log.runs.entry(plan.run).or_default();
        run.exchanges.push(exchange);
        run.last_body = request.body;
    }
    Ok(())
}

/// Reads a request; `None` when the client has closed the connection.
fn read_request(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = vec![0; MAX_HEAD_BYTES];
    let mut filled = 0;
    let mut first_byte_ns = 0;
    let head_bytes = loop {
        let count = stream.read(bytes.get_mut(filled..).unwrap_or_default())?;
        if count == 0 {
            return Ok(None);
        }
        if filled == 0 {
            first_byte_ns = now_ns();
        }
        // The end of the head may lie across two reads.
        let from = filled.saturating_sub(3);
        filled += count;
        let new = bytes.get(from..filled).unwrap_or_default();
        if let Some(at) = new.windows(4).position(|end| end == b"\r\n\r\n") {
            break from + at + 4;
        }
    };
    let head = String::from_utf8_lossy(bytes.get(..head_bytes).unwrap_or_default()).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let begun = bytes.get(head_bytes..filled.min(head_bytes + length)).unwrap_or_default();
    // Zeroed by the operating system: filling it here would take longer than reading it, in a debug build.
    let mut body = vec![0; length];
    let (read, rest) = body.split_at_mut(begun.len());
    read.copy_from_slice(begun);
    stream.read_exact(rest)?;
    Ok(Some(Request { path, body, first_byte_ns, read_ns: now_ns() }))
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const LAST_CHUNK: &str = "0\r\n\r\n";

fn response(body: &str) -> String {
    format!("{HEAD}{}{LAST_CHUNK}", chunk(body))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Writes a message whose every delta says when it was written.
fn write_deltas(stream: &mut TcpStream, count: usize) -> io::Result<()> {
    stream.write_all(format!("{HEAD}{}", chunk(&plan::before_deltas())).as_bytes())?;
    let mut text = String::new();
    for _ in 0..count {
        std::thread::sleep(DELTA_PAUSE);
        let piece = format!("{} ", now_ns());
        stream.write_all(chunk(&plan::delta(&piece)).as_bytes())?;
        text.push_str(&piece);
    }
    stream.write_all(format!("{}{LAST_CHUNK}", chunk(&plan::after_deltas(&text))).as_bytes())
}

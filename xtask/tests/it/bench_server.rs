//! The model of the benchmark as a client without any library sees it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use xtask::{Exchange, Plan, Server, Work};

struct Client {
    writing: TcpStream,
    reading: BufReader<TcpStream>,
}

impl Client {
    fn of(server: &Server) -> Self {
        let writing = TcpStream::connect(server.address()).unwrap();
        writing.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let reading = BufReader::new(writing.try_clone().unwrap());
        Self { writing, reading }
    }

    fn send(&mut self, path: &str, body: &str) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.writing.write_all(head.as_bytes()).unwrap();
        self.writing.write_all(body.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.reading.read_line(&mut line).unwrap() > 0, "the server hung up");
        line
    }

    /// The status line, and the body without its chunks.
    fn answer(&mut self) -> (String, String) {
        let status = self.line();
        let mut chunked = false;
        loop {
            match self.line().as_str() {
                "\r\n" => break,
                line => chunked |= line.starts_with("transfer-encoding: chunked"),
            }
        }
        let mut body = String::new();
        while chunked {
            let size = usize::from_str_radix(self.line().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.reading.read_exact(&mut chunk).unwrap();
            body.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
            chunked = size > 0;
        }
        (status.trim().to_owned(), body)
    }
}

fn plan(run: &str, work: Work, calls: usize) -> (String, String) {
    let plan = Plan { run: run.to_owned(), work, calls };
    (plan.run.clone(), format!("{}/responses", plan.path()))
}

/// The exchanges of a run, once there are so many: the last is noted after its answer has left.
fn exchanges(server: &Server, run: &str, count: usize) -> Vec<Exchange> {
    let begun = Instant::now();
    loop {
        let exchanges = server.exchanges(run);
        if exchanges.len() >= count || begun.elapsed() > Duration::from_secs(20) {
            return exchanges;
        }
        std::thread::yield_now();
    }
}

#[test]
fn calls_come_first_and_then_the_message_on_one_connection() {
    let server = Server::start().unwrap();
    let mut client = Client::of(&server);
    let (run, path) = plan("r", Work::True, 2);
    for expected in [r#"{\"cmd\":\"true 0\"}"#, r#"{\"cmd\":\"true 1\"}"#, "Done."] {
        client.send(&path, "{}");
        let (status, body) = client.answer();
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(body.contains(expected), "{body}");
        assert!(body.contains("event: response.completed\n"), "{body}");
    }
    assert_eq!(exchanges(&server, &run, 3).len(), 3);
}

#[test]
fn runs_do_not_count_for_each_other() {
    let server = Server::start().unwrap();
    let mut client = Client::of(&server);
    for run in ["a", "b"] {
        let (_, path) = plan(run, Work::TwoKilobytes, 1);
        client.send(&path, "{}");
        assert!(client.answer().1.contains("printf"));
    }
    assert_eq!((exchanges(&server, "a", 1).len(), server.exchanges("c").len()), (1, 0));
}

#[test]
fn a_request_is_read_whole_however_it_comes() {
    let server = Server::start().unwrap();
    let mut client = Client::of(&server);
    let (run, path) = plan("r", Work::True, 1);
    let body = "x".repeat(300_000);
    // The end of the head comes apart from its beginning.
    let head = format!("POST {path} HTTP/1.1\r\ncontent-LENGTH: {}\r\n\r", body.len());
    client.writing.write_all(head.as_bytes()).unwrap();
    client.writing.flush().unwrap();
    client.writing.write_all(b"\n").unwrap();
    client.writing.write_all(body.as_bytes()).unwrap();
    client.answer();
    client.send(&path, "short");
    client.answer();
    let exchanges = exchanges(&server, &run, 2);
    assert_eq!(exchanges.iter().map(|one| one.body_bytes).collect::<Vec<_>>(), [300_000, 5]);
    assert_eq!(server.last_body(&run), b"short");
    for one in exchanges {
        assert!(one.first_byte_ns > 0 && one.first_byte_ns <= one.read_ns && one.read_ns <= one.answered_ns);
    }
}

#[test]
fn deltas_say_when_they_were_sent() {
    let server = Server::start().unwrap();
    let mut client = Client::of(&server);
    client.send(&plan("r", Work::Deltas, 3).1, "{}");
    let (_, body) = client.answer();
    let moments: Vec<u64> = body
        .lines()
        .filter(|line| line.contains("response.output_text.delta\""))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
        .map(|event| event["delta"].as_str().unwrap().trim().parse().unwrap())
        .collect();
    assert_eq!(moments.len(), 3);
    assert!(moments.is_sorted(), "{moments:?}");
    // The message that follows is what the deltas said.
    let whole: String = moments.iter().map(|moment| format!("{moment} ")).collect();
    assert!(body.contains(&format!("\"text\":\"{whole}\"")), "{body}");
}

#[test]
fn what_is_no_plan_is_not_found() {
    let server = Server::start().unwrap();
    let mut client = Client::of(&server);
    for path in ["/v1/responses", "/bench/r/true/x/v1/responses", "/bench/r/dance/1/v1/responses"] {
        client.send(path, "{}");
        assert_eq!(client.answer().0, "HTTP/1.1 404 Not Found", "{path}");
    }
}

//! What the server costs while it is a part of a benchmark.

use std::{
    io::{Read, Write},
    net::TcpStream,
};
use test_kit::{ModelServer, Recording, Replies, Reply};

const REQUESTS: u32 = 200;
const BODY_BYTES: usize = 2_000_000;

/// The time on a processor of the server's thread so far, in milliseconds.
fn busy_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let name = |task: &std::path::Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    let server: Vec<_> = tasks.filter(|task| name(task).trim() == "model-server").collect();
    assert_eq!(server.len(), 1, "this test needs a process of its own, as cargo nextest gives it");
    let schedule = std::fs::read_to_string(server[0].join("schedstat")).unwrap();
    let nanoseconds: f64 = schedule.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1_000_000.0
}

/// Milliseconds of processor time that a request costs.
fn cost_ms(body_bytes: usize) -> f64 {
    let reply = Reply::new().text("I look.").call_with_text("exec_command", r#"{"cmd":"true"}"#);
    let server = ModelServer::start_recording(Replies::always(reply), Recording::Count).unwrap();
    let mut request =
        format!("POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: {body_bytes}\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + body_bytes, b'x');
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut exchange = || {
        stream.write_all(&request).unwrap();
        let mut heard = Vec::new();
        // The last event of the response ends in an empty line; the heads of HTTP end their lines otherwise.
        while !heard.ends_with(b"\n\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the server hung up");
            heard.extend_from_slice(&buffer[..read]);
        }
    };
    for _ in 0..10 {
        exchange();
    }
    let before = busy_ms();
    for _ in 0..REQUESTS {
        exchange();
    }
    (busy_ms() - before) / f64::from(REQUESTS)
}

/// Bounds are generous: other work on the machine makes every miss of a cache dearer. What is printed is what counts.
#[test]
fn counted_request_is_cheap() {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let (small, large) = (cost_ms(2_000), cost_ms(BODY_BYTES));
    println!("a request of 2 kB costs {small:.3} ms, one of 2 MB {large:.3} ms");
    assert!(small < 1.0, "{small:.3} ms");
    assert!(large < 5.0, "{large:.3} ms");
}

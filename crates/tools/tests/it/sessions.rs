//! Commands that go on after their calls, with real programs.

mod bounds;
mod losing;
mod sandboxed;
mod stopping;
mod talking;

use crate::world::{World, finished, number_in};
use agent_core::{EffectId, Operation, ThreadKey, ToolAnswer, ToolCallHandler, ToolOutput, ToolRequest};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// So long a test waits for something that has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A thread whose calls have numbers of their own.
struct Talk {
    world: World,
    effect: u64,
}

impl Talk {
    fn new() -> Self {
        Self::of(World::new())
    }

    fn of(world: World) -> Self {
        Self { world, effect: 100 }
    }

    async fn request(&mut self, name: &str, arguments: Value) -> ToolRequest {
        self.effect += 1;
        let request = self.world.request(name, arguments).await;
        ToolRequest { effect: EffectId(self.effect), ..request }
    }

    async fn answer(&mut self, name: &str, arguments: Value) -> ToolAnswer {
        let request = self.request(name, arguments).await;
        let (key, effect) = (request.key.clone(), request.effect);
        let answer = self.world.run(request).await;
        self.world.registry.acknowledge(&key, effect);
        answer
    }

    async fn call(&mut self, name: &str, arguments: Value) -> ToolOutput {
        finished(self.answer(name, arguments).await)
    }

    /// Starts a command that goes on, and gives the number of its session and what it printed.
    async fn open(&mut self, cmd: &str, yield_ms: u64, tty: bool) -> (u64, String) {
        let arguments = json!({ "cmd": cmd, "yield_time_ms": yield_ms, "tty": tty });
        let output = self.call("exec_command", arguments).await;
        let (text, id) = (output.plain_text(), self.effect);
        assert!(text.ends_with(&format!("Go on with `write_stdin` and `session_id` {id}.]\n")), "{text}");
        (id, text)
    }

    async fn write(&mut self, id: u64, chars: &str) -> ToolOutput {
        self.call("write_stdin", json!({ "session_id": id, "chars": chars, "yield_time_ms": 5000 })).await
    }

    async fn look(&mut self, id: u64) -> ToolOutput {
        self.call("write_stdin", json!({ "session_id": id })).await
    }

    /// Looks until all of this was printed, one after another, and gives what was.
    async fn until(&mut self, id: u64, so_far: &str, wanted: &str) -> String {
        let begun = Instant::now();
        let mut printed = so_far.to_owned();
        while !printed.contains(wanted) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {wanted:?} in {printed:?}");
            printed.push_str(&said(&self.look(id).await));
        }
        printed
    }

    /// The number a session's command wrote into a file.
    async fn number(&self, name: &str) -> i32 {
        number_in(&self.world.path(name)).await
    }

    fn key(&self) -> ThreadKey {
        ThreadKey::for_test("thread")
    }

    /// The notices there are.
    fn notices(&self) -> Vec<String> {
        let folder = self.world.home.path().join("sessions/default/thread");
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What a session printed, without our own last line.
fn said(output: &ToolOutput) -> String {
    let text = output.plain_text();
    let ours = |line: &str| line.starts_with("[It still runs") || line.ends_with(" still runs.]\n");
    text.split_inclusive('\n').filter(|line| !ours(line)).collect()
}

/// Starts a call and does not wait for its end.
fn started(talk: &Talk, request: ToolRequest) -> Operation<'_> {
    talk.world.registry.start(request)
}

//! Temporary.
use serde_json::{json, Value};
use std::process::Command;
use test_kit::{Accounting, ModelServer, Recording, Reply, ServerOptions, WireApi};
fn turn(first: u32, steps: u32) -> Vec<Reply> {
    let step = |number: u32| {
        let part = json!({ "path": "long.txt", "offset": number * 32 + 1, "limit": 32 });
        Reply::new().encrypted_reasoning(&[&format!("Part {number} is next.")], "c2VhbGVk").text("I read on.").call("read_file", part)
    };
    (first..first + steps - 1).map(step).chain([Reply::new().text("fine")]).collect()
}
fn main() {
    let bin = std::env::args().nth(1).unwrap();
    for (api, word, model) in [(WireApi::Responses, "responses", "gpt-6.2-sol"), (WireApi::Chat, "chat", "test-model"), (WireApi::Anthropic, "anthropic", "claude-opus-5-5")] {
        let dir = std::env::temp_dir().join(format!("tmp-share-{}-{word}", std::process::id()));
        std::fs::create_dir_all(dir.join("project/.git")).unwrap();
        let text: String = (0..1600).map(|line| format!("{line:07} {}\n", "x".repeat(55))).collect();
        std::fs::write(dir.join("project/long.txt"), text).unwrap();
        let options = ServerOptions { recording: Recording::Everything, accounting: Accounting::PromptCache, ..ServerOptions::default() };
        let server = ModelServer::start_with([turn(0, 30), turn(30, 20)].concat(), options).unwrap();
        let (mut input, mut cached) = (0, 0);
        for args in [&["Read it."][..], &["resume", "--last", "--prompt", "And the rest."]] {
            let mut command = Command::new(&bin);
            command.arg("exec");
            for pair in [format!("base_url=\"{}\"", server.url()), format!("wire_api=\"{word}\""), "requires_key=false".into()] {
                command.args(["-c", &format!("model_providers.test.{pair}")]);
            }
            command.args(["-c", "model_provider=\"test\"", "--json"]).args(args).args(["-m", model]);
            let out = command.current_dir(dir.join("project")).env("HOME", &dir).env("EVERTURN_HOME", dir.join("home")).output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            let last: Value = serde_json::from_str(text.lines().last().unwrap_or("{}")).unwrap();
            if last["usage"].is_null() { println!("{text}\n{}", String::from_utf8_lossy(&out.stderr)); }
            let n = |f: &str| last["usage"][f].as_u64().unwrap_or_default();
            println!("  {word} turn: {} {}", n("input_tokens"), n("cached_input_tokens"));
            input += n("input_tokens"); cached += n("cached_input_tokens");
        }
        println!("{word}: {} requests, {input} input, {cached} cached, {:.1} %", server.request_count(), cached as f64 * 100.0 / input.max(1) as f64);
        if let Some(r) = server.requests().get(2) { std::fs::write(format!("/tmp/req_{word}_2.json"), r.body.to_string()).unwrap(); }
        if let Some(r) = server.requests().get(31) { std::fs::write(format!("/tmp/req_{word}_31.json"), r.body.to_string()).unwrap(); }
        let _ = std::fs::remove_dir_all(&dir);
    }
}

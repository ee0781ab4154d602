//! How much of a long run a provider's prompt cache takes over: the requests of a thread begin alike, over every API, from
//! step to step, from turn to turn and from process to process.
//!
//! `cargo nextest run -p tests --no-capture cache_share` prints the shares as Markdown.

use crate::{
    binary::{Bench, Ran},
    faults::provider::{ANSWER, Provider, Shown, good},
};
use serde_json::json;
use test_kit::{Accounting, ModelServer, Recording, Reply, ServerOptions, WireApi};

/// Responses in the first turn and in the second.
const STEPS: [u32; 2] = [30, 20];
/// About as much as the tools of a usual step put out, in lines of 64 bytes.
const LINES_PER_STEP: u32 = 32;

/// A model of each API and how much of its input has to come from the cache at least, in percent: the 95 to 96 that were measured in
/// November 2026, less two.
const SHARES: [(WireApi, &str, u64); 3] = [
    (WireApi::Responses, "gpt-6.2-sol", 94),
    (WireApi::Chat, "test-model", 94),
    (WireApi::Anthropic, "claude-opus-5-5", 94),
];

/// What a turn of so many responses is answered with. Each step reads another part of the file.
fn turn(first: u32, steps: u32) -> Vec<Reply> {
    let step = |number| {
        let part =
            json!({ "path": "long.txt", "offset": number * LINES_PER_STEP + 1, "limit": LINES_PER_STEP });
        let thought = format!("Part {number} is next.");
        Reply::new().encrypted_reasoning(&[&thought], "c2VhbGVk").text("I read on.").call("read_file", part)
    };
    (first..first + steps - 1).map(step).chain([good()]).collect()
}

/// The tokens of a turn's input, and how many of them were cached.
fn tokens(ran: &Ran) -> (u64, u64) {
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let usage = ran.json().pop().unwrap()["usage"].clone();
    let count = |field: &str| usage[field].as_u64().unwrap();
    (count("input_tokens"), count("cached_input_tokens"))
}

#[test]
fn fifty_steps_are_read_from_the_cache_for_the_most_part() {
    println!("| API | model | steps | input tokens | cached | share |");
    println!("|---|---|---|---|---|---|");
    let mut too_little = Vec::new();
    for (api, model, least) in SHARES {
        let bench = Bench::new();
        let lines = STEPS.iter().sum::<u32>() * LINES_PER_STEP;
        let text: String = (0..lines).map(|line| format!("{line:07} {}\n", "x".repeat(55))).collect();
        bench.file("long.txt", &text);
        let replies = [turn(0, STEPS[0]), turn(STEPS[0], STEPS[1])].concat();
        let options = ServerOptions {
            recording: Recording::Count,
            accounting: Accounting::PromptCache,
            ..ServerOptions::default()
        };
        let server = ModelServer::start_with(replies, options).unwrap();
        let provider = Provider::of(&server, api);
        let turns = [&["Read it."][..], &["resume", "--last", "--prompt", "And the rest."]];
        let (mut input, mut cached) = (0, 0);
        for args in turns {
            let (ran, _) = provider.exec(&bench, Shown::AsJson, &[args, &["-m", model]].concat());
            assert!(ran.stdout.contains(ANSWER), "{ran:#?}");
            let (of_turn, read) = tokens(&ran);
            input += of_turn;
            cached += read;
        }
        let share = cached * 100 / input;
        println!("| {api:?} | {model} | {} | {input} | {cached} | {share} % |", server.request_count());
        assert_eq!(server.request_count(), 50, "{api:?}");
        if share < least {
            too_little.push((api, share));
        }
    }
    assert!(too_little.is_empty(), "{too_little:?}");
}

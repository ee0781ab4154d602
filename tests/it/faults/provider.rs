//! A configured model provider, and runs of `exec` against it.

use crate::binary::{Bench, Ran};
use agent_core::Event;
use std::time::{Duration, Instant};
use test_kit::{ModelServer, Reply, WireApi};

/// What a good answer says.
pub(crate) const ANSWER: &str = "All is well here.";
/// A key that no message may show.
const KEY: &str = "sk-test-1234567890";

pub(crate) fn good() -> Reply {
    Reply::new().text(ANSWER)
}

/// Where a provider is and what it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) url: String,
    pub(crate) api: WireApi,
    /// How long it may send nothing, in milliseconds.
    pub(crate) idle_ms: u64,
}

/// How a run shows what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    AsText,
    AsJson,
}

impl Provider {
    /// Longer than any of these servers takes to answer, on a busy machine and without optimisation.
    pub(crate) const PATIENT_MS: u64 = 20_000;

    pub(crate) fn of(server: &ModelServer, api: WireApi) -> Self {
        Self { url: server.url(), api, idle_ms: Self::PATIENT_MS }
    }

    /// The provider as a table on the command line: two retries of each kind, and next to no time between requests.
    fn flags(&self) -> Vec<String> {
        let wire_api = match self.api {
            WireApi::Responses => "responses",
            WireApi::Chat => "chat",
            WireApi::Anthropic => "anthropic",
        };
        let own = [
            format!("base_url=\"{}\"", self.url),
            format!("wire_api=\"{wire_api}\""),
            "env_key=\"TEST_PROVIDER_KEY\"".to_owned(),
            "request_max_retries=2".to_owned(),
            "stream_max_retries=2".to_owned(),
            "request_retry_base_ms=1".to_owned(),
            format!("stream_idle_timeout_ms={}", self.idle_ms),
        ];
        let own = own.iter().map(|pair| format!("model_providers.test.{pair}"));
        let all = own.chain(["model_provider=\"test\"".to_owned(), "model=\"test-model\"".to_owned()]);
        all.flat_map(|pair| ["-c".to_owned(), pair]).collect()
    }

    /// `everturn exec` with these arguments.
    pub(crate) fn exec(&self, bench: &Bench, shown: Shown, args: &[&str]) -> (Ran, Duration) {
        let flags = self.flags();
        let mut line = vec!["exec"];
        line.extend(flags.iter().map(String::as_str));
        line.extend((shown == Shown::AsJson).then_some("--json"));
        line.extend(args);
        let started = Instant::now();
        let output = bench.command(&line).env("TEST_PROVIDER_KEY", KEY).output().unwrap();
        let ran = Ran::from(output);
        assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "the key is shown: {}", brief(&ran));
        (ran, started.elapsed())
    }
}

/// Checks that the thread goes on with a provider that answers: its record only grows, and the model hears all of it.
#[track_caller]
pub(crate) fn goes_on(bench: &Bench, api: WireApi, before: &[Event], prompts: &[&str], name: &str) {
    let server = ModelServer::start(good()).unwrap();
    let provider = Provider::of(&server, api);
    let args = ["resume", "--last", "--prompt", "And now?"];
    let (ran, _) = provider.exec(bench, Shown::AsText, &args);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), ANSWER),
        "{name}: the thread does not go on: {}",
        brief(&ran)
    );
    let after = bench.events();
    assert!(after.len() > before.len(), "{name}");
    assert_eq!(&after[..before.len()], before, "{name}: what was recorded is another");
    let heard = serde_json::to_string(server.requests()[0].input()).unwrap();
    for prompt in prompts.iter().chain([&"And now?"]) {
        assert!(heard.contains(prompt), "{name}: the model does not hear {prompt:?}: {heard}");
    }
}

/// A run, without the megabytes that it may have printed.
pub(crate) fn brief(ran: &Ran) -> String {
    let end = |text: &str| text[text.ceil_char_boundary(text.len().saturating_sub(3000))..].to_owned();
    format!("exit code {:?}\n{}\n{}", ran.code, end(&ran.stdout), end(&ran.stderr))
}

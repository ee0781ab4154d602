//! [`PromptCache`]: what a provider's prompt cache would have kept of the requests so far, for tests that ask how much of a
//! long run it would have saved.

use crate::api::WireApi;
use serde_json::Value;
use std::{
    collections::{HashSet, VecDeque, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

/// How many bytes of JSON are a token, roughly.
const BYTES_PER_TOKEN: usize = 4;
/// No shorter prompt is cached, in tokens (OpenAI, "Prompt caching"; Anthropic, "Prompt caching", most of its models).
const LEAST_TOKENS: u64 = 1024;
/// OpenAI's hits grow by so many tokens.
const STEP_TOKENS: u64 = 128;
/// How many blocks before a mark Anthropic looks for what it has.
const LOOKBACK_BLOCKS: usize = 20;
/// How many prompts are remembered. A real cache forgets by time.
const MAX_PROMPTS: usize = 64;

/// What a server says of the tokens that it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accounting {
    /// What the reply says.
    #[default]
    AsTold,
    /// What a provider with a prompt cache would: tokens are counted from the request, at four bytes each, and as cached
    /// counts what an earlier request began with. Over the Responses API and Chat Completions that is the longest
    /// beginning in common with one of them, in steps of 128 tokens from 1,024 on; over Anthropic's API what was written
    /// up to a `cache_control` of an earlier request, at most twenty blocks before one of this request.
    PromptCache,
}

/// What a prompt comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// All of its tokens.
    pub(crate) input: u64,
    /// Of these, read from the cache.
    pub(crate) cached: u64,
    /// Of these, written to it, where the provider says so.
    pub(crate) written: u64,
}

#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    prompts: VecDeque<Vec<u8>>,
    /// What was written, by the hash of all up to there.
    written: HashSet<u64>,
}

impl PromptCache {
    /// Counts a request, and remembers it.
    pub(crate) fn read(&self, api: WireApi, body: &Value) -> Prompt {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match api {
            WireApi::Responses => {
                remembered.by_beginning(body, &["model", "tools", "instructions", "text", "input"])
            }
            WireApi::Chat => {
                remembered.by_beginning(body, &["model", "tools", "response_format", "messages"])
            }
            WireApi::Anthropic => remembered.by_marks(body),
        }
    }
}

impl Remembered {
    /// The prompt is what these fields hold, in this order.
    fn by_beginning(&mut self, body: &Value, fields: &[&str]) -> Prompt {
        let mut prompt = Vec::new();
        for field in fields {
            let parts = body[*field].as_array().cloned().unwrap_or_else(|| vec![body[*field].clone()]);
            for part in parts {
                prompt.extend(part.to_string().into_bytes());
                prompt.push(0);
            }
        }
        let in_common =
            |other: &Vec<u8>| prompt.iter().zip(other).take_while(|(one, two)| one == two).count();
        let longest = self.prompts.iter().map(in_common).max().unwrap_or_default();
        let known = tokens(longest);
        let cached = if known < LEAST_TOKENS { 0 } else { known - known % STEP_TOKENS };
        let input = tokens(prompt.len());
        if self.prompts.len() == MAX_PROMPTS {
            self.prompts.pop_front();
        }
        self.prompts.push_back(prompt);
        Prompt { input, cached: cached.min(input), written: 0 }
    }

    fn by_marks(&mut self, body: &Value) -> Prompt {
        let ends = ends(body);
        let marks: Vec<usize> = (0..ends.len()).filter(|at| ends[*at].is_marked).collect();
        let found = marks.iter().flat_map(|mark| mark.saturating_sub(LOOKBACK_BLOCKS)..=*mark);
        let found = found.filter(|at| self.written.contains(&ends[*at].hash));
        let cached = found.map(|at| ends[at].tokens).max().unwrap_or_default();
        let long_enough = |at: &&usize| ends[**at].tokens >= LEAST_TOKENS;
        let last = marks.iter().rfind(long_enough).map_or(cached, |at| ends[*at].tokens);
        self.written.extend(marks.iter().filter(long_enough).map(|at| ends[*at].hash));
        let input = ends.last().map_or(0, |end| end.tokens);
        Prompt { input, cached, written: last.saturating_sub(cached) }
    }
}

/// Where a block ends.
struct End {
    /// Of all blocks up to here.
    hash: u64,
    tokens: u64,
    is_marked: bool,
}

/// The blocks in the order in which the cache has them: tools, system, messages. What changes how messages are read, such
/// as thinking, is a part of what is before them.
fn ends(body: &Value) -> Vec<End> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut blocks = list(&body["tools"]);
    blocks.extend(list(&body["system"]));
    let before_messages = blocks.len();
    for message in list(&body["messages"]) {
        for mut block in list(&message["content"]) {
            block["role of the message"] = message["role"].clone();
            blocks.push(block);
        }
    }
    let mut hasher = DefaultHasher::new();
    body["model"].to_string().hash(&mut hasher);
    let mut bytes = 0;
    let end = |(at, mut block): (usize, Value)| {
        if at == before_messages {
            for setting in ["thinking", "tool_choice", "output_config"] {
                body[setting].to_string().hash(&mut hasher);
            }
        }
        let is_marked = block.as_object_mut().and_then(|block| block.remove("cache_control")).is_some();
        let text = block.to_string();
        text.hash(&mut hasher);
        bytes += text.len();
        End { hash: hasher.finish(), tokens: tokens(bytes), is_marked }
    };
    blocks.into_iter().enumerate().map(end).collect()
}

fn tokens(bytes: usize) -> u64 {
    (bytes / BYTES_PER_TOKEN) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(tokens: usize) -> String {
        "abc ".repeat(tokens)
    }

    #[test]
    fn beginning_in_common_is_cached_in_steps() {
        let cache = PromptCache::default();
        let ask = |input: Value| cache.read(WireApi::Responses, &json!({ "input": input }));
        let (one, two) = (text(2000), text(3000));
        assert_eq!(ask(json!([one])).cached, 0);
        let again = ask(json!([one, two]));
        assert!(again.input >= 5000 && again.cached == 1920, "{again:?}");
        assert_eq!(ask(json!(["other", one, two])).cached, 0);
        assert_eq!(ask(json!([text(500)])).cached, 0, "too short");
    }

    #[test]
    fn only_what_was_marked_is_cached() {
        let cache = PromptCache::default();
        let block = |text: &str| json!({ "type": "text", "text": text });
        let marked =
            |text: &str| json!({ "type": "text", "text": text, "cache_control": { "type": "ephemeral" } });
        let ask = |content: Vec<Value>| {
            let messages = json!([{ "role": "user", "content": content }]);
            cache.read(WireApi::Anthropic, &json!({ "messages": messages }))
        };
        let (one, two) = (text(2000), text(3000));
        let first = ask(vec![block(&one)]);
        assert_eq!((first.cached, first.written), (0, 0), "no mark");
        let second = ask(vec![marked(&one), block(&two)]);
        assert!(second.cached == 0 && (2000..2100).contains(&second.written), "{second:?}");
        let third = ask(vec![block(&one), marked(&two)]);
        assert!((2000..2100).contains(&third.cached) && third.written >= 3000, "{third:?}");
        assert_eq!(third.input, third.cached + third.written);
        let mut far = vec![block(&one), block(&two)];
        far.extend((0..21).map(|_| block("x")));
        far.push(marked("end"));
        assert_eq!(ask(far).cached, 0, "what is written is more than twenty blocks away");
    }
}

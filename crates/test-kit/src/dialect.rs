//! [`Dialect`]: how servers that speak Chat Completions differ from OpenAI.

/// Whose habits the server has when it speaks Chat Completions. Its answers over the Responses API, and bodies that a
/// [`Reply`](crate::Reply) spells out itself, are the same in all of them.
///
/// The sources are named at each variant: documentation, the server's code, or streams that people recorded in bug
/// reports. All of it was looked up in November 2026.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI (API reference, "Chat Completions", "Streaming events"): the role in the first chunk, `usage: null` in
    /// every chunk but the last, whose `choices` are empty. OpenAI itself never shows reasoning over this API; it is
    /// sent as `reasoning_content`, DeepSeek's name for it, which most others took over.
    #[default]
    OpenAi,
    /// Ollama (`openai/openai.go` and `middleware/openai.go`): role and content in every delta, `reasoning`, all calls
    /// in one chunk with whole arguments. A failure within a stream is an empty chunk and the end of the body: the
    /// reason is lost. A prompt that is too long is as a rule cut without a word.
    Ollama,
    /// vLLM (`vllm/entrypoints/openai/chat_completion/serving.py`): `reasoning`, a numeric `code` in errors, `[DONE]`
    /// even after an error.
    Vllm,
    /// llama.cpp's `llama-server` as its builds of 2025 speak (`tools/server`, for example b6097): usage and `timings`
    /// beside the last choice, `content: null` in the first chunk, a failure within a stream in an SSE field `error`
    /// and not in `data`. Later builds send a chunk of its own for the usage, and failures as data.
    LlamaCpp,
    /// LM Studio (its documentation, "Tool Use", section "Streaming"; lmstudio-bug-tracker issues 2322 and 2256):
    /// arguments in small pieces after an empty first one, numbers as call ids, errors as a bare string, and an event
    /// named `error` within a stream of status 200 where the prompt is too long.
    LmStudio,
    /// OpenRouter (its documentation, "Streaming" and "Errors"): comment lines while it waits, role and content in
    /// every delta, `reasoning` with `reasoning_details`, `native_finish_reason`, the usage in a last chunk with an
    /// empty delta, and an error beside a choice whose `finish_reason` is `error`.
    OpenRouter,
    /// Gemini's compatibility API (googleapis/python-genai issue 2868, open-webui/computer issue 224): calls without an
    /// `index`, whole and one in a chunk, `finish_reason: stop` even after calls, `extra_content`, usage in every
    /// chunk, errors inside an array.
    Gemini,
    /// DeepSeek (its API documentation): `reasoning_content`, usage beside the last choice with
    /// `prompt_cache_hit_tokens`, comment lines to keep the connection alive.
    DeepSeek,
    /// A LiteLLM proxy in front of Ollama (BerriAI/litellm pull request 37792 and issue 35663): every call has the
    /// index 0, so that only the ids tell them apart, and `finish_reason: stop` follows them.
    LiteLlm,
}

/// A dialect, habit by habit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    pub(crate) id: &'static str,
    pub(crate) reasoning: &'static str,
    pub(crate) role: Role,
    pub(crate) calls: Calls,
    pub(crate) index: Index,
    pub(crate) finish_after_calls: &'static str,
    pub(crate) usage: UsagePlace,
    /// Sent before the first chunk.
    pub(crate) comment: Option<&'static str>,
}

/// Which deltas name the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A first chunk with an empty content.
    First,
    /// A first chunk with `content: null`.
    FirstWithNull,
    /// Every one, with a content.
    Every,
}

/// How calls travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Id and name, then the arguments in so many pieces at most.
    Pieces(usize),
    /// Each in a chunk of its own.
    Whole,
    /// All in one chunk.
    Together,
}

/// What a call's `index` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    Numbered,
    Zero,
    Missing,
}

/// Where the usage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsagePlace {
    /// In a last chunk without choices; the others carry `usage: null`.
    OwnChunkAndNull,
    /// In a last chunk without choices.
    OwnChunk,
    /// In a last chunk with an empty delta, asked for or not.
    EmptyDelta,
    /// Beside the last choice, asked for or not.
    LastChoice,
    /// In every chunk.
    EveryChunk,
}

impl Dialect {
    /// All of them, for tests that go through them.
    pub const ALL: [Self; 9] = [
        Self::OpenAi,
        Self::Ollama,
        Self::Vllm,
        Self::LlamaCpp,
        Self::LmStudio,
        Self::OpenRouter,
        Self::Gemini,
        Self::DeepSeek,
        Self::LiteLlm,
    ];

    pub(crate) fn habits(self) -> Habits {
        let openai = Habits {
            id: "chatcmpl-1",
            reasoning: "reasoning_content",
            role: Role::First,
            calls: Calls::Pieces(3),
            index: Index::Numbered,
            finish_after_calls: "tool_calls",
            usage: UsagePlace::OwnChunkAndNull,
            comment: None,
        };
        let plain = Habits { usage: UsagePlace::OwnChunk, ..openai };
        match self {
            Self::OpenAi => openai,
            Self::Ollama => {
                Habits { reasoning: "reasoning", role: Role::Every, calls: Calls::Together, ..plain }
            }
            Self::Vllm => Habits { reasoning: "reasoning", ..plain },
            Self::LlamaCpp => Habits { role: Role::FirstWithNull, usage: UsagePlace::LastChoice, ..plain },
            Self::LmStudio => Habits { calls: Calls::Pieces(12), ..plain },
            Self::OpenRouter => Habits {
                id: "gen-1",
                reasoning: "reasoning",
                role: Role::Every,
                usage: UsagePlace::EmptyDelta,
                comment: Some(": OPENROUTER PROCESSING\n\n"),
                ..plain
            },
            Self::Gemini => Habits {
                role: Role::Every,
                calls: Calls::Whole,
                index: Index::Missing,
                finish_after_calls: "stop",
                usage: UsagePlace::EveryChunk,
                ..plain
            },
            Self::DeepSeek => {
                Habits { usage: UsagePlace::LastChoice, comment: Some(": keep-alive\n\n"), ..plain }
            }
            Self::LiteLlm => {
                Habits { calls: Calls::Whole, index: Index::Zero, finish_after_calls: "stop", ..plain }
            }
        }
    }
}

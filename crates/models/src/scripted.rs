//! [`ScriptedModel`]: a model that answers from a TOML file, without a key and without a network.
//!
//! It is for a first run, for demonstrations and for tests. It keeps no state: which step comes next follows from
//! the conversation in the request alone, so it gives the same answer after a crash, on every attempt and on every
//! machine. Where script and conversation disagree it fails loudly instead of improvising.
//!
//! # A script
//!
//! ```toml
//! # A turn answers one message of the user: the first turn whose `match` occurs in that message (capitals count).
//! [[turn]]
//! match = "fix the build"
//!
//!     # A step is one response. The n-th response since the user's message is the n-th step.
//!     [[turn.step]]
//!     reasoning = "The compiler will tell what is wrong."
//!     text = "I will look at the errors first."
//!     calls = [{ tool = "exec_command", args = { cmd = "cargo check" } }]
//!
//!     [[turn.step]]
//!     expect_output = "error[E0425]"          # the answer to the last call must contain this
//!     text = "Found it: {{line:error[E0425]}}"
//!     calls = [{ tool = "apply_patch", input = """
//! *** Begin Patch
//! *** Update File: src/lib.rs
//! @@
//! -cout()
//! +count()
//! *** End Patch
//! """ }]
//!
//!     [[turn.step]]
//!     text = "The build is fixed."
//!     usage = { input = 1200, cached = 1000, output = 40, reasoning = 10 }
//!
//! # A turn without `match` answers messages that no `match` fits: the first such turn the first of them, and so on.
//! [[turn]]
//!     [[turn.step]]
//!     text = "You said: {{prompt}}"
//! ```
//!
//! A script for one thread whose messages do not matter is a plain list. Then the n-th response of the whole
//! conversation is the n-th step, whatever the user said in between:
//!
//! ```toml
//! [[step]]
//! calls = [{ tool = "list_dir" }]
//! [[step]]
//! text = "There is:\n{{output}}"
//! ```
//!
//! # Summaries
//!
//! `[summary]` is the step that answers every request for a summary of the conversation. After one in the midst of a turn the
//! responses of the turn are counted anew: a `[[turn]]` with `after_summary = true` answers a message only from then on.
//!
//! # Keys of a step
//!
//! | key | meaning |
//! |---|---|
//! | `text` | the message; it is streamed word by word |
//! | `reasoning` | the summary of its reasoning, before the message |
//! | `search` | what the provider searches the web for, before the message; the thread must have its web search |
//! | `calls` | tool calls, after the message: `tool`, and `args` (a table, or a string that is sent as it stands, which need not be JSON) or `input` (a freeform tool); without either, `args = {}` |
//! | `match` | the user's last message must contain this |
//! | `expect_output` | the last tool output, as the model is told it, must contain this |
//! | `usage` | `input`, `cached`, `output`, `reasoning` tokens; where left out, a rough estimate (4 bytes a token) |
//! | `delay_ms` | wait before the first word |
//! | `chunk_delay_ms` | wait before each word |
//! | `fault` | a fault instead of the response, see below |
//!
//! `fault = "quota"` fails every attempt, `fault = { kind = "cut", attempts = 2 }` only attempts 1 and 2 of the step,
//! after which it answers. Kinds:
//!
//! | kind | what happens |
//! |---|---|
//! | `cut` | half of the words come, then the stream breaks ([`Stream`]) |
//! | `stream_error` | the stream breaks before the first word ([`Stream`]) |
//! | `hang` | half of the words come, then nothing, until the call is dropped |
//! | `unavailable`, `auth`, `quota`, `invalid_request`, `context_overflow` | the error of that name |
//!
//! # Templates
//!
//! In `text`, `reasoning`, `search`, `input` and every string in `args`: `{{output}}` is the text of the last tool output,
//! `{{output:N}}` that of the N-th since the user's last message (from 1), `{{line:X}}` the first line of the last
//! output that contains X, `{{prompt}}` the user's last message. One that has nothing to stand for is an error. A
//! literal `{{` is written `{{{{`.
//!
//! # What counts as a response
//!
//! An unbroken run of messages, reasoning, searches and calls. An attempt that failed leaves nothing in the conversation and
//! does not count; a response that was interrupted counts if some of its text was kept. A summary rewrites the
//! conversation: a script for a thread that is summarised uses turns with `match`.
//!
//! [`Stream`]: agent_core::ModelErrorKind::Stream

mod answer;
mod model;
mod parse;
mod scene;
mod script;
mod template;

pub use model::ScriptedModel;
pub use script::{Script, ScriptError};

//! Test your own host of Everturn's traits the way Everturn tests itself.
//!
//! * [`ModelServer`] is a model provider on a local port. It speaks the Responses API, Chat Completions in the [`Dialect`]
//!   of a real server, and Anthropic's Messages. It answers with the [`Reply`]s it was given, at their pace, and fails in every way
//!   a real one does. [`ClosedPort`] is where no server is.
//! * [`Scenario`] is a turn as data; [`play`] plays it on any `AgentSession`, and its [`Trace`] is the same on every
//!   backend. [`MemorySession`] is a whole thread in memory.
//! * [`KillPoint`] kills a process at a named point of its work.
//!
//! Not here: the traits, their fakes and the conformance suites of each trait (`agent-core`, feature `test-util`).
//!
//! Start reading at [`ModelServer`], then [`Reply`].
//!
//! # Testing a streamer of your own
//!
//! ```
//! use agent_core::{ModelErrorKind, ModelEvent, ModelItem, ModelStreamer, testing::check_response};
//! use futures::StreamExt;
//! use serde_json::json;
//! use test_kit::{ModelServer, Reply};
//!
//! # use agent_core::*;
//! # struct MyStreamer { url: String }
//! # impl MyStreamer { fn new(url: String) -> Self { Self { url } } }
//! # impl ModelStreamer for MyStreamer {
//! #     fn stream<'a>(&'a self, _: ModelRequest) -> futures::stream::BoxStream<'a, Result<ModelEvent, ModelError>> {
//! #         let error = ModelError::new(ModelErrorKind::Stream, format!("{} broke off", self.url));
//! #         futures::stream::iter([Err(error)]).boxed()
//! #     }
//! # }
//! # fn a_request() -> ModelRequest {
//! #     ModelRequest {
//! #         purpose: Purpose::Answer, key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") },
//! #         turn: TurnId(1), effect: EffectId(1), attempt: 1,
//! #         provider: String::new(), model: "m".into(), effort: None, summary: None,
//! #         instructions: Shared::new("Be brief.".into()), tools: Shared::default(),
//! #         conversation: Conversation::of(0, Vec::new()), output_schema: None, traceparent: None,
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures::executor::block_on(async {
//! // What the provider does, request by request: it is busy, it breaks off, it answers.
//! let server = ModelServer::start(vec![
//!     Reply::error(503, "server_error", "overloaded").header("retry-after-ms", "1"),
//!     Reply::new().text("I will look at the fi").cut(),
//!     Reply::new().text("I look.").call("exec_command", json!({ "cmd": "ls" })),
//! ])?;
//! let model = MyStreamer::new(server.url());
//!
//! // `check_response` panics where the contract of `ModelStreamer` is broken.
//! let events: Vec<_> = model.stream(a_request()).collect().await;
//! check_response(&events);
//! let Some(Err(error)) = events.last() else { panic!("a response that breaks off is an error") };
//! assert_eq!(error.kind, ModelErrorKind::Stream);
//!
//! let events: Vec<_> = model.stream(a_request()).collect().await;
//! for item in check_response(&events) {
//!     if let ModelItem::Call { name, .. } = item {
//!         assert_eq!(name, "exec_command");
//!     }
//! }
//! for request in server.requests() {
//!     assert_eq!(request.body["model"], "m");
//!     assert_eq!(request.header("authorization"), Some("Bearer my-key"));
//! }
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! The same replies are an answer over Chat Completions, in the habits of the server that a user has on the laptop:
//!
//! ```
//! use test_kit::{Dialect, ModelServer, Reply, WireApi};
//! # fn main() -> std::io::Result<()> {
//! let replies = vec![
//!     Reply::rate_limited().retry_after(1),
//!     Reply::new().thoughts("Let me see.").text("I look.").freeform("apply_patch", "*** Begin Patch"),
//!     Reply::new().text("Half of").reset(),
//!     Reply::context_overflow(),
//! ];
//! let server = ModelServer::start_speaking(replies, Dialect::Ollama)?;
//! // Point your client at `server.url()`, then ask what it sent.
//! assert!(server.requests().iter().all(|request| request.api == WireApi::Chat));
//! # Ok(())
//! # }
//! ```

mod anthropic_events;
mod api;
mod chat_chunks;
mod closed_port;
mod dialect;
mod faults;
mod kill_point;
mod line;
mod memory_session;
mod prompt_cache;
mod record;
mod render;
mod replies;
mod reply;
mod responses_events;
mod said;
mod scenario;
mod sending;
mod server;
mod trouble;

pub use api::WireApi;
pub use closed_port::ClosedPort;
pub use dialect::Dialect;
pub use kill_point::{KillPoint, KillPointError};
pub use memory_session::MemorySession;
pub use prompt_cache::Accounting;
pub use record::{RecordedRequest, Recording};
pub use replies::Replies;
pub use reply::Reply;
pub use scenario::{PlayError, Scenario, ScenarioError, ScenarioWorkspace, Step, Trace, play};
pub use server::{ModelServer, ServerOptions};

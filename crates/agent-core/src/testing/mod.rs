//! Fakes, mocks and conformance suites for whoever implements the traits (feature `test-util`).
//!
//! The fakes need no runtime: `futures::executor::block_on` drives a whole thread with them. The `Mock…` types made
//! by mockall stand beside their traits.

mod conformance;
mod fake_command;
mod fake_inbox;
mod fake_model;
mod fake_storage;
mod fake_tools;
mod fake_workspace;
mod fake_world;

pub use conformance::{check_response, storage_conformance};
pub use fake_inbox::FakeInbox;
pub use fake_model::{FakeModel, response};
pub use fake_storage::{CrashPoint, MemoryStorage};
pub use fake_tools::{FakeTools, preparation};
pub use fake_workspace::FakeWorkspace;
pub use fake_world::{FakeEntropy, RecordingSink, World};

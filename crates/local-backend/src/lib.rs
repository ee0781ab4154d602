//! The in-process backend: threads in one SQLite file, each served by a driver task of this process.
//!
//! What is here: [`Database`] (the file, and everything that only reads or tidies it: list, get, delete, export, fork,
//! pending questions), [`ThreadStore`] (one thread opened for writing, behind a lease and a generation),
//! [`LocalInbox`] (submissions that survive a crash), [`LocalBackend`] (start and resume threads), and the two
//! sessions: [`LocalSession`] for a thread this process serves, [`RemoteSession`] for one that another process serves,
//! or nobody.
//!
//! Not here: the loop and what lists show of a thread (agent-core), models, tools, configuration, anything about terminals.
//!
//! Start reading at [`LocalBackend`], then `store.rs`, whose append is one SQL statement, then `inbox.rs`.

#![warn(missing_docs)]

mod backend;
mod blobs;
mod catalogue;
mod changes;
mod database;
mod driver;
mod entropy;
mod error;
mod export;
mod fork;
mod inbox;
mod lease;
mod lookup;
mod moment;
mod passage;
mod pending;
mod queue;
mod reader;
mod remote;
mod residence;
mod schema;
mod session;
mod snapshot;
mod status;
mod store;
mod updates;

pub use backend::{LocalBackend, Services};
pub use blobs::TenantBlobs;
pub use database::{Database, DatabaseConfig, Durability};
pub use entropy::SystemEntropy;
pub use error::LocalError;
pub use inbox::LocalInbox;
pub use reader::ThreadReader;
pub use remote::{RemoteSession, SubmitOutcome};
pub use residence::{Away, Mover};
pub use schema::DATABASE_SCHEMA;
pub use session::LocalSession;
pub use store::ThreadStore;

//! The same loop inside a Temporal workflow.

mod activities;
mod blobs;
mod client;
mod codec;
mod connect;
mod conversations;
pub mod dev_server;
mod doctor;
mod health;
mod queue;
mod replay;
mod shift;
pub mod wire;
mod worker;
mod workflow;

pub use activities::{Activities, RunningCalls, Services, TaskFiles};
pub use blobs::{FileBlobs, MAX_BLOB_BYTES};
pub use client::{
    BackendOptions, Moving, Stay, SubmitOutcome, TemporalBackend, TemporalError, TemporalSession,
};
pub use conversations::Conversations;
pub use health::Health;
pub use queue::queue_of;
pub use replay::{Extent, Place, ReplayFailure, ReplayOptions, Replayed, RunHistory, replay};
pub use shift::{Shift, Standing};
pub use worker::{Deployment, Limits, Roles, TemporalWorker, WorkerError, WorkerOptions};
pub use workflow::{Acknowledge, AgentWorkflow, Chronicle, Closed, Digest, Offer, Reply, Surroundings};

pub use codec::{
    ACTIVITY_NOT_READ, Codec, CodecError, ENCODING, KeyId, KeyRing, KeySource, Position, UnsealError,
    activate_key, add_key, create_key_file, data_converter, new_key,
};
pub use connect::{
    ConnectError, ConnectOptions, CredentialsSent, InquiryError, NamedBy, NamespaceFacts, Poller, Pollers,
    ProfileFile, ServerFacts, Target, TlsFault, connect, failing_task, namespace_facts, pollers, retention,
    server_facts,
};
pub use doctor::{DoctorInput, Finding, Verdict, examine};

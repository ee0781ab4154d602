//! What a tool is to the registry, and what all tools share.

use crate::{
    environment::EnvPolicy, ledger::Ledger, policy::PolicyStore, sandbox::Sandbox, session::Sessions,
};
use agent_core::{
    BlobId, Content, EventSink, OutputStatus, Preparation, PrepareRequest, Redactor, Subject, ThreadKey,
    ToolAnswer, ToolOutput, ToolRequest, ToolSpec,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// A tool: its specification, what can be said of a call, and running it.
#[async_trait]
pub(crate) trait Tool: Send + Sync {
    /// As the model is offered it.
    fn spec(&self) -> ToolSpec;

    /// Says what a call is. The error is what is wrong with it, for the model.
    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String>;

    /// Runs a call. After `stop` is cancelled it answers within a bound; dropped, it leaves nothing running.
    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer;
}

/// Keeps the bytes of images, so that an answer can refer to them.
#[async_trait]
pub trait BlobWriter: Send + Sync {
    /// Keeps bytes for a thread. Durable on return. The error says why not, for people.
    async fn put(&self, key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String>;
}

/// What tools work with.
pub(crate) struct Host {
    pub(crate) ledger: Arc<Ledger>,
    /// What commands see.
    pub(crate) environment: BTreeMap<String, String>,
    /// Names the environment policy in digests.
    pub(crate) policy: String,
    /// Absolute paths that patches leave alone unless the user allows it.
    pub(crate) protected: Vec<PathBuf>,
    /// The user's rules about commands.
    pub(crate) rules: Arc<PolicyStore>,
    /// What holds commands.
    pub(crate) sandbox: Arc<Sandbox>,
    /// Commands that go on after their calls.
    pub(crate) sessions: Sessions,
    pub(crate) redactor: Redactor,
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) blobs: Arc<dyn BlobWriter>,
    pub(crate) output_bytes: usize,
}

impl Host {
    /// Names a call under its policies: the same call has the same digest, another one another.
    pub(crate) fn digest(&self, request: &PrepareRequest, call: &[String], cwd: &str) -> String {
        let named = (&request.call.name, call, cwd, &request.sandbox, &self.policy);
        // These types always serialise; a digest of nothing would be the same for all calls.
        let bytes = serde_json::to_vec(&named).unwrap_or_else(|error| format!("{error} {named:?}").into());
        BlobId::of(&bytes).to_string()
    }

    /// A call of this thread may be about to change something. Where the ledger cannot be made, starting the call says so.
    pub(crate) fn ready_to_run(&self, key: &ThreadKey) {
        if let Err(error) = self.ledger.make_folder(key) {
            tracing::warn!(%key, %error, "the folder of the effect ledger cannot be made");
        }
    }

    /// What is said of a call that only looks.
    pub(crate) fn looking(&self, request: &PrepareRequest, subject: Subject, timeout_ms: u64) -> Preparation {
        Preparation {
            digest: self.digest(request, &[request.call.payload.text().to_owned()], &request.cwd),
            ..Preparation::reading(subject, timeout_ms)
        }
    }

    /// Writes down the rule that the user added with this call. The call runs in any case, since it was approved itself; the
    /// answer is why the rule does not hold for others.
    pub(crate) async fn amend(&self, request: &ToolRequest) -> Option<String> {
        let (rules, words) = (Arc::clone(&self.rules), request.amendment.clone()?);
        let written = tokio::task::spawn_blocking(move || rules.approve(&words)).await;
        match written {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Says what became of an earlier start of this very run.
    pub(crate) async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        // Its command is not to be stopped: it goes on.
        if let Some(told) = self.sessions.told(&request) {
            return told;
        }
        let ledger = Arc::clone(&self.ledger);
        let recovered = tokio::task::spawn_blocking(move || ledger.recover(&request)).await;
        recovered.unwrap_or_else(|error| ToolAnswer::Unknown {
            note: format!("what became of it could not be looked up: {error}"),
        })
    }
}

/// The answer without secrets.
pub(crate) fn scrubbed(redactor: &Redactor, answer: ToolAnswer) -> ToolAnswer {
    redactor.scrub_value(answer).unwrap_or_else(|error| {
        failed(format!("The call ran, but secrets cannot be removed from what came of it: {error}"))
    })
}

/// The answer with a line about a rule that could not be added.
pub(crate) fn noted(mut answer: ToolAnswer, refused: Option<String>) -> ToolAnswer {
    if let (Some(why), ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output }) =
        (refused, &mut answer)
    {
        output
            .content
            .push(Content::text(format!("\n[The user also wanted a rule for calls like this: {why}.]\n")));
    }
    answer
}

/// Names an environment policy.
pub(crate) fn policy_digest(policy: &EnvPolicy) -> String {
    let bytes = serde_json::to_vec(policy).unwrap_or_else(|error| format!("{error} {policy:?}").into());
    BlobId::of(&bytes).to_string()
}

/// The answer of a call that went well.
pub(crate) fn succeeded(text: impl Into<String>) -> ToolAnswer {
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, text) }
}

/// The answer of a call that went badly.
pub(crate) fn failed(text: impl Into<String>) -> ToolAnswer {
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Failed, text) }
}

/// The answer of a call that was stopped before it did anything.
pub(crate) fn cancelled_early() -> ToolAnswer {
    ToolAnswer::Cancelled {
        output: ToolOutput::text(OutputStatus::Cancelled, "Stopped before it began. It did not run."),
    }
}

/// The answer of a call that may change something and finds no ledger to write in: nothing can go on without one.
pub(crate) fn no_ledger(error: &io::Error) -> ToolAnswer {
    ToolAnswer::Fatal {
        message: format!(
            "The call did not run: its entry in the effect ledger cannot be written: {error}. Make room or repair the \
             permissions of the everturn home, then go on."
        ),
    }
}

//! How an op gets into a thread: as an update, which answers; where that cannot be had, as a signal.
//!
//! An op has its id from its client, and counts once, so it is sent again wherever it is not clear whether it arrived.

use super::{
    TemporalError,
    attendance::{Attended, no_worker},
    catalogue::departed,
    line::{Trouble, once},
    session::{Inner, SubmitOutcome},
    start::ending,
};
use crate::{
    AgentWorkflow, Reply,
    wire::{Departed, MAX_OP_BYTES},
};
use agent_core::{
    Accepted, Asked, Input, Query, Refusal, RunError, SessionError, Submission, Tenant, cross_boundary,
};
use serde::Deserialize;
use std::time::Duration;
use temporalio_client::{
    NamespacedClient, RpcOptions, WorkflowExecuteUpdateOptions, WorkflowExecutionStatus,
    WorkflowSignalOptions, errors::WorkflowUpdateError, tonic::Code,
};
use temporalio_common::{
    data_converters::{SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::failure::v1::Failure,
};
use tokio::time::Instant;

/// An op that has no answer after so long is given up. It may have arrived.
const PATIENCE: Duration = Duration::from_secs(30);
/// An op that may be left with the server is left there after so long.
const LEFT_AFTER: Duration = Duration::from_secs(5);
/// A worker that works answers within this time; after it, one is looked for.
const LOOK_AFTER: Duration = Duration::from_secs(3);
/// An op that has to be sent again is sent after this pause, which grows.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How the server says that a run takes no more updates, whose number is limited. There is no code for it.
const NO_MORE_UPDATES: &str = "total number of distinct updates";

/// Why an update came to nothing.
enum Failed {
    Trouble(Trouble),
    /// Nobody works for the queue.
    NoWorker(String),
    /// This run takes no updates any more.
    Exhausted,
    /// What came is no answer of a thread.
    Odd(String),
}

/// An op on its way.
struct Delivery<'a> {
    session: &'a Inner,
    submission: Submission,
    deadline: Instant,
    pause: Duration,
    /// It went as a signal, so it may be known when it comes again.
    signalled: bool,
}

impl Inner {
    pub(super) async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        if let Some(query) = submission.op.query() {
            return self.look_up(&submission.tenant, query).await;
        }
        let mut delivery = self.delivery(submission, PATIENCE).await?;
        match delivery.deliver().await {
            Ok(accepted) => Ok(accepted),
            Err(Undelivered::Unanswered(why)) => {
                let advice = "it is not known whether the op will arrive; submit it again with the same id";
                Err(unavailable(format!("{why}; {advice}")))
            }
            Err(Undelivered::Error(error)) => Err(error),
        }
    }

    pub(super) async fn submit_or_queue(
        &self,
        submission: Submission,
    ) -> Result<SubmitOutcome, SessionError> {
        if let Some(query) = submission.op.query() {
            return self.look_up(&submission.tenant, query).await.map(SubmitOutcome::Accepted);
        }
        let mut delivery = self.delivery(submission, LEFT_AFTER).await?;
        if self.shared.attendance.of(&self.queue).await != Attended::Nobody {
            match delivery.deliver().await {
                Ok(accepted) => return Ok(SubmitOutcome::Accepted(accepted)),
                Err(Undelivered::Unanswered(_)) => {}
                Err(Undelivered::Error(error)) => return Err(error),
            }
        }
        delivery.leave().await?;
        Ok(SubmitOutcome::Queued)
    }

    /// Answers an op that only looks something up. The workflow does not hear of it.
    async fn look_up(&self, tenant: &Tenant, query: Query) -> Result<Accepted, SessionError> {
        let key = self.line.key.clone();
        if *tenant != key.tenant {
            return Err(Refusal::WrongTenant.into());
        }
        let Some(library) = &self.shared.library else {
            let why = "this program looks nothing up; ask one that has the configuration, such as everturn";
            return Err(Refusal::Unavailable { why: why.into() }.into());
        };
        let query = self.shared.redactor.scrub_value(query).map_err(|error| malformed(error.to_string()))?;
        let listing = library.answer(Asked { key, query }).await?;
        let event_seq = *self.accepted.borrow();
        Ok(Accepted { turn: None, event_seq, repeated: false, listing: Some(Box::new(listing)) })
    }

    /// What leaves this process: no secrets, and large content as blobs.
    async fn delivery(
        &self,
        submission: Submission,
        patience: Duration,
    ) -> Result<Delivery<'_>, SessionError> {
        let input = Input::Submitted(Box::new(submission));
        let crossed = cross_boundary(input, &self.shared.redactor, &*self.shared.blobs).await;
        let submission = match crossed {
            Ok(Input::Submitted(submission)) => *submission,
            Ok(_) => return Err(malformed("it is no op".into())),
            Err(RunError::Storage(error)) => return Err(unavailable(error.to_string())),
            Err(error) => return Err(malformed(error.to_string())),
        };
        let bytes = serde_json::to_string(&submission).map_err(|error| malformed(error.to_string()))?.len();
        if bytes > MAX_OP_BYTES {
            let why = format!("it has {bytes} bytes, and {MAX_OP_BYTES} are allowed; attach large content");
            return Err(malformed(why));
        }
        let deadline = Instant::now() + patience;
        Ok(Delivery { session: self, submission, deadline, pause: FIRST_PAUSE, signalled: false })
    }
}

/// What became of an op that was not answered.
enum Undelivered {
    /// Nobody answers. It may arrive.
    Unanswered(String),
    /// It will not arrive.
    Error(SessionError),
}

impl From<SessionError> for Undelivered {
    fn from(error: SessionError) -> Self {
        Self::Error(error)
    }
}

impl Delivery<'_> {
    async fn deliver(&mut self) -> Result<Accepted, Undelivered> {
        loop {
            let why = match self.update().await {
                Ok(Reply::Accepted(accepted)) => return Ok(self.accepted(accepted)),
                Ok(Reply::Refused(refusal)) => return Err(SessionError::from(refusal).into()),
                Ok(Reply::Again) => "its run is about to end, and the next one has not begun".into(),
                Err(Failed::Exhausted) => {
                    if let Some(accepted) = self.signal_and_ask().await? {
                        return Ok(accepted);
                    }
                    "its run takes no more ops, and the next one has not begun".into()
                }
                Err(Failed::NoWorker(message)) => return Err(Undelivered::Unanswered(message)),
                Err(Failed::Odd(message)) => return Err(unavailable(message).into()),
                Err(Failed::Trouble(trouble)) => self.look_into(trouble).await?,
            };
            if Instant::now() + self.pause >= self.deadline {
                return Err(Undelivered::Unanswered(why));
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends the op, and looks for a worker where no answer comes.
    async fn update(&self) -> Result<Reply, Failed> {
        let left = self.deadline.saturating_duration_since(Instant::now()).max(LOOK_AFTER);
        let options = WorkflowExecuteUpdateOptions::builder()
            .update_id(self.submission.op_id.to_string())
            .rpc_options(once(left))
            .build();
        let handle = self.session.line.handle(None);
        let update = handle.execute_update(AgentWorkflow::submit_op, self.submission.clone(), options);
        let mut update = std::pin::pin!(tokio::time::timeout(left, update));
        loop {
            tokio::select! {
                biased;
                answer = &mut update => return match answer {
                    Ok(Ok(reply)) => Ok(reply),
                    Ok(Err(error)) => self.understand(error).await,
                    Err(_) => Err(Failed::Trouble(Trouble::Late)),
                },
                () = tokio::time::sleep(LOOK_AFTER) => {
                    let attended = self.session.shared.attendance.of(&self.session.queue).await;
                    if attended == Attended::Nobody {
                        return Err(Failed::NoWorker(no_worker(&self.session.queue, &attended)));
                    }
                }
            }
        }
    }

    /// A refused op is an error to the SDK; what is told of it is our answer.
    async fn understand(&self, error: WorkflowUpdateError) -> Result<Reply, Failed> {
        match error {
            WorkflowUpdateError::Failed(failure) => {
                let message = self.message(*failure).await;
                serde_json::from_str(&message).map_err(|_| Failed::Odd(format!("its worker says: {message}")))
            }
            WorkflowUpdateError::Rpc(status)
                if status.code() == Code::FailedPrecondition
                    && status.message().contains(NO_MORE_UPDATES) =>
            {
                Err(Failed::Exhausted)
            }
            error => Err(Failed::Trouble(error.into())),
        }
    }

    /// The message of a failure, which is encrypted where a codec is on.
    async fn message(&self, failure: Failure) -> String {
        #[derive(Deserialize)]
        struct Attributes {
            message: String,
        }
        let Some(payload) = failure.encoded_attributes else { return failure.message };
        let converter = self.session.line.client.data_converter();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        match converter.from_payload::<Attributes>(&context, payload).await {
            Ok(attributes) => attributes.message,
            Err(error) => error.to_string(),
        }
    }

    /// Whether it is worth to try again; why it was not answered so far.
    async fn look_into(&self, trouble: Trouble) -> Result<String, SessionError> {
        let Inner { line, queue, shared, .. } = self.session;
        match trouble {
            Trouble::Unknown => self.look_for_the_thread().await,
            Trouble::Late => {
                let attended = shared.attendance.of(queue).await;
                Ok(no_worker(queue, &attended))
            }
            Trouble::Away(message) => Ok(TemporalError::ServerAway { message }.to_string()),
            Trouble::NotReady(message) => {
                Ok(format!("the worker of the queue {queue} fails on the thread, see its output ({message})"))
            }
            trouble @ (Trouble::Refused(_) | Trouble::Unreadable(_)) => Err(line.error(trouble).into()),
        }
    }

    /// No run is open: there is none, or the thread was shut down, or the next run is about to begin.
    async fn look_for_the_thread(&self) -> Result<String, SessionError> {
        let line = &self.session.line;
        let found = match line.describe().await {
            Ok(found) => found,
            Err(Trouble::Unknown) => return Err(line.error(Trouble::Unknown).into()),
            Err(trouble) => return Ok(line.error(trouble).to_string()),
        };
        if let Some(Departed { to, since_ms }) = departed(&line.client, &found).await {
            let id = line.key.thread.to_string();
            return Err(TemporalError::MovedAway { id, to, since_ms }.into());
        }
        if found.status() == WorkflowExecutionStatus::Completed {
            return Err(Refusal::Closed.into());
        }
        match ending(found.status()) {
            Some(how) => {
                let (id, workflow) = (line.key.thread.to_string(), line.workflow.clone());
                Err(TemporalError::Ended { id, how, workflow }.into())
            }
            None => Ok("its next run has not begun".into()),
        }
    }

    async fn signal_and_ask(&mut self) -> Result<Option<Accepted>, SessionError> {
        if !self.signalled {
            self.leave().await?;
        }
        let op = self.submission.op_id.clone();
        match self.session.line.query(None, AgentWorkflow::reply, op).await {
            Ok(Some(Reply::Accepted(accepted))) => Ok(Some(self.accepted(accepted))),
            Ok(Some(Reply::Refused(refusal))) => Err(refusal.into()),
            Ok(Some(Reply::Again) | None) | Err(_) => Ok(None),
        }
    }

    /// Leaves the op with the server, which keeps it until a worker takes it up.
    async fn leave(&mut self) -> Result<(), SessionError> {
        let id = self.submission.op_id.to_string();
        let options =
            WorkflowSignalOptions::builder().request_id(id).rpc_options(RpcOptions::default()).build();
        let handle = self.session.line.handle(None);
        let left = handle.signal(AgentWorkflow::receive_op, self.submission.clone().into(), options).await;
        self.signalled = true;
        match left.map_err(Trouble::from) {
            Ok(()) => Ok(()),
            Err(Trouble::Unknown) => self.look_for_the_thread().await.and_then(|why| Err(unavailable(why))),
            Err(trouble) => Err(self.session.line.error(trouble).into()),
        }
    }

    /// An op that is known because this delivery has brought it twice was not repeated by its client.
    fn accepted(&self, accepted: Accepted) -> Accepted {
        self.session.accepted.send_modify(|last| *last = (*last).max(accepted.event_seq));
        Accepted { repeated: accepted.repeated && !self.signalled, ..accepted }
    }
}

fn unavailable(message: String) -> SessionError {
    SessionError::Unavailable { message, source: None }
}

fn malformed(why: String) -> SessionError {
    Refusal::Malformed { why }.into()
}

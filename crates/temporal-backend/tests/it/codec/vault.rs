//! A workflow that lets a value travel every way there is, and workers for it.

use std::{sync::mpsc, thread::JoinHandle, time::Duration};
use temporal_backend::{Codec, ConnectOptions, connect};
use temporalio_client::Client;
use temporalio_common::{
    MemoValue, RetryPolicy, error::ApplicationFailure, search_attributes::SearchAttributeKey,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, LocalActivityOptions, Runtime, SyncWorkflowContext, Worker, WorkerOptions,
    WorkflowContext, WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
};

/// The queue of the tests; each has a server of its own.
pub(crate) const QUEUE: &str = "vault";

/// What the dev server of the tests knows.
pub(crate) const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword("EverturnStatus");

#[workflow]
#[derive(Default)]
pub(crate) struct Vault {
    told: Vec<String>,
    open: bool,
}

#[workflow_methods]
impl Vault {
    /// Lets a value through inputs, results, failures, memo, summaries and local activities, then waits to be opened.
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, secret: String) -> WorkflowResult<String> {
        let _ = ctx.upsert_memo([("title", Some(MemoValue::new(secret.clone())))]);
        ctx.upsert_search_attributes([STATUS.value_set("running".to_owned())]);
        ctx.set_current_details(secret.clone());
        let mut options = once();
        options.summary = Some(secret.clone());
        let echoed = ctx.execute_activity(Tools::echo, secret.clone(), options).await?;
        let local = LocalActivityOptions::builder().start_to_close_timeout(Duration::from_secs(20)).build();
        let _ = ctx.execute_local_activity(Tools::echo, secret.clone(), local).await?;
        let failed = ctx.execute_activity(Tools::fail, secret.clone(), once()).await;
        let words = failed.err().map(|error| words(&error)).unwrap_or_default();
        ctx.state_mut(|state| state.told.push(words));
        let _ = ctx.wait_condition(|state| state.open).await;
        Ok(echoed)
    }

    #[signal]
    pub(crate) fn open(&mut self, _ctx: &mut SyncWorkflowContext<Self>, secret: String) {
        self.told.push(secret);
        self.open = true;
    }

    #[update]
    pub(crate) fn tell(&mut self, _ctx: &mut SyncWorkflowContext<Self>, secret: String) -> Vec<String> {
        self.told.push(secret);
        self.told.clone()
    }

    #[query]
    pub(crate) fn told(&self, _ctx: &WorkflowContextView, prefix: String) -> Vec<String> {
        self.told.iter().map(|told| format!("{prefix}{told}")).collect()
    }
}

/// A workflow that fails with the value in its message.
#[workflow]
#[derive(Default)]
pub(crate) struct Broken;

#[workflow_methods]
impl Broken {
    #[run]
    pub(crate) async fn run(_ctx: &mut WorkflowContext<Self>, secret: String) -> WorkflowResult<String> {
        Err(ApplicationFailure::builder(anyhow::anyhow!("broken: {secret}")).details(secret).build().into())
    }
}

/// A workflow that lets another queue do its work, once and no more.
#[workflow]
#[derive(Default)]
pub(crate) struct Sender;

#[workflow_methods]
impl Sender {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, queue: String) -> WorkflowResult<String> {
        let mut options = once();
        options.task_queue = Some(queue);
        let done = ctx.execute_activity(Tools::echo, "sent".to_owned(), options).await;
        Ok(done.unwrap_or_else(|error| words(&error)))
    }
}

/// A workflow whose activity beats with the value until its worker stops.
#[workflow]
#[derive(Default)]
pub(crate) struct Beating;

#[workflow_methods]
impl Beating {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, secret: String) -> WorkflowResult<String> {
        Ok(ctx.execute_activity(Tools::beat, secret, once()).await?)
    }
}

fn once() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(20))
        .heartbeat_timeout(Duration::from_secs(10))
        .retry_policy(RetryPolicy::builder().maximum_attempts(1).build())
        .build()
}

/// An error and its causes.
fn words(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(crate) struct Tools;

#[activities]
impl Tools {
    #[activity]
    pub(crate) async fn echo(_ctx: ActivityContext, secret: String) -> Result<String, ActivityError> {
        Ok(format!("echo {secret}"))
    }

    /// Beats with the value until its worker stops.
    #[activity]
    pub(crate) async fn beat(ctx: ActivityContext, secret: String) -> Result<String, ActivityError> {
        ctx.record_heartbeat(secret).await.map_err(anyhow::Error::from)?;
        ctx.cancelled().await;
        Ok(String::new())
    }

    /// Fails with the value in message, cause and details.
    #[activity]
    pub(crate) async fn fail(_ctx: ActivityContext, secret: String) -> Result<String, ActivityError> {
        let cause = anyhow::anyhow!("cause {secret}").context(format!("message {secret}"));
        Err(ActivityError::application(
            ApplicationFailure::builder(cause).type_name("Planted".to_owned()).details(secret).build(),
        ))
    }
}

pub(crate) async fn client(address: &str, codec: Option<Codec>) -> Client {
    connect(&ConnectOptions::at(address), codec).await.unwrap()
}

/// A worker on a thread of its own. It stops, and is waited for, when it is dropped.
pub(crate) struct Serving {
    stop: Option<Box<dyn Fn() + Send>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(address: &str, codec: Option<Codec>) -> Self {
        Self::start_on(QUEUE, address, codec)
    }

    pub(crate) fn start_on(queue: &'static str, address: &str, codec: Option<Codec>) -> Self {
        let (ready, started) = mpsc::channel();
        let address = address.to_owned();
        let thread = std::thread::spawn(move || {
            let tokio =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            tokio.block_on(async {
                let client = client(&address, codec).await;
                let options = RuntimeOptions::builder().build().unwrap();
                let runtime = Runtime::from_current_tokio(options).unwrap();
                let options = WorkerOptions::new(queue)
                    .sticky_queue_schedule_to_start_timeout(Duration::from_secs(1))
                    .graceful_shutdown_period(Duration::from_secs(1))
                    .register_workflow::<Vault>()
                    .unwrap()
                    .register_workflow::<Broken>()
                    .unwrap()
                    .register_workflow::<Beating>()
                    .unwrap()
                    .register_workflow::<Sender>()
                    .unwrap()
                    .register_activities(Tools)
                    .build();
                let mut worker = Worker::new(&runtime, client, options).unwrap();
                let stop = worker.shutdown_handle();
                ready.send(Box::new(stop) as Box<dyn Fn() + Send>).unwrap();
                worker.run().await.unwrap();
            });
        });
        Self { stop: Some(started.recv().unwrap()), thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

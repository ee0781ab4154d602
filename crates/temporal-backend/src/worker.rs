//! [`TemporalWorker`]: serves threads from this process, and runs their tools and model calls.
//!
//! A worker owns the queue it polls and the disk it works on: the workspaces, the effect ledger and the blobs of its threads
//! are there. One process at a time serves a queue; the caller sees to that with a lock. Model calls may go to a queue of
//! their own, which any number of workers anywhere poll.

mod error;
mod left;
mod options;
mod promote;

pub use error::WorkerError;
pub use options::{Deployment, Limits, Roles, WorkerOptions};

use crate::{
    AgentWorkflow, Surroundings,
    activities::{Activities, RunningCalls, Services, TaskFiles},
};
use std::{net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};
use temporalio_client::Client;
use temporalio_common::telemetry::{
    PrometheusExporterOptions, TelemetryOptions, metrics::CoreMeter, start_prometheus_metric_exporter,
};
use temporalio_sdk::{Runtime, Worker, runtime::RuntimeOptions};
use tokio::sync::watch;

/// A worker at work. Dropping it begins to stop it; [`TemporalWorker::stop`] waits until it has.
pub struct TemporalWorker {
    stops: Vec<Box<dyn Fn() + Send + Sync>>,
    threads: Vec<JoinHandle<()>>,
    ending: watch::Receiver<Ending>,
    running: Arc<RunningCalls>,
    metrics: Option<SocketAddr>,
    grace: Duration,
}

/// How the pollers of a worker ended.
#[derive(Clone, Debug, Default)]
struct Ending {
    ended: usize,
    error: Option<String>,
}

impl TemporalWorker {
    /// Starts a worker. It polls when this returns, and tells the server of activities that an earlier process left behind.
    ///
    /// # Errors
    /// When the server does not take it. Nothing runs then.
    pub async fn start(
        client: &Client,
        options: WorkerOptions,
        services: Services,
    ) -> Result<Self, WorkerError> {
        let (runtime, metrics) = runtime(options.metrics)?;
        let running = Arc::new(RunningCalls::default());
        let tasks = TaskFiles::new(&options.tasks);
        left::report(client, &tasks).await;
        let activities = Activities::new(services.clone(), Arc::clone(&running), tasks);
        let (sender, ending) = watch::channel(Ending::default());
        let mut worker =
            Self { stops: Vec::new(), threads: Vec::new(), ending, running, metrics, grace: options.grace };
        if let Some(mut owner) = options.threads() {
            let surroundings = surroundings(&services, &worker.running);
            owner
                .register_activities(activities.clone())
                .register_workflow_with_factory(move || AgentWorkflow::within(Arc::clone(&surroundings)))
                .map_err(|error| WorkerError::Refused { message: error.to_string() })?;
            worker.spawn(&runtime, client, owner, sender.clone())?;
        }
        if let Some(mut models) = options.models() {
            models.register_activities(activities);
            worker.spawn(&runtime, client, models, sender)?;
        }
        if let Some(deployment) = &options.deployment
            && let Err(error) = promote::promote(client, deployment).await
        {
            worker.stop().await;
            return Err(error);
        }
        Ok(worker)
    }

    fn spawn(
        &mut self,
        runtime: &Runtime,
        client: &Client,
        options: temporalio_sdk::WorkerOptions,
        ending: watch::Sender<Ending>,
    ) -> Result<(), WorkerError> {
        let name = options.task_queue.clone();
        let mut worker = Worker::new(runtime, client.clone(), options)
            .map_err(|error| WorkerError::Refused { message: error.to_string() })?;
        self.stops.push(Box::new(worker.shutdown_handle()));
        let handle = tokio::runtime::Handle::current();
        // Workflows stay on the thread that polls them.
        let thread = std::thread::Builder::new().name("everturn-worker".into()).spawn(move || {
            let result = handle.block_on(worker.run());
            if let Err(error) = &result {
                tracing::error!(queue = name, %error, "a worker has stopped");
            }
            ending.send_modify(|ending| {
                ending.ended += 1;
                ending.error = ending.error.take().or(result.err().map(|error| error.to_string()));
            });
        });
        self.threads.push(thread.map_err(|error| WorkerError::Refused { message: error.to_string() })?);
        Ok(())
    }

    /// Where its metrics are served, if they are: `http://ADDRESS/metrics`.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// How many tool calls run at the moment.
    pub fn running_calls(&self) -> usize {
        self.running.count()
    }

    /// Waits until it has stopped by itself, which it does only when it cannot go on.
    ///
    /// # Errors
    /// Why.
    pub async fn failed(&self) -> WorkerError {
        let mut ending = self.ending.clone();
        let ended = ending.wait_for(|ending| ending.error.is_some()).await;
        let message = ended.ok().and_then(|ending| ending.error.clone());
        WorkerError::Stopped { message: message.unwrap_or_else(|| "it was told to".into()) }
    }

    /// Stops: no new task is taken; what runs has [`WorkerOptions::grace`] to end, then it is stopped. Threads lose
    /// nothing: the next worker goes on with them.
    pub async fn stop(mut self) {
        self.begin_to_stop();
        let (running, grace) = (Arc::clone(&self.running), self.grace);
        let closing = tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            running.close();
        });
        let threads = std::mem::take(&mut self.threads);
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        if tokio::time::timeout(STOP_PATIENCE, joined).await.is_err() {
            tracing::warn!("the worker does not stop; it is left behind");
        }
        closing.abort();
    }

    /// The same, but what runs is stopped now.
    pub async fn stop_at_once(mut self) {
        self.grace = Duration::ZERO;
        self.stop().await;
    }

    fn begin_to_stop(&self) {
        for stop in &self.stops {
            stop();
        }
    }
}

/// A worker that has not stopped after so long, its grace included, is left behind.
const STOP_PATIENCE: Duration = Duration::from_secs(120);

impl Drop for TemporalWorker {
    fn drop(&mut self) {
        self.begin_to_stop();
    }
}

/// What the workflows of this process hand to it.
fn surroundings(services: &Services, running: &Arc<RunningCalls>) -> Arc<Surroundings> {
    let (tools, running) = (Arc::clone(&services.tools), Arc::clone(running));
    Arc::new(Surroundings {
        conversations: Arc::clone(&services.conversations),
        bus: Arc::clone(&services.bus),
        blobs: Arc::clone(&services.blobs),
        acknowledged: Box::new(move |key, effect| {
            running.acknowledge(key, effect);
            tools.acknowledge(key, effect);
        }),
        chronicle: None,
    })
}

/// The runtime of the SDK over this process's, with metrics where they are wanted.
fn runtime(metrics: Option<SocketAddr>) -> Result<(Runtime, Option<SocketAddr>), WorkerError> {
    let refused = |message: String| WorkerError::Refused { message };
    let telemetry = TelemetryOptions::builder();
    let (telemetry, bound) = match metrics {
        None => (telemetry.build(), None),
        Some(address) => {
            let exporter = PrometheusExporterOptions::builder().socket_addr(address).build();
            let exporter = start_prometheus_metric_exporter(exporter)
                .map_err(|error| WorkerError::Metrics { address, message: error.to_string() })?;
            let meter = Arc::clone(&exporter.meter) as Arc<dyn CoreMeter>;
            (telemetry.metrics(meter).build(), Some(exporter.bound_addr))
        }
    };
    let options = RuntimeOptions::builder().telemetry_options(telemetry).build().map_err(refused)?;
    let runtime = Runtime::from_current_tokio(options).map_err(|error| refused(error.to_string()))?;
    Ok((runtime, bound))
}

//! [`WorkerOptions`]: what a worker serves, and how much of it at once.

use std::{net::SocketAddr, path::PathBuf, time::Duration};
use temporalio_common::worker::{VersioningBehavior, WorkerDeploymentOptions, WorkerDeploymentVersion};
use temporalio_sdk::{
    WorkerOptions as SdkOptions,
    runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
};

/// When the process of a thread dies, its next workflow task waits so long for it.
const STICKY: Duration = Duration::from_secs(1);
/// The server hears at most so often that an activity lives, and so a cancellation is heard within this time.
const BEAT: Duration = Duration::from_millis(250);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The queue of the threads whose workspaces this worker owns.
    pub queue: String,
    /// What it does.
    pub roles: Roles,
    /// Where it notes the activities that run, so that its successor can tell the server that they died. No other process
    /// uses the folder.
    pub tasks: PathBuf,
    /// What it does at once.
    pub limits: Limits,
    /// What runs when it is told to stop has so long to end.
    pub grace: Duration,
    /// Where its metrics are served, for Prometheus.
    pub metrics: Option<SocketAddr>,
    /// Its place in Temporal's worker versioning, which is used only where this is set.
    pub deployment: Option<Deployment>,
}

/// What a worker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roles {
    /// It serves the threads of its queue: their tools, and their model calls.
    All,
    /// It serves the threads of its queue, and asks models also for the threads of others.
    AllAndModelsOf(String),
    /// It serves the threads of its queue, whose model calls are made elsewhere.
    Threads,
    /// It only asks models, for anybody's threads.
    ModelsOf(String),
}

/// How much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tool and model calls.
    pub calls: usize,
    /// Workflow tasks.
    pub tasks: usize,
    /// Threads that are kept in memory. Others are replayed when something happens in them.
    pub threads: usize,
}

/// A version of this program, for Temporal's worker versioning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The deployment's name.
    pub name: String,
    /// The build.
    pub build: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 64, tasks: 32, threads: 1_000 }
    }
}

impl WorkerOptions {
    /// A worker that does everything for the threads of this queue.
    pub fn new(queue: impl Into<String>, tasks: impl Into<PathBuf>) -> Self {
        Self {
            queue: queue.into(),
            roles: Roles::All,
            tasks: tasks.into(),
            limits: Limits::default(),
            grace: Duration::from_secs(10),
            metrics: None,
            deployment: None,
        }
    }

    /// The SDK's options for the worker of threads.
    pub(super) fn threads(&self) -> Option<SdkOptions> {
        match &self.roles {
            Roles::All | Roles::AllAndModelsOf(_) | Roles::Threads => Some(self.common(&self.queue)),
            Roles::ModelsOf(_) => None,
        }
    }

    /// The SDK's options for the worker of model calls, where that is another queue.
    pub(super) fn models(&self) -> Option<SdkOptions> {
        match &self.roles {
            Roles::AllAndModelsOf(queue) if *queue == self.queue => None,
            Roles::AllAndModelsOf(queue) | Roles::ModelsOf(queue) => Some(self.common(queue)),
            Roles::All | Roles::Threads => None,
        }
    }

    fn common(&self, queue: &str) -> SdkOptions {
        let slots = TunerHolder::builder()
            .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(self.limits.tasks))
            .activity_task_slot_supplier(FixedSizeSlotSupplier::new(self.limits.calls))
            .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(self.limits.calls))
            .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
            .build();
        SdkOptions::new(queue)
            .deployment_options(self.deployment())
            .max_cached_workflows(self.limits.threads)
            .tuner(slots)
            .sticky_queue_schedule_to_start_timeout(STICKY)
            .max_heartbeat_throttle_interval(BEAT)
            .default_heartbeat_throttle_interval(BEAT)
            .graceful_shutdown_period(self.grace)
            .build()
    }

    fn deployment(&self) -> WorkerDeploymentOptions {
        match &self.deployment {
            None => WorkerDeploymentOptions::from_build_id(
                concat!("everturn-", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            Some(Deployment { name, build }) => {
                let version =
                    WorkerDeploymentVersion::builder().deployment_name(name).build_id(build).build();
                WorkerDeploymentOptions::new(version)
                    .use_worker_versioning(true)
                    .default_versioning_behavior(VersioningBehavior::AutoUpgrade)
                    .build()
            }
        }
    }
}

//! `everturn worker`: serves threads on Temporal until it is told to stop.

use crate::{
    args::Layers,
    exit::{Exit, Failure},
    host::Host,
    output,
    temporal_site::TemporalSite,
};
use clap::Args;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use temporal_backend::{Deployment, Health, Limits, Roles, Shift, Standing, WorkerOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the server of a data folder is looked after.
const MEND_EVERY: Duration = Duration::from_secs(2);

/// What `--help` says below the options.
const ABOUT: &str = "\
A worker serves the threads of one queue: it runs their tools on this machine and asks their models. The queue of a data \
folder is served by one process at a time; another waits until it goes. `everturn exec --backend temporal` brings a worker \
of its own where none is there, so this command is for threads that go on when every terminal is closed.

SIGTERM and Ctrl-C end it in good order: it takes nothing new, what runs has --grace seconds to end. Threads lose nothing.

Examples:
  everturn worker                                        for this data folder, with its own server
  everturn worker --address temporal.example.com:7233    for threads on another server
  everturn worker --only-models --model-queue models     only ask models, for anybody's threads
  everturn worker --metrics 127.0.0.1:9464 --health 127.0.0.1:9465";

/// The options of `everturn worker`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct WorkerArgs {
    /// Also ask models for the threads that leave their model calls to this queue (config key `temporal.model_queue`).
    #[arg(long, value_name = "QUEUE")]
    model_queue: Option<String>,
    /// Only ask models; run no tools and no threads.
    #[arg(long, requires = "model_queue")]
    only_models: bool,
    /// Run so many tool and model calls at once.
    #[arg(long, value_name = "N", default_value_t = Limits::default().calls, value_parser = positive)]
    max_calls: usize,
    /// Keep so many threads in memory; the others are read again when something happens in them.
    #[arg(long, value_name = "N", default_value_t = Limits::default().threads, value_parser = positive)]
    max_threads: usize,
    /// What runs when the worker is told to stop has so many seconds to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// Serve metrics for Prometheus there, at /metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Tell there, at /health, whether the worker works.
    #[arg(long, value_name = "ADDRESS:PORT")]
    health: Option<SocketAddr>,
    /// Take part in Temporal's worker versioning under this deployment name.
    #[arg(long, value_name = "NAME", requires = "build")]
    deployment: Option<String>,
    /// The build of this worker in its deployment.
    #[arg(long, value_name = "ID", requires = "deployment")]
    build: Option<String>,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("it must be a number".into()),
    }
}

/// Runs the command.
pub(crate) async fn worker(host: &Host, args: WorkerArgs) -> Result<Exit, Failure> {
    // Before anything else: whoever starts it may stop it at once.
    let mut ends = Ends::listen()?;
    host.require_key()?;
    let site = Arc::new(host.temporal_site().await?);
    let options = options(&site, &args);
    let _health = match args.health {
        None => None,
        Some(address) => {
            let page = Health::serve(address, site.client.clone()).await.map_err(|error| {
                Failure::usage(format!("the health page cannot be served on {address}: {error}"))
            })?;
            output::remark(&format!("health: http://{}/health", page.address()));
            Some(page)
        }
    };
    let lock = if args.only_models { site.of_models().1 } else { site.lock() };
    let shift = Shift::begin(site.client.clone(), options, site.services.clone(), &lock)
        .map_err(|error| Failure::new(Exit::Backend, format!("the queue cannot be taken: {error}")))?;
    let exit = serve(&site, &shift, &args, &mut ends).await;
    output::remark("stopping: what runs may end …");
    tokio::select! {
        () = shift.end() => {}
        _ = ends.heard() => output::warn("stopped at once; what ran is found again by the next worker"),
    }
    site.leave();
    exit
}

fn options(site: &TemporalSite, args: &WorkerArgs) -> WorkerOptions {
    let options = site.worker_options();
    let roles = match (&args.model_queue, args.only_models) {
        (None, _) => options.roles.clone(),
        (Some(queue), true) => Roles::ModelsOf(queue.clone()),
        (Some(queue), false) => Roles::AllAndModelsOf(queue.clone()),
    };
    let tasks = if args.only_models { site.of_models().0 } else { options.tasks.clone() };
    WorkerOptions {
        roles,
        tasks,
        limits: Limits { calls: args.max_calls, threads: args.max_threads, ..Limits::default() },
        grace: Duration::from_secs(args.grace),
        metrics: args.metrics,
        deployment: args
            .deployment
            .clone()
            .zip(args.build.clone())
            .map(|(name, build)| Deployment { name, build }),
        ..options
    }
}

/// Says how it stands until it is told to end.
async fn serve(
    site: &TemporalSite,
    shift: &Shift,
    args: &WorkerArgs,
    ends: &mut Ends,
) -> Result<Exit, Failure> {
    let mut standing = shift.watch();
    let mut mending = tokio::time::interval(MEND_EVERY);
    let mut has_served = false;
    loop {
        tokio::select! {
            biased;
            exit = ends.heard() => return Ok(exit),
            _ = standing.changed() => {
                let now = standing.borrow_and_update().clone();
                tell(site, &now, args);
                match now {
                    Standing::Own => has_served = true,
                    // What has worked is begun anew, by the shift; what never did would only fail again.
                    Standing::Failed(why) if has_served => output::warn(&format!("{why}; it begins anew")),
                    Standing::Failed(why) => return Err(Failure::new(Exit::Backend, why.to_string())),
                    Standing::Other | Standing::Unknown => {}
                }
            }
            _ = mending.tick() => site.mend().await,
        }
    }
}

fn tell(site: &TemporalSite, standing: &Standing, args: &WorkerArgs) {
    match standing {
        Standing::Own => {
            let (queue, address) = (&site.queue, &site.address);
            if args.only_models {
                let queue = args.model_queue.as_deref().unwrap_or_default();
                output::remark(&format!("asking models for queue {queue} at {address}"));
            } else {
                output::remark(&format!("serving queue {queue} at {address}"));
            }
            if let Some(metrics) = args.metrics {
                output::remark(&format!("metrics: http://{metrics}/metrics"));
            }
        }
        Standing::Other => output::remark(&format!(
            "queue {} is served by another process of this data folder; waiting until it goes",
            site.queue
        )),
        Standing::Unknown | Standing::Failed(_) => {}
    }
}

/// What ends a worker.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Exit::Failed, format!("signals cannot be listened for: {error}"))
            })
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Told to stop, a worker has done its work.
    async fn heard(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Done,
            _ = self.terminate.recv() => Exit::Done,
        }
    }
}

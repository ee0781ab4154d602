//! [`Shift`]: of the processes of a data folder, one serves its queue at a time.
//!
//! The workspaces, the effect ledger and the blobs are on one disk, and a call that runs can be stopped only by the process
//! that runs it, so there is one. The others are clients, and whichever comes first takes over when it goes.

use crate::{Services, TemporalWorker, WorkerError, WorkerOptions};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use temporalio_client::Client;
use tokio::{sync::watch, task::JoinHandle};

/// How often it is looked whether the one who serves has gone.
const LOOK: Duration = Duration::from_millis(100);
/// After a failure to start it is tried again so much later.
const PAUSE: Duration = Duration::from_secs(1);

/// A process that serves its queue, or is next in line.
#[derive(Debug)]
pub struct Shift {
    state: watch::Receiver<Standing>,
    end: watch::Sender<Option<Ending>>,
    task: JoinHandle<()>,
}

/// How it stands with a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not been seen yet who serves.
    Unknown,
    /// Another process of this folder serves.
    Other,
    /// This one does.
    Own,
    /// This one should, and cannot.
    Failed(Arc<str>),
}

impl Shift {
    /// Takes the queue now, or when whoever serves it goes. `lock` is a file that all processes of the folder name alike.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn begin(
        client: Client,
        options: WorkerOptions,
        services: Services,
        lock: &Path,
    ) -> io::Result<Self> {
        let lock = open(lock)?;
        let (sender, state) = watch::channel(Standing::Unknown);
        let (end, ended) = watch::channel(None);
        let worker = Begun { client, options, services, lock };
        Ok(Self { state, end, task: tokio::spawn(worker.serve(sender, ended)) })
    }

    /// How it stands, and every change of it.
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.state.clone()
    }

    /// How it stands, once that is known.
    pub async fn standing(&self) -> Standing {
        let mut state = self.state.clone();
        let known = state.wait_for(|standing| *standing != Standing::Unknown).await;
        known.map_or(Standing::Unknown, |standing| standing.clone())
    }

    /// Stops serving, or waiting for it. What runs for other threads has the worker's grace to end.
    pub async fn end(self) {
        self.end_in(Ending::GoodOrder).await;
    }

    /// The same, but what runs is stopped at once.
    pub async fn end_at_once(self) {
        self.end_in(Ending::AtOnce).await;
    }

    async fn end_in(self, ending: Ending) {
        self.end.send_replace(Some(ending));
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the worker did not end in good order");
        }
    }
}

/// How a shift is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    GoodOrder,
    AtOnce,
}

struct Begun {
    client: Client,
    options: WorkerOptions,
    services: Services,
    lock: File,
}

impl Begun {
    async fn serve(self, standing: watch::Sender<Standing>, mut ended: watch::Receiver<Option<Ending>>) {
        while ended.borrow().is_none() {
            match self.lock.try_lock() {
                Ok(()) => {
                    let worked = self.work(&standing, &mut ended).await;
                    let _ = self.lock.unlock();
                    match worked {
                        Ok(()) => return,
                        Err(error) => standing.send_replace(Standing::Failed(error.to_string().into())),
                    };
                    pause(PAUSE, &mut ended).await;
                }
                Err(_) => {
                    standing.send_if_modified(|standing| {
                        std::mem::replace(standing, Standing::Other) != Standing::Other
                    });
                    pause(LOOK, &mut ended).await;
                }
            }
        }
    }

    /// Serves until it is told to end, or cannot go on.
    async fn work(
        &self,
        standing: &watch::Sender<Standing>,
        ended: &mut watch::Receiver<Option<Ending>>,
    ) -> Result<(), WorkerError> {
        let worker = TemporalWorker::start(&self.client, self.options.clone(), self.services.clone()).await?;
        standing.send_replace(Standing::Own);
        let failed = tokio::select! {
            biased;
            _ = ended.wait_for(Option::is_some) => None,
            error = worker.failed() => Some(error),
        };
        let ending = *ended.borrow();
        match ending {
            Some(Ending::AtOnce) => worker.stop_at_once().await,
            Some(Ending::GoodOrder) | None => worker.stop().await,
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Whether a process serves its queue, or begins to, under this lock.
pub(crate) fn is_taken(lock: &Path) -> io::Result<bool> {
    let file = match File::open(lock) {
        Ok(file) => file,
        // Nobody ever did.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // Shared, so that those who look do not get into each other's way.
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

async fn pause(time: Duration, ended: &mut watch::Receiver<Option<Ending>>) {
    // Told to end, or time is up: whoever waits looks again.
    let _ = tokio::time::timeout(time, ended.wait_for(Option::is_some)).await;
}

fn open(lock: &Path) -> io::Result<File> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", PathBuf::from(lock).display()))
    };
    if let Some(folder) = lock.parent() {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    OpenOptions::new().create(true).write(true).truncate(false).open(lock).map_err(named)
}

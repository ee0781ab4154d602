//! The task that serves a thread, and how it ended.

use crate::{LocalError, LocalInbox, Services, ThreadStore};
use agent_core::{Entropy, EventSink, Exit, Ports, RunError, SessionError, StartUp, Thread, run_thread};
use sink::{Channel, Tee};
use std::sync::Arc;
use tokio::{sync::watch, task::AbortHandle};

/// How a driver ended, if it has.
#[derive(Clone, Debug, Default)]
pub(crate) enum Ending {
    #[default]
    Running,
    Exited(Exit),
    Failed(Arc<RunError>),
    /// It was stopped from outside, or panicked.
    Stopped,
}

impl Ending {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }

    /// What a client is told who wanted something of the thread.
    pub(crate) fn error(&self) -> Option<SessionError> {
        match self {
            Self::Running | Self::Exited(_) => None,
            Self::Failed(error) => Some(SessionError::Unavailable {
                message: error.to_string(),
                source: Some(Box::new(Arc::clone(error))),
            }),
            Self::Stopped => {
                Some(SessionError::Unavailable { message: LocalError::Stopped.to_string(), source: None })
            }
        }
    }
}

/// All that serving a thread takes.
pub(crate) struct Driver {
    pub(crate) store: ThreadStore,
    pub(crate) thread: Thread,
    pub(crate) start_up: StartUp,
    pub(crate) services: Services,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) inbox: Arc<LocalInbox>,
    pub(crate) channel: Arc<Channel>,
}

/// A driver at work.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) ending: watch::Receiver<Ending>,
    pub(crate) task: AbortHandle,
}

impl Driver {
    /// Serves the thread in a task of its own.
    pub(crate) fn spawn(self) -> Served {
        let (sender, ending) = watch::channel(Ending::Running);
        let task = tokio::spawn(self.serve(sender)).abort_handle();
        Served { ending, task }
    }

    async fn serve(self, ending: watch::Sender<Ending>) {
        let Self { store, mut thread, start_up, services, entropy, inbox, channel } = self;
        // The first local is dropped last: however this task ends, the lease is back before anybody hears of it.
        let announcement = Announcement { ending, inbox: Arc::clone(&inbox) };
        let store = store;
        let sink = Tee::new([channel as Arc<dyn EventSink>].into_iter().chain(services.sink));
        let ports = Ports {
            model: &*services.model,
            tools: &*services.tools,
            workspace: &*services.workspace,
            sink: &sink,
            storage: &store,
            inbox: &*inbox,
            entropy: &*entropy,
            redactor: &services.redactor,
        };
        let result = run_thread(&mut thread, start_up, ports).await;
        drop(store);
        announcement.ending.send_replace(match result {
            Ok(exit) => Ending::Exited(exit),
            Err(error) => Ending::Failed(Arc::new(error)),
        });
    }
}

/// Tells that the driver has ended, in whatever way.
struct Announcement {
    ending: watch::Sender<Ending>,
    inbox: Arc<LocalInbox>,
}

impl Drop for Announcement {
    fn drop(&mut self) {
        self.ending.send_if_modified(|ending| {
            let stopped = ending.is_running();
            if stopped {
                *ending = Ending::Stopped;
            }
            stopped
        });
        self.inbox.abandon();
    }
}

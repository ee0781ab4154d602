//! [`Running`]: the calls that run on a server, so that what the server says in between finds its call.

use agent_core::Elicitation;
use rmcp::{
    ServiceError,
    model::{CallToolResult, ElicitResult, ElicitationAction, NumberOrString, ProgressToken, RequestId},
};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// What may wait until a call's owner looks.
pub(super) const HAPPENINGS: usize = 32;
/// How much is kept of a line that is no message, in characters.
const SAMPLE_CHARS: usize = 120;

/// The calls that run on a server.
#[derive(Debug, Default)]
pub(super) struct Running {
    calls: Mutex<Vec<Entry>>,
    /// The first line that was no message.
    noise: Mutex<Option<String>>,
    /// The server says that its tools have changed.
    changed: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    id: RequestId,
    token: ProgressToken,
    happenings: mpsc::Sender<Happening>,
}

/// What happens to a call.
#[derive(Debug)]
pub(super) enum Happening {
    /// The server says how far it is.
    Progress(String),
    /// The server wants an answer of the user, and waits for it.
    Asks { elicitation: Elicitation, reply: oneshot::Sender<ElicitResult> },
    /// The answer had so many bytes, and was not taken.
    TooLong { bytes: usize },
    /// It has ended.
    Ended(Result<CallToolResult, ServiceError>),
}

/// A call that runs. Dropped, it does not.
pub(super) struct Registered<'a> {
    running: &'a Running,
    id: RequestId,
}

/// Which call a server's question belongs to.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// That of this request.
    Request(RequestId),
    /// The protocol does not say.
    Unknown,
}

impl Running {
    pub(super) fn register(
        &self,
        id: RequestId,
        token: ProgressToken,
        happenings: mpsc::Sender<Happening>,
    ) -> Registered<'_> {
        self.calls().push(Entry { id: id.clone(), token, happenings });
        Registered { running: self, id }
    }

    /// How far a call is.
    pub(super) fn progress(&self, token: &ProgressToken, message: String) {
        if let Some(entry) = self.calls().iter().find(|entry| entry.token == *token) {
            // Progress that nobody looks at in time is of no use later.
            let _ = entry.happenings.try_send(Happening::Progress(message));
        }
    }

    /// Hands a question to the call it belongs to. The answer comes through the receiver; `Err` says why nobody can be asked.
    pub(super) fn ask(
        &self,
        origin: &Origin,
        elicitation: Elicitation,
    ) -> Result<oneshot::Receiver<ElicitResult>, &'static str> {
        let calls = self.calls();
        let entry = match (origin, calls.as_slice()) {
            (Origin::Request(id), calls) => {
                calls.iter().find(|entry| entry.id == *id).ok_or("it belongs to no call that runs")?
            }
            (Origin::Unknown, [only]) => only,
            (Origin::Unknown, []) => return Err("no call runs that it could belong to"),
            (Origin::Unknown, _) => return Err("several calls run, and it does not say to which it belongs"),
        };
        let (reply, answer) = oneshot::channel();
        let asks = Happening::Asks { elicitation, reply };
        entry.happenings.try_send(asks).map_err(|_| "its call has too much else to say")?;
        Ok(answer)
    }

    /// An answer was too long to be taken; it names its request or not.
    pub(super) fn too_long(&self, bytes: usize, request: Option<i64>) {
        let calls = self.calls();
        let named = request.and_then(|id| calls.iter().find(|entry| entry.id == NumberOrString::Number(id)));
        let entry = match (named, calls.as_slice()) {
            (Some(entry), _) => Some(entry),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        if let Some(entry) = entry {
            let _ = entry.happenings.try_send(Happening::TooLong { bytes });
        }
    }

    /// A line was no message.
    pub(super) fn no_message(&self, line: &str) {
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        noise.get_or_insert_with(|| line.trim().chars().take(SAMPLE_CHARS).collect());
    }

    /// The first line that was no message.
    pub(super) fn noise(&self) -> Option<String> {
        self.noise.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tools_changed(&self) {
        self.changed.store(true, Ordering::Release);
    }

    /// Whether the tools have changed since this was asked last.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls().is_empty()
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.running.calls().retain(|entry| entry.id != self.id);
    }
}

/// The answer to a question that nobody is asked.
pub(super) fn nobody(action: ElicitationAction) -> ElicitResult {
    ElicitResult::new(action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn elicitation() -> Elicitation {
        Elicitation { server: "s".into(), message: "?".into(), schema: Value::Null, url: None }
    }

    fn number(number: i64) -> NumberOrString {
        NumberOrString::Number(number)
    }

    #[test]
    fn a_question_goes_to_its_call_and_to_no_other() {
        let running = Running::default();
        let (first, mut heard) = mpsc::channel(4);
        let (second, mut other) = mpsc::channel(4);
        let one = running.register(number(1), ProgressToken(number(1)), first);
        assert!(running.ask(&Origin::Unknown, elicitation()).is_ok());
        assert!(matches!(heard.try_recv(), Ok(Happening::Asks { .. })));

        let two = running.register(number(2), ProgressToken(number(2)), second);
        assert!(running.ask(&Origin::Unknown, elicitation()).is_err());
        assert!(running.ask(&Origin::Request(number(2)), elicitation()).is_ok());
        assert!(matches!(other.try_recv(), Ok(Happening::Asks { .. })));
        assert!(heard.try_recv().is_err());

        drop((one, two));
        assert!(running.is_empty());
        assert!(running.ask(&Origin::Unknown, elicitation()).is_err());
    }
}

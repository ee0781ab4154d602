//! [`Outbox`]: signals on their way out, bounded in number and in bytes.

use super::wire::{self, WireError};
use crate::Signal;
use agent_core::ThreadKey;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot};

/// Signals that wait to be sent; one more piece is dropped.
const MAX_WAITING_SIGNALS: usize = 1024;

/// Wake-ups are short, and worth more than pieces: so many more may wait.
const MORE_WAITING_WAKES: usize = 1024;

/// What they may have together.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Threads whose last wake-up is kept while the bus is away.
const MAX_KEPT_WAKES: usize = 1024;

/// Takes signals from any thread without waiting, and hands them out in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
}

/// One thing to do on the connection.
#[derive(Debug)]
pub(super) enum Parcel {
    Letter(Letter),
    /// Says when all before it is on its way.
    Flush(oneshot::Sender<()>),
}

/// A signal as it goes out.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) key: ThreadKey,
    pub(super) payload: Bytes,
    /// The event of a wake-up.
    wake: Option<u64>,
}

/// Why a signal was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Dropped {
    #[error("too many signals wait to be sent: the bus is slower than what is said")]
    Full,
    #[error("a signal cannot be sent: {0}")]
    Wire(#[from] WireError),
}

#[derive(Debug, Default)]
struct State {
    gate: Gate,
    queue: VecDeque<Parcel>,
    bytes: usize,
}

/// Whether signals may go out.
#[derive(Debug)]
enum Gate {
    Open,
    /// The bus is away. Pieces are worth nothing later; of wake-ups the last of each thread is kept.
    Shut {
        wakes: BTreeMap<ThreadKey, u64>,
    },
}

impl Default for Gate {
    fn default() -> Self {
        Self::Shut { wakes: BTreeMap::new() }
    }
}

impl Outbox {
    /// Takes a signal. While the gate is shut a piece goes nowhere, which is no error.
    pub(super) fn push(&self, key: &ThreadKey, signal: &Signal) -> Result<(), Dropped> {
        if self.state().takes_while_shut(key, signal) {
            return Ok(());
        }
        // Encoded here, without the lock: only bytes can be counted.
        let letter = Letter::new(key.clone(), signal)?;
        let mut state = self.state();
        if state.takes_while_shut(key, signal) {
            return Ok(());
        }
        let most = match signal {
            Signal::Wake { .. } => MAX_WAITING_SIGNALS + MORE_WAITING_WAKES,
            Signal::Live { .. } => MAX_WAITING_SIGNALS,
        };
        if state.queue.len() >= most || state.bytes + letter.payload.len() > MAX_WAITING_BYTES {
            return Err(Dropped::Full);
        }
        state.add(letter);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// The bus is there: what was kept goes out, then what comes.
    pub(super) fn open(&self) {
        let mut state = self.state();
        let Gate::Shut { wakes } = std::mem::replace(&mut state.gate, Gate::Open) else { return };
        for (key, seq) in wakes {
            // Never too long: it is a number.
            if let Ok(letter) = Letter::new(key, &Signal::Wake { seq }) {
                state.add(letter);
            }
        }
        drop(state);
        self.filled.notify_one();
    }

    /// The bus is away: pieces that wait are let go.
    pub(super) fn shut(&self) {
        let mut state = self.state();
        if let Gate::Shut { .. } = state.gate {
            return;
        }
        let State { queue, .. } = std::mem::take(&mut *state);
        for parcel in queue {
            if let Parcel::Letter(Letter { key, wake: Some(seq), .. }) = parcel {
                state.takes_while_shut(&key, &Signal::Wake { seq });
            }
        }
    }

    /// Resolves once everything pushed before is with the connection, or at once while the gate is shut.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let mut state = self.state();
        if let Gate::Open = state.gate {
            state.queue.push_back(Parcel::Flush(done));
            drop(state);
            self.filled.notify_one();
        }
        receiver
    }

    /// Waits for the next parcel. For one task; dropping the future loses nothing.
    pub(super) async fn next(&self) -> Parcel {
        loop {
            if let Some(parcel) = self.state().pop() {
                return parcel;
            }
            self.filled.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the gate is shut, and the signal seen to.
    fn takes_while_shut(&mut self, key: &ThreadKey, signal: &Signal) -> bool {
        let Gate::Shut { wakes } = &mut self.gate else { return false };
        if let Signal::Wake { seq } = signal {
            if let Some(kept) = wakes.get_mut(key) {
                *kept = (*kept).max(*seq);
            } else if wakes.len() < MAX_KEPT_WAKES {
                wakes.insert(key.clone(), *seq);
            }
        }
        true
    }

    fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        if let Parcel::Letter(letter) = &parcel {
            self.bytes = self.bytes.saturating_sub(letter.payload.len());
        }
        Some(parcel)
    }

    fn add(&mut self, letter: Letter) {
        self.bytes += letter.payload.len();
        self.queue.push_back(Parcel::Letter(letter));
    }
}

impl Letter {
    fn new(key: ThreadKey, signal: &Signal) -> Result<Self, WireError> {
        let wake = match signal {
            Signal::Wake { seq } => Some(*seq),
            Signal::Live { .. } => None,
        };
        Ok(Self { key, payload: wire::encode(signal)?, wake })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{ItemId, Live, LiveKind, TurnId};
    use futures::FutureExt;
    use std::sync::Arc;

    fn key(thread: &str) -> ThreadKey {
        ThreadKey::for_test(thread)
    }

    fn piece(text: &str) -> Signal {
        let kind = LiveKind::Message(text.into());
        let live = Live { turn: TurnId(1), item: ItemId::new("item"), attempt: 1, kind };
        Signal::Live { after: 0, live: Arc::new(live) }
    }

    /// What would go out now.
    fn waiting(outbox: &Outbox) -> Vec<(ThreadKey, Signal)> {
        let mut letters = Vec::new();
        while let Some(parcel) = outbox.next().now_or_never() {
            match parcel {
                Parcel::Letter(letter) => letters.push((letter.key, wire::decode(&letter.payload).unwrap())),
                Parcel::Flush(done) => done.send(()).unwrap(),
            }
        }
        letters
    }

    #[test]
    fn signals_go_out_in_the_order_they_came() {
        let outbox = Outbox::default();
        outbox.open();
        let signals = [piece("a"), Signal::Wake { seq: 1 }, piece("b")];
        for signal in &signals {
            outbox.push(&key("t"), signal).unwrap();
        }
        let mut flushed = outbox.flush();
        assert_eq!(waiting(&outbox), signals.map(|signal| (key("t"), signal)));
        assert_eq!(flushed.try_recv(), Ok(()));
    }

    #[test]
    fn while_the_bus_is_away_only_the_last_wake_up_of_each_thread_is_kept() {
        let outbox = Outbox::default();
        outbox.open();
        for signal in [piece("waits"), Signal::Wake { seq: 4 }] {
            outbox.push(&key("a"), &signal).unwrap();
        }
        outbox.shut();
        outbox.push(&key("a"), &Signal::Wake { seq: 6 }).unwrap();
        outbox.push(&key("a"), &Signal::Wake { seq: 5 }).unwrap();
        outbox.push(&key("a"), &piece("unheard")).unwrap();
        outbox.push(&key("b"), &Signal::Wake { seq: 1 }).unwrap();
        assert_eq!(waiting(&outbox), []);
        assert!(outbox.flush().try_recv().is_err(), "nothing to wait for");
        outbox.open();
        outbox.push(&key("a"), &piece("again")).unwrap();
        let kept = [
            (key("a"), Signal::Wake { seq: 6 }),
            (key("b"), Signal::Wake { seq: 1 }),
            (key("a"), piece("again")),
        ];
        assert_eq!(waiting(&outbox), kept);
    }

    #[test]
    fn a_full_outbox_drops_pieces_first_and_then_wake_ups() {
        let outbox = Outbox::default();
        outbox.open();
        for _ in 0..MAX_WAITING_SIGNALS {
            outbox.push(&key("t"), &piece("a")).unwrap();
        }
        assert_eq!(outbox.push(&key("t"), &piece("a")), Err(Dropped::Full));
        for seq in 0..MORE_WAITING_WAKES {
            outbox.push(&key("t"), &Signal::Wake { seq: seq as u64 }).unwrap();
        }
        assert_eq!(outbox.push(&key("t"), &Signal::Wake { seq: 9 }), Err(Dropped::Full));
        assert_eq!(waiting(&outbox).len(), MAX_WAITING_SIGNALS + MORE_WAITING_WAKES);
        outbox.push(&key("t"), &piece("a")).unwrap();
    }

    #[test]
    fn an_outbox_is_bounded_in_bytes_and_counts_what_left() {
        let outbox = Outbox::default();
        outbox.open();
        let long = piece(&"x".repeat(100_000));
        let most = MAX_WAITING_BYTES / wire::encode(&long).unwrap().len();
        for _ in 0..2 {
            let taken = (0..1_000).take_while(|_| outbox.push(&key("t"), &long).is_ok()).count();
            assert_eq!(taken, most);
            assert_eq!(waiting(&outbox).len(), most);
        }
    }

    #[test]
    fn a_signal_that_is_too_long_is_refused() {
        let outbox = Outbox::default();
        outbox.open();
        let error = outbox.push(&key("t"), &piece(&"x".repeat(wire::MAX_SIGNAL_BYTES))).unwrap_err();
        assert!(matches!(error, Dropped::Wire(WireError::TooLong { .. })), "{error}");
        assert_eq!(waiting(&outbox), []);
    }

    #[test]
    fn wake_ups_are_kept_for_so_many_threads() {
        let outbox = Outbox::default();
        for thread in 0..MAX_KEPT_WAKES + 5 {
            outbox.push(&key(&thread.to_string()), &Signal::Wake { seq: 1 }).unwrap();
        }
        outbox.open();
        assert_eq!(waiting(&outbox).len(), MAX_KEPT_WAKES);
    }
}

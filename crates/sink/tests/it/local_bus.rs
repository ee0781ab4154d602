//! The bus within a process, and what every bus has in common.

use crate::{events, key, live};
use agent_core::{EventSink, Tenant, ThreadId, ThreadKey};
use futures::{FutureExt, executor::block_on};
use sink::{Bus, BusEar, BusHeard, BusSink, LocalBus, Signal, Standing};
use std::{sync::Arc, thread};

pub(crate) fn piece(after: u64, text: &str) -> Signal {
    Signal::Live { after, live: Arc::new(live(text)) }
}

fn wake(seq: u64) -> BusHeard {
    BusHeard::Signal(Signal::Wake { seq })
}

/// What the ear has to say now.
fn heard(ear: &mut BusEar) -> Vec<BusHeard> {
    std::iter::from_fn(|| ear.hear().now_or_never()).take_while(|heard| *heard != BusHeard::Closed).collect()
}

#[test]
fn every_ear_hears_everything_in_order() {
    let bus = LocalBus::default();
    let mut ears = [bus.subscribe(&key()), bus.subscribe(&key())];
    for signal in [piece(0, "a"), piece(0, "b"), Signal::Wake { seq: 2 }, piece(2, "c")] {
        bus.publish(&key(), signal);
    }
    for ear in &mut ears {
        let signals = [piece(0, "a"), piece(0, "b"), Signal::Wake { seq: 2 }, piece(2, "c")];
        assert_eq!(heard(ear), signals.map(BusHeard::Signal));
    }
    assert_eq!(bus.standing(), Standing::Up);
}

#[test]
fn an_ear_hears_its_own_thread_only_and_nothing_of_before() {
    let of =
        |tenant: &str, thread: &str| ThreadKey { tenant: Tenant::new(tenant), thread: ThreadId::new(thread) };
    let bus = LocalBus::default();
    bus.publish(&of("a", "t"), Signal::Wake { seq: 1 });
    let mut ear = bus.subscribe(&of("a", "t"));
    bus.publish(&of("b", "t"), Signal::Wake { seq: 2 });
    bus.publish(&of("a", "u"), Signal::Wake { seq: 3 });
    bus.publish(&of("a", "t"), Signal::Wake { seq: 4 });
    assert_eq!(heard(&mut ear), [wake(4)]);
}

#[test]
fn a_slow_ear_is_told_that_it_lagged_and_the_others_are_not() {
    let bus = LocalBus::new(4);
    let (mut slow, mut quick) = (bus.subscribe(&key()), bus.subscribe(&key()));
    for seq in 1..=100 {
        bus.publish(&key(), Signal::Wake { seq });
        assert_eq!(heard(&mut quick), [wake(seq)]);
    }
    assert_eq!(heard(&mut slow), [BusHeard::Lagged, wake(97), wake(98), wake(99), wake(100)]);
}

#[test]
fn a_thread_that_nobody_listens_to_is_forgotten() {
    let bus = LocalBus::default();
    assert_eq!(bus.threads_heard(), 0);
    for thread in 0..1_000 {
        bus.publish(&ThreadKey::for_test(&thread.to_string()), Signal::Wake { seq: 1 });
    }
    assert_eq!(bus.threads_heard(), 0);
    let (first, second) = (bus.subscribe(&key()), bus.subscribe(&key()));
    let other = bus.subscribe(&ThreadKey::for_test("other"));
    assert_eq!(bus.threads_heard(), 2);
    drop(first);
    assert_eq!(bus.threads_heard(), 2);
    drop((second, other));
    assert_eq!(bus.threads_heard(), 0);
}

#[test]
fn an_ear_hears_the_rest_and_then_that_the_bus_is_gone() {
    let bus = LocalBus::default();
    let mut ear = bus.subscribe(&key());
    bus.publish(&key(), Signal::Wake { seq: 1 });
    drop(bus);
    assert_eq!(
        [block_on(ear.hear()), block_on(ear.hear()), block_on(ear.hear())],
        [wake(1), BusHeard::Closed, BusHeard::Closed]
    );
}

#[test]
fn signals_cross_threads_without_a_runtime() {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
    let mut ear = bus.subscribe(&key());
    let publisher =
        thread::spawn(move || (1..=100).for_each(|seq| bus.publish(&key(), Signal::Wake { seq })));
    let heard: Vec<BusHeard> = (1..=100).map(|_| block_on(ear.hear())).collect();
    publisher.join().unwrap();
    assert_eq!(heard, (1..=100).map(wake).collect::<Vec<_>>());
}

#[test]
fn a_sink_wakes_with_the_last_event_and_dates_pieces_by_it() {
    let bus = Arc::new(LocalBus::default());
    let mut ear = bus.subscribe(&key());
    let sink = BusSink::new(bus, 4);
    sink.live(&key(), &live("before"));
    block_on(sink.publish(&key(), &events([5, 6]))).unwrap();
    block_on(sink.publish(&key(), &[])).unwrap();
    sink.live(&key(), &live("after"));
    assert_eq!(
        heard(&mut ear),
        [piece(4, "before"), Signal::Wake { seq: 6 }, piece(6, "after")].map(BusHeard::Signal)
    );
}

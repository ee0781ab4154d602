//! The bus between machines, over a real server.

use crate::{key, live, local_bus::piece, nats_server::NatsServer};
use agent_core::{Tenant, ThreadId, ThreadKey};
use sink::{Bus, BusEar, BusHeard, NatsBus, NatsOptions, Signal, Standing};
use std::{
    env,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

/// For anything to happen, on a machine with much else to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn bus(url: &str) -> NatsBus {
    NatsBus::connect(NatsOptions::parse(url).unwrap()).await.unwrap()
}

pub(crate) async fn hear(ear: &mut BusEar) -> BusHeard {
    tokio::time::timeout(LIMIT, ear.hear()).await.expect("nothing is heard")
}

/// Ears that hear other processes from now on.
pub(crate) async fn listening(bus: &NatsBus, key: &ThreadKey) -> BusEar {
    let mut ear = bus.subscribe(key);
    assert_eq!(hear(&mut ear).await, BusHeard::Lagged);
    ear
}

async fn until(ear: &mut BusEar, last: &BusHeard) -> Vec<BusHeard> {
    let mut all = Vec::new();
    while all.last() != Some(last) {
        all.push(hear(ear).await);
    }
    all
}

fn wake(seq: u64) -> BusHeard {
    BusHeard::Signal(Signal::Wake { seq })
}

fn away(heard: &BusHeard) -> &str {
    match heard {
        BusHeard::Away { why } => why,
        other => panic!("{other:?}"),
    }
}

const OTHER_PROCESS: &str = "EVERTURN_TEST_OTHER_PROCESS";

/// Says back what it hears.
#[tokio::test]
#[ignore = "the other process of two_processes_hear_each_other"]
async fn other_process() {
    let Ok(url) = env::var(OTHER_PROCESS) else { return };
    let (ask, answer) = (ThreadKey::for_test("ask"), ThreadKey::for_test("answer"));
    let bus = bus(&url).await;
    let mut ear = listening(&bus, &ask).await;
    bus.publish(&answer, Signal::Wake { seq: 1 });
    loop {
        let BusHeard::Signal(signal) = hear(&mut ear).await else { continue };
        bus.publish(&answer, signal.clone());
        if signal == (Signal::Wake { seq: 7 }) {
            break bus.flush(LIMIT).await;
        }
    }
}

#[tokio::test]
async fn two_processes_hear_each_other() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let bus = bus(&server.url()).await;
    let mut ear = listening(&bus, &ThreadKey::for_test("answer")).await;
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "nats_bus::other_process", "--ignored"])
        .env(OTHER_PROCESS, server.url())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(hear(&mut ear).await, wake(1));
    let signals = [piece(3, "Good "), piece(3, "morning"), Signal::Wake { seq: 7 }];
    for signal in signals.clone() {
        bus.publish(&ThreadKey::for_test("ask"), signal);
    }
    assert_eq!(until(&mut ear, &wake(7)).await, signals.map(BusHeard::Signal));
    assert!(other.wait().unwrap().success());
}

#[tokio::test]
async fn a_long_stream_keeps_its_order() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (worker, client) = (bus(&server.url()).await, bus(&server.url()).await);
    let mut ear = listening(&client, &key()).await;
    for seq in 1..=500 {
        worker.publish(&key(), piece(seq, &seq.to_string()));
        worker.publish(&key(), Signal::Wake { seq });
        if seq % 100 == 0 {
            worker.flush(LIMIT).await;
            for seq in seq - 99..=seq {
                assert_eq!(hear(&mut ear).await, BusHeard::Signal(piece(seq, &seq.to_string())));
                assert_eq!(hear(&mut ear).await, wake(seq));
            }
        }
    }
}

#[tokio::test]
async fn ears_of_this_process_hear_once_and_at_once() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (here, there) = (bus(&server.url()).await, bus(&server.url()).await);
    let (mut ear, mut other) = (listening(&here, &key()).await, listening(&there, &key()).await);
    here.publish(&key(), Signal::Wake { seq: 1 });
    // The other bus answers what came over the server, so whatever echo there might be is here before its answer.
    assert_eq!(hear(&mut other).await, wake(1));
    there.publish(&key(), Signal::Wake { seq: 2 });
    assert_eq!([hear(&mut ear).await, hear(&mut ear).await], [wake(1), wake(2)]);
}

#[tokio::test]
async fn threads_and_tenants_are_apart_whatever_their_names() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (worker, client) = (bus(&server.url()).await, bus(&server.url()).await);
    let of =
        |tenant: &str, thread: &str| ThreadKey { tenant: Tenant::new(tenant), thread: ThreadId::new(thread) };
    let keys =
        [of("a", "t"), of("b", "t"), of("a", "T"), of("*", "*"), of("a", ">"), of("", ""), of("a.t", "x y")];
    let mut ears = Vec::new();
    for key in &keys {
        ears.push(listening(&client, key).await);
    }
    for (seq, key) in (1..).zip(&keys) {
        worker.publish(key, Signal::Wake { seq });
    }
    for key in &keys {
        worker.publish(key, Signal::Wake { seq: 99 });
    }
    for (seq, ear) in (1..).zip(&mut ears) {
        assert_eq!([hear(ear).await, hear(ear).await], [wake(seq), wake(99)]);
    }
    drop(ears);
    assert_eq!(client.threads_heard(), 0);
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_told_and_heals() {
    let Some(mut server) = NatsServer::start(&[]) else { return };
    let (worker, client) = (bus(&server.url()).await, bus(&server.url()).await);
    let (mut ear, mut at_worker) = (listening(&client, &key()).await, listening(&worker, &key()).await);
    worker.publish(&key(), piece(1, "before"));
    assert_eq!(hear(&mut ear).await, BusHeard::Signal(piece(1, "before")));
    server.kill();
    let told = hear(&mut ear).await;
    assert!(away(&told).starts_with(&format!("the bus {} is away: ", server.url())), "{told:?}");
    assert!(matches!(client.standing(), Standing::Away { .. }));
    // An ear that comes now is told at once.
    away(&hear(&mut client.subscribe(&ThreadKey::for_test("late"))).await);
    assert_eq!(hear(&mut at_worker).await, BusHeard::Signal(piece(1, "before")));
    away(&hear(&mut at_worker).await);
    // Within the process it is still heard.
    worker.publish(&key(), piece(1, "unheard"));
    assert_eq!(hear(&mut at_worker).await, BusHeard::Signal(piece(1, "unheard")));
    worker.publish(&key(), Signal::Wake { seq: 2 });
    server.restart();
    assert_eq!([hear(&mut at_worker).await, hear(&mut at_worker).await], [wake(2), BusHeard::Back]);
    let mut heard = until(&mut ear, &BusHeard::Back).await;
    worker.publish(&key(), piece(2, "after"));
    heard.extend(until(&mut ear, &BusHeard::Signal(piece(2, "after"))).await);
    // The wake-up that was kept comes if the client was back before the worker.
    heard.retain(|heard| *heard != wake(2));
    assert_eq!(heard, [BusHeard::Back, BusHeard::Signal(piece(2, "after"))]);
    assert_eq!((client.standing(), worker.standing()), (Standing::Up, Standing::Up));
}

#[tokio::test]
async fn a_bus_that_is_away_at_the_start_is_told_and_tried_again() {
    let Some(mut server) = NatsServer::start(&[]) else { return };
    server.kill();
    let client = bus(&server.url()).await;
    let mut ear = client.subscribe(&key());
    let told = hear(&mut ear).await;
    assert!(away(&told).contains("no NATS server can be talked to there"), "{told:?}");
    assert!(away(&told).contains("refused"), "{told:?}");
    server.restart();
    let mut heard = vec![hear(&mut ear).await, hear(&mut ear).await];
    // Which comes first is open: the bus is back, and the subscription is made.
    heard.sort_by_key(|heard| *heard != BusHeard::Back);
    assert_eq!(heard, [BusHeard::Back, BusHeard::Lagged]);
    let worker = bus(&server.url()).await;
    worker.publish(&key(), Signal::Wake { seq: 1 });
    assert_eq!(hear(&mut ear).await, wake(1));
}

#[tokio::test]
async fn of_several_servers_one_that_is_there_is_taken() {
    let (Some(mut gone), Some(server)) = (NatsServer::start(&[]), NatsServer::start(&[])) else { return };
    gone.kill();
    let bus = bus(&format!("{},{}", gone.url(), server.url())).await;
    assert_eq!(bus.standing(), Standing::Up);
}

#[tokio::test]
async fn a_slow_ear_lags_and_nobody_waits_for_it() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (worker, client) = (bus(&server.url()).await, bus(&server.url()).await);
    let (mut slow, mut quick) =
        (listening(&client, &key()).await, listening(&client, &ThreadKey::for_test("q")).await);
    for seq in 1..=20 {
        for _ in 0..100 {
            worker.publish(&key(), piece(seq, "a piece"));
        }
        worker.publish(&ThreadKey::for_test("q"), Signal::Wake { seq });
        assert_eq!(hear(&mut quick).await, wake(seq));
    }
    worker.publish(&key(), Signal::Wake { seq: 21 });
    worker.publish(&ThreadKey::for_test("q"), Signal::Wake { seq: 21 });
    assert_eq!(hear(&mut quick).await, wake(21));
    let heard = until(&mut slow, &wake(21)).await;
    assert_eq!(heard[0], BusHeard::Lagged);
    assert!(heard.len() < 600, "{} signals waited", heard.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stuck_blocks_no_publisher() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let worker = Arc::new(bus(&server.url()).await);
    let client = bus(&server.url()).await;
    let mut ear = listening(&client, &key()).await;
    server.signal("STOP");
    let publisher = thread::spawn({
        let (worker, long) = (worker.clone(), live(&"x".repeat(10_000)));
        // Far more than fits into the outbox and the buffers of the sockets, from a thread without a runtime.
        move || {
            for _ in 0..10_000 {
                worker.publish(&key(), Signal::Live { after: 1, live: Arc::new(long.clone()) });
            }
        }
    });
    publisher.join().unwrap();
    server.signal("CONT");
    // What fits is sent, or the connection is made anew; either way the bus goes on by itself.
    let healed = async {
        loop {
            worker.publish(&key(), Signal::Wake { seq: 5 });
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(20), ear.hear()).await
                && heard == wake(5)
            {
                break;
            }
        }
    };
    tokio::time::timeout(LIMIT, healed).await.expect("the bus does not heal");
}

#[tokio::test]
async fn an_ear_hears_the_end_of_its_bus() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let bus = bus(&server.url()).await;
    let mut ear = listening(&bus, &key()).await;
    assert_eq!(format!("{bus:?}"), format!("NatsBus({})", server.url()));
    bus.publish(&key(), Signal::Wake { seq: 1 });
    drop(bus);
    assert_eq!(
        [hear(&mut ear).await, hear(&mut ear).await, hear(&mut ear).await],
        [wake(1), BusHeard::Closed, BusHeard::Closed]
    );
}

//! How long a live piece is on its way, from `publish` to `hear`.
//!
//! ```sh
//! cargo run -p sink --example bus_latency                            # within the process
//! cargo run -p sink --example bus_latency -- nats://127.0.0.1:4222   # and over a server, on two connections
//! ```

use agent_core::{ItemId, Live, LiveKind, Tenant, ThreadId, ThreadKey, TurnId};
use sink::{Bus, BusHeard, LocalBus, NatsBus, NatsOptions, Signal};
use std::{
    error::Error,
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

const PIECES: u32 = 5_000;
/// A quick model's pace.
const PAUSE: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local: Arc<dyn Bus> = Arc::new(LocalBus::default());
    report("within the process", measure(local.clone(), local).await)?;
    if let Some(url) = std::env::args().nth(1) {
        let options = NatsOptions::parse(&url)?;
        let worker = Arc::new(NatsBus::connect(options.clone()).await?);
        let client = Arc::new(NatsBus::connect(options).await?);
        report("over NATS", measure(worker, client).await)?;
    }
    Ok(())
}

/// One duration for each piece that was heard, shortest first.
async fn measure(worker: Arc<dyn Bus>, client: Arc<dyn Bus>) -> Vec<Duration> {
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("latency") };
    let mut ear = client.subscribe(&key);
    if !Arc::ptr_eq(&worker, &client) {
        // Once it lags it hears the others.
        while ear.hear().await != BusHeard::Lagged {}
    }
    let start = Instant::now();
    let talk = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(PAUSE);
        for number in 0..PIECES {
            ticks.tick().await;
            // The piece says when it left.
            let text = format!("{} some words of a model", start.elapsed().as_nanos());
            let live = Live {
                turn: TurnId(1),
                item: ItemId::new("item"),
                attempt: 1,
                kind: LiveKind::Message(text),
            };
            worker.publish(&key, Signal::Live { after: u64::from(number), live: Arc::new(live) });
        }
        worker.publish(&key, Signal::Wake { seq: 1 });
        worker
    });
    let mut durations = Vec::new();
    loop {
        match ear.hear().await {
            BusHeard::Signal(Signal::Live { live, .. }) => {
                let now = start.elapsed();
                let LiveKind::Message(text) = &live.kind else { continue };
                let left =
                    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).map(Duration::from_nanos);
                durations.extend(left.map(|left| now.saturating_sub(left)));
            }
            BusHeard::Signal(Signal::Wake { .. }) | BusHeard::Closed => break,
            _ => {}
        }
    }
    drop(talk.await);
    durations.sort();
    durations
}

fn report(how: &str, durations: Vec<Duration>) -> io::Result<()> {
    let at = |percent: usize| durations.get(durations.len() * percent / 100).or(durations.last());
    let micros = |percent| at(percent).map_or(0, Duration::as_micros);
    let (heard, median, late, last) = (durations.len(), micros(50), micros(99), micros(100));
    writeln!(
        io::stdout(),
        "{how}: {heard} of {PIECES} pieces; median {median} µs, p99 {late} µs, longest {last} µs"
    )
}

//! SIGKILL of the worker at every kind of moment of the ten-step turn; with a new worker the turn ends as if nothing had
//! happened, but that the call running at the kill may read `unknown`. No command runs twice.

use super::{
    client,
    round::{Ended, Round},
};
use crate::crash::{COMMITS, whole};
use futures::{StreamExt, stream};
use std::{fmt, time::Duration};
use temporal_backend::dev_server::TestServer;
use temporalio_client::Client;
use test_kit::{KillPoint, Trace};

/// Rounds that run at once: most of a round is waiting.
const AT_ONCE: usize = 6;
/// Model calls and calls that mutate, each of which is an activity.
const ACTIVITIES: u32 = 11 + 9;

/// When the worker is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// At a kill point.
    Point(&'static str, u32),
    /// Before it has done anything: there never was a first one.
    BeforeFirstTask,
    /// So long after the request.
    After(Duration),
}

/// What a kill may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Every call's outcome is known.
    Known,
    /// The outcome of the call that ran is unknown.
    Unknown,
    Either,
}

/// The kills of one kind.
struct Kind {
    name: &'static str,
    moments: Vec<Moment>,
    outcome: Outcome,
    /// From a new worker to the next event, at most (N4 of the specification).
    recovery: Duration,
}

/// Worker processes share two cores with all others here, which the limit of the specification does not reckon with.
const SLACK: u32 = 3;
const WITHIN: Duration = Duration::from_secs(3);
/// A worker that dies in a workflow task is missed only when the task's time is up.
const WITHIN_TASK: Duration = Duration::from_secs(6);

fn kinds() -> Vec<Kind> {
    use Outcome::{Known, Unknown};
    let at = |name: &'static str, hits: &[u32], outcome| Kind {
        name,
        moments: hits.iter().map(|hit| Moment::Point(name, *hit)).collect(),
        outcome,
        recovery: WITHIN,
    };
    let every = |last: u32, step: usize| (1..=last).step_by(step).collect::<Vec<_>>();
    let (tasks, answers) = match crashes() {
        Some(_) => (every(COMMITS, 1), every(ACTIVITIES, 1)),
        None => (every(COMMITS, 5), every(ACTIVITIES, 3)),
    };
    vec![
        Kind {
            name: "before a task",
            moments: vec![Moment::BeforeFirstTask],
            outcome: Known,
            recovery: WITHIN,
        },
        Kind { recovery: WITHIN_TASK, ..at("task.commit", &tasks, Known) },
        at("activity.answered", &answers, Known),
        at("tool.before_ledger", &[1, 8], Known),
        at("tool.before_spawn", &[1, 8], Known),
        at("tool.child_held", &[1, 8], Unknown),
        at("tool.child_running", &[1, 4, 5, 8], Unknown),
        at("tool.before_finish", &[1, 8], Unknown),
        at("tool.after_finish", &[1, 8], Known),
        Kind {
            name: "at random",
            moments: random_moments(crashes().unwrap_or(6)),
            outcome: Outcome::Either,
            // It may be in a workflow task.
            recovery: WITHIN_TASK,
        },
    ]
}

/// `EVERTURN_CRASHES` sets how many random instants are tried; where it is set, every commit and every answer is, too.
fn crashes() -> Option<u64> {
    std::env::var("EVERTURN_CRASHES").ok()?.parse().ok()
}

fn random_moments(count: u64) -> Vec<Moment> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    let mut next = || {
        // xorshift64*: good enough to pick instants.
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    (0..count).map(|_| Moment::After(Duration::from_millis(next() % 2_500))).collect()
}

async fn kill(client: &Client, address: &str, number: usize, moment: Moment, expected: &Trace) -> Ended {
    let round = Round::begin(client, address, &format!("kills-{number}")).await;
    let what = format!("killed {moment}");
    let going = match moment {
        Moment::Point(name, hit) => {
            let point = KillPoint { name: name.to_owned(), hit, marker: round.marker() };
            let worker = round.worker(Some(&point));
            let going = round.go();
            worker.kill_at(point).await;
            going
        }
        Moment::BeforeFirstTask => round.go(),
        Moment::After(instant) => {
            let worker = round.worker(None);
            let going = round.go();
            // The turn begins when the worker is up.
            round.reading.until("the first event", |told| !told.events.is_empty()).await;
            tokio::time::sleep(instant).await;
            worker.kill();
            going
        }
    };
    let ended = round.resume(expected, &what).await;
    going.await.unwrap();
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_survives_the_death_of_its_worker_at_every_moment() {
    let server = TestServer::start().await.unwrap();
    let client = client(server.address()).await;
    let expected = tokio::task::spawn_blocking(whole).await.unwrap();
    let kinds = kinds();
    let moments = kinds
        .iter()
        .enumerate()
        .flat_map(|(kind, Kind { moments, .. })| moments.iter().map(move |moment| (kind, *moment)));
    let rounds = moments.enumerate().map(|(number, (kind, moment))| {
        let (client, address, expected) = (client.clone(), server.address().to_owned(), expected.clone());
        // A task of its own, so that one that fails stops no other.
        let round = tokio::spawn(async move { kill(&client, &address, number, moment, &expected).await });
        async move { (kind, moment, round.await) }
    });
    // The rounds begin as they are taken out of the iterator.
    let done: Vec<_> = stream::iter(rounds).buffer_unordered(AT_ONCE).collect().await;
    println!("kill point            kills  unknown  taken back  recovery, median and longest");
    let mut failures = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        let mut row = Row::default();
        for (_, moment, ended) in done.iter().filter(|(of, ..)| *of == number) {
            match ended {
                Ok(ended) => row.add(ended),
                Err(error) => failures.push(format!("{moment}: {error}")),
            }
        }
        println!("{:<20} {row}", kind.name);
        failures.extend(row.broken(kind));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A row of the table.
#[derive(Default)]
struct Row {
    kills: usize,
    unknown: usize,
    rewinds: usize,
    recoveries: Vec<Duration>,
}

impl Row {
    fn add(&mut self, ended: &Ended) {
        self.kills += 1;
        self.unknown += ended.unknown;
        self.rewinds += ended.rewinds;
        self.recoveries.extend(ended.recovery);
        self.recoveries.sort();
    }

    fn median(&self) -> Option<Duration> {
        self.recoveries.get(self.recoveries.len() / 2).copied()
    }

    /// What of the promise does not hold.
    fn broken(&self, kind: &Kind) -> Vec<String> {
        let Kind { name, outcome, recovery, .. } = kind;
        let wanted = match outcome {
            Outcome::Known => 0..=0,
            Outcome::Unknown => self.kills..=self.kills,
            Outcome::Either => 0..=self.kills,
        };
        let mut broken = Vec::new();
        if !wanted.contains(&self.unknown) {
            broken.push(format!("{name}: {} outcomes are unknown, {wanted:?} should be", self.unknown));
        }
        if self.recoveries.last().is_some_and(|longest| *longest > *recovery * SLACK) {
            broken.push(format!("{name}: recovery took {:?}", self.recoveries));
        }
        broken
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds =
            |time: Option<Duration>| time.map_or("-".into(), |time| format!("{:.2} s", time.as_secs_f64()));
        let (median, longest) = (seconds(self.median()), seconds(self.recoveries.last().copied()));
        write!(f, "{:>6}  {:>7}  {:>10}  {median:>8}  {longest:>8}", self.kills, self.unknown, self.rewinds)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point(name, hit) => write!(f, "at {name}:{hit}"),
            Self::BeforeFirstTask => write!(f, "before its first task"),
            Self::After(instant) => write!(f, "{} ms after the thread began", instant.as_millis()),
        }
    }
}

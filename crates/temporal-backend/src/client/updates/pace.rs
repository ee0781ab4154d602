//! [`Pace`]: when a reader looks for news: at once when it is woken, else seldom, but quickly while a turn runs that
//! nobody wakes it for.

use std::time::Duration;
use tokio::time::Instant;

/// Reads are at least so far apart, however often they are asked for.
const CLOSEST: Duration = Duration::from_millis(30);
/// After news the next are looked for so soon; then the pause doubles.
const SOON: Duration = Duration::from_millis(50);
/// While a turn runs it is at most this, where nobody wakes the reader.
const RUNNING: Duration = Duration::from_millis(250);
/// Where somebody does, this is against wake-ups that were lost.
const RUNNING_WOKEN: Duration = Duration::from_secs(1);
/// While nothing runs, and while nobody answers.
const IDLE: Duration = Duration::from_secs(2);
/// While a task is in the making it is looked so often whether it is done.
const TASK: Duration = Duration::from_millis(15);
/// But a task that lasts longer is not waited for.
const TASK_LASTS: Duration = Duration::from_millis(500);
/// What was told by a wake-up and is not there yet is looked for so often before the wake-up is taken for wrong: a task
/// that was not accepted may have sent it.
const TRIES: u32 = 16;

/// What a reader expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expecting {
    /// A turn runs.
    News,
    /// Nothing in particular.
    Nothing,
}

/// When to look next.
#[derive(Debug)]
pub(super) struct Pace {
    due: Instant,
    last: Option<Instant>,
    pause: Duration,
    /// The last event that a wake-up told of.
    told: u64,
    tries: u32,
    /// Whether the next read was asked for.
    is_woken: bool,
    /// Whether wake-ups come, as far as was seen.
    are_woken: bool,
    /// When the worker was last asked.
    asked: Instant,
    /// Since when a task has been seen in the making.
    task: Option<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            due: now,
            last: None,
            pause: SOON,
            told: 0,
            tries: 0,
            is_woken: true,
            are_woken: false,
            asked: now,
            task: None,
        }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// There is something up to this event.
    pub(super) fn wake(&mut self, seq: u64) {
        self.are_woken = true;
        if seq > self.told {
            (self.told, self.tries) = (seq, 0);
            self.hurry();
        }
    }

    /// A sign that wake-ups come.
    pub(super) fn heard(&mut self) {
        self.are_woken = true;
    }

    /// There may be something.
    pub(super) fn hurry(&mut self) {
        let soonest = self.last.map_or_else(Instant::now, |last| last + CLOSEST);
        self.due = self.due.min(soonest.max(Instant::now()));
        self.is_woken = true;
    }

    /// More is there already.
    pub(super) fn at_once(&mut self) {
        self.due = Instant::now();
    }

    /// The worker is asked.
    pub(super) fn asked(&mut self) {
        self.asked = Instant::now();
        self.task = None;
    }

    /// Whether the worker is to be asked although nothing has happened, to see that it is there.
    pub(super) fn is_time_to_ask(&self, expecting: Expecting) -> bool {
        expecting == Expecting::News && self.asked.elapsed() >= IDLE
    }

    /// A task is in the making. Whether to wait for it.
    pub(super) fn wait_for_task(&mut self) -> bool {
        let waits = self.task.get_or_insert_with(Instant::now).elapsed() < TASK_LASTS;
        if waits {
            self.due = Instant::now() + TASK;
        }
        waits
    }

    /// A read found events; the last is this one.
    pub(super) fn found(&mut self, seq: u64) {
        // News that nobody told of: wake-ups do not come from where the thread is served.
        if !self.is_woken {
            self.are_woken = false;
        }
        self.pause = SOON;
        self.settle(seq, SOON);
    }

    /// A read found nothing after this event.
    pub(super) fn nothing(&mut self, seq: u64, expecting: Expecting) {
        let longest = match expecting {
            Expecting::News if self.are_woken => RUNNING_WOKEN,
            Expecting::News => RUNNING,
            Expecting::Nothing => IDLE,
        };
        self.pause = (self.pause * 2).min(longest);
        self.settle(seq, self.pause);
    }

    /// A read failed.
    pub(super) fn failed(&mut self) {
        self.pause = (self.pause * 2).clamp(RUNNING, IDLE);
        self.last = Some(Instant::now());
        self.due = Instant::now() + self.pause;
        self.is_woken = false;
    }

    fn settle(&mut self, seq: u64, pause: Duration) {
        let now = Instant::now();
        self.last = Some(now);
        self.is_woken = self.told > seq && self.tries < TRIES;
        self.due = now + if self.is_woken { CLOSEST } else { pause };
        self.tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pace: &Pace) -> u128 {
        pace.due().saturating_duration_since(Instant::now()).as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn it_looks_less_and_less_often_while_nothing_comes() {
        let mut pace = Pace::new();
        assert_eq!(wait(&pace), 0);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            pace.nothing(0, Expecting::News);
            pauses.push(wait(&pace));
        }
        assert_eq!(pauses, [100, 200, 250, 250]);
        for _ in 0..4 {
            pace.nothing(0, Expecting::Nothing);
        }
        assert_eq!(wait(&pace), 2_000);
        pace.found(1);
        assert_eq!(wait(&pace), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_woken_at_once_but_not_too_often() {
        let mut pace = Pace::new();
        pace.nothing(0, Expecting::Nothing);
        tokio::time::advance(Duration::from_millis(60)).await;
        pace.wake(3);
        assert_eq!(wait(&pace), 0);
        pace.found(3);
        pace.wake(4);
        assert_eq!(wait(&pace), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_is_looked_for_and_then_not() {
        let mut pace = Pace::new();
        pace.wake(3);
        let mut waits = Vec::new();
        for _ in 0..=TRIES {
            pace.nothing(0, Expecting::News);
            waits.push(wait(&pace));
        }
        assert_eq!(waits[..TRIES as usize], [30; TRIES as usize]);
        assert!(waits[TRIES as usize] > 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_waited_for_but_not_for_ever() {
        let mut pace = Pace::new();
        let mut waited = 0;
        while pace.wait_for_task() {
            assert_eq!(wait(&pace), 15);
            waited += wait(&pace);
            tokio::time::advance(TASK).await;
        }
        assert_eq!(waited, 510);
        assert!(!pace.is_time_to_ask(Expecting::News));
        tokio::time::advance(IDLE).await;
        assert!(pace.is_time_to_ask(Expecting::News) && !pace.is_time_to_ask(Expecting::Nothing));
        pace.asked();
        assert!(pace.wait_for_task());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_woken_looks_seldom_and_who_is_not_looks_often() {
        let mut pace = Pace::new();
        pace.heard();
        for _ in 0..8 {
            pace.nothing(0, Expecting::News);
        }
        assert_eq!(wait(&pace), 1_000);
        pace.found(1);
        for _ in 0..8 {
            pace.nothing(1, Expecting::News);
        }
        assert_eq!(wait(&pace), 250);
    }
}

//! A command with all its descendants, and stopping them.

use super::{Process, table};
use rustix::process::{Pid, Signal};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// The variable that marks every process of one call, also those that left its session and its parents behind.
pub(crate) const MARK_VARIABLE: &str = "EVERTURN_EFFECT";

/// How often it is looked whether what was signalled has ended.
const POLL: Duration = Duration::from_millis(3);
/// How many looks in a row have to find nothing.
const CLEAR_LOOKS: u32 = 2;
/// How long killed processes may take to go before they are given up.
const KILL_WAIT: Duration = Duration::from_millis(1_000);

/// The tree that grew from one child.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The child; also its group and its session.
    pub(crate) root: i32,
    /// When it started, which tells it from a later process of the same number.
    pub(crate) start: u64,
    /// The value of [`MARK_VARIABLE`] in all of its environments.
    pub(crate) mark: String,
}

/// What was done to a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Whether anything of it was there.
    pub(crate) found: bool,
    /// How many of its processes could not be stopped.
    pub(crate) survivors: usize,
}

/// Whether the number of the root is still its own for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// This process started it and has not reaped it yet.
    Held,
    /// Anybody may have the number by now.
    Lost,
}

impl Tree {
    /// Kills everything at once, without waiting for it to be gone.
    pub(crate) fn kill_now(&self, root: Root) {
        for _ in 0..CLEAR_LOOKS {
            self.signal(&self.living(), root, Signal::KILL);
        }
    }

    /// Stops the tree: asks every process to end, waits as long as `grace`, then kills what is left, also what is born
    /// meanwhile. Blocks, at most [`KILL_WAIT`] longer than the grace.
    pub(crate) fn stop(&self, root: Root, grace: Duration) -> Stopped {
        let begun = Instant::now();
        let asked = self.living();
        self.signal(&asked, root, Signal::TERM);
        while begun.elapsed() < grace && asked.iter().any(lives) {
            std::thread::sleep(POLL);
        }
        let killing = Instant::now();
        let mut found = !asked.is_empty();
        // A process that is being born, or is becoming another program, can be missed once.
        let mut clear = 0;
        loop {
            let left = self.living();
            clear = if left.is_empty() { clear + 1 } else { 0 };
            found |= !left.is_empty();
            if clear == CLEAR_LOOKS || killing.elapsed() > KILL_WAIT {
                return Stopped { found, survivors: left.len() };
            }
            self.signal(&left, root, Signal::KILL);
            std::thread::sleep(POLL);
        }
    }

    /// The group in one go, so that nobody in it is born in between, and everybody else one by one.
    fn signal(&self, members: &[Process], root: Root, signal: Signal) {
        let group_is_ours = root == Root::Held || members.iter().any(|one| one.group == self.root);
        if let Some(group) = Pid::from_raw(self.root).filter(|_| group_is_ours) {
            let _ = rustix::process::kill_process_group(group, signal);
        }
        for other in members.iter().filter(|one| one.group != self.root) {
            table::signal(*other, signal);
        }
    }

    /// Everything of it that has not ended.
    fn living(&self) -> Vec<Process> {
        self.among(&table::processes(), |pid| {
            table::has_variable(pid, &format!("{MARK_VARIABLE}={}", self.mark))
        })
    }

    /// Which of these processes belong to the tree and live.
    fn among(&self, all: &[Process], marked: impl Fn(i32) -> bool) -> Vec<Process> {
        if self.start == 0 {
            return Vec::new();
        }
        // While anybody is in a session or group its number is not given to a new process. So if the number now belongs
        // to another one, nothing of the old session is left, and the new session is none of ours.
        let reused = all.iter().any(|process| process.pid == self.root && process.start != self.start);
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let candidates: Vec<&Process> =
            all.iter().filter(|one| one.start >= self.start && one.pid != own && one.pid != 1).collect();
        let mut members: BTreeSet<i32> = BTreeSet::new();
        for one in &candidates {
            let of_session = one.pid == self.root || one.session == self.root || one.group == self.root;
            if of_session && !reused || marked(one.pid) {
                members.insert(one.pid);
            }
        }
        loop {
            let before = members.len();
            for one in &candidates {
                if members.contains(&one.parent) {
                    members.insert(one.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        let living = candidates.into_iter().filter(|one| !one.dead && members.contains(&one.pid));
        living.copied().collect()
    }
}

fn lives(process: &Process) -> bool {
    table::process(process.pid).is_some_and(|now| now.start == process.start && !now.dead)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

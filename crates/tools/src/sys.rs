//! All that depends on the operating system: the table of processes, starting a recorded child, stopping a tree.
//!
//! Start reading at [`launch`] and [`Tree`]. On Linux the table comes from `/proc`. Elsewhere there is none yet: a
//! command is stopped with its process group, and recovery cannot tell a process from a later one of the same number.

mod children;
mod launch;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;
mod tree;

pub use children::hear_of_children;
pub(crate) use launch::{Input, Recording, launch};
#[cfg(target_os = "linux")]
use linux as table;
#[cfg(not(target_os = "linux"))]
use portable as table;
pub(crate) use table::{boot_id, start_of};
pub(crate) use tree::{MARK_VARIABLE, Root, Stopped, Tree};

/// A process as the table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// Clock ticks since boot; with the pid and the boot it names a process for all time.
    start: u64,
    /// It has ended and waits to be reaped.
    dead: bool,
}

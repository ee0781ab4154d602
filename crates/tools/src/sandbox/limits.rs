//! [`Limits`]: how much a command with all its processes may use.

use serde::{Deserialize, Serialize};

/// Processes of one command at a time.
const PROCESSES: u32 = 1_024;
/// The share of the machine's memory that one command may use, in percent.
const MEMORY_PERCENT: u64 = 75;
/// The largest file it may write: 16 GiB.
const FILE_BYTES: u64 = 16 << 30;
/// What it has to leave free on each disk it may write to: 256 MiB.
const DISK_FLOOR_BYTES: u64 = 256 << 20;
/// Its private temporary space: 2 GiB. It is memory, taken as it is filled.
const TEMP_BYTES: u64 = 2 << 30;

/// How much one command with all its processes may use. Over it, everything of it is stopped, and the report says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Processes at a time.
    pub processes: u32,
    /// Memory of all of them together, in percent of the machine's.
    pub memory_percent: u64,
    /// The size of one file.
    pub file_bytes: u64,
    /// What stays free on each disk it may write to. Where less than twice as much was free at its start, half of that.
    pub disk_floor_bytes: u64,
    /// The size of the private temporary space.
    pub temp_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: PROCESSES,
            memory_percent: MEMORY_PERCENT,
            file_bytes: FILE_BYTES,
            disk_floor_bytes: DISK_FLOOR_BYTES,
            temp_bytes: TEMP_BYTES,
        }
    }
}

//! A thread's status as the database keeps it: a number, so that lists can be filtered by it.

use agent_core::ThreadStatus;

/// The number of a status.
pub(crate) fn code(status: ThreadStatus) -> i64 {
    match status {
        ThreadStatus::Running => 1,
        ThreadStatus::Waiting => 2,
        ThreadStatus::Closed => 3,
        _ => 0,
    }
}

/// The status of a number.
pub(crate) fn from_code(code: i64) -> ThreadStatus {
    match code {
        1 => ThreadStatus::Running,
        2 => ThreadStatus::Waiting,
        3 => ThreadStatus::Closed,
        _ => ThreadStatus::Resting,
    }
}

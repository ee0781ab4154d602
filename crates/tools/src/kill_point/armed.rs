//! The points as they are in test builds.

use rustix::fs::{Mode, OFlags};
use std::{
    ffi::{CString, OsString},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Which point stops this process, and at which hit.
const POINT: &str = "EVERTURN_KILL_POINT";
/// The file that says that the process has stopped.
const MARKER: &str = "EVERTURN_KILL_MARKER";
/// How long a child is held between its ledger entry and its program.
const HOLD: Duration = Duration::from_secs(2);

struct Selected {
    name: String,
    hit: u64,
    marker: Option<OsString>,
    hits: AtomicU64,
}

/// A point where a test may stop this process.
pub fn kill_point(name: &str) {
    if let Some(mark) = reached(name) {
        mark.write();
        tracing::warn!(point = name, "this process has stopped where a test wanted it to");
        loop {
            std::thread::park();
        }
    }
}

/// How the next child is to be held before it starts its program, if it is.
pub(crate) fn held_child() -> Option<Held> {
    reached("tool.child_held").map(Held)
}

/// A child that waits before its program. Made before the fork, because nothing may be allocated after it.
pub(crate) struct Held(Mark);

impl Held {
    /// Called in the child: says that it waits, and waits. Only system calls.
    pub(crate) fn hold(&self) {
        self.0.write();
        std::thread::sleep(HOLD);
    }
}

/// The marker file, ready to be written without allocating. It appears whole or not at all.
struct Mark {
    paths: Option<(CString, CString)>,
    text: String,
}

impl Mark {
    fn write(&self) {
        let Some((draft, path)) = &self.paths else { return };
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::open(draft.as_c_str(), flags, Mode::from_raw_mode(0o600)) {
            let _ = rustix::io::write(&file, self.text.as_bytes());
            let _ = rustix::fs::rename(draft.as_c_str(), path.as_c_str());
        }
    }
}

fn reached(name: &str) -> Option<Mark> {
    static SELECTED: OnceLock<Option<Selected>> = OnceLock::new();
    let selected = SELECTED.get_or_init(select).as_ref().filter(|selected| selected.name == name)?;
    let hit = selected.hits.fetch_add(1, Ordering::SeqCst) + 1;
    if hit != selected.hit {
        return None;
    }
    let paths = selected.marker.clone().and_then(|marker| {
        let draft = PathBuf::from(&marker).with_extension("draft").into_os_string();
        Some((CString::new(draft.into_vec()).ok()?, CString::new(marker.into_vec()).ok()?))
    });
    Some(Mark { paths, text: format!("{name} {hit} {}\n", std::process::id()) })
}

fn select() -> Option<Selected> {
    let point = std::env::var(POINT).ok()?;
    let (name, hit) = match point.rsplit_once(':') {
        Some((name, hit)) => (name.to_owned(), hit.parse().ok()?),
        None => (point, 1),
    };
    Some(Selected { name, hit, marker: std::env::var_os(MARKER), hits: AtomicU64::new(0) })
}

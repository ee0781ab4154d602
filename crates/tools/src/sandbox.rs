//! The sandbox: what a command may touch is one value, [`Confinement`], and the kernel holds the command to it.
//!
//! ```text
//! host ── sys::launch ──▶ supervisor (this binary again) ──┬─▶ init of a pid namespace: reaps, and its death ends all
//!   ▲                        watches limits, reports       └─▶ mounts, Landlock, seccomp, then becomes the program
//!   └── Report ◀─────────────┘
//! ```
//!
//! Start reading at [`Launch`] (how a command is started in it), `confinement.rs` (what is decided), then `helper.rs`
//! (what enforces it). `docs/security.md` tells users what is confined on which systems and what is not.
//!
//! Not here: whether a call may run (agent-core), what a command means (`command`).

mod config;
mod confinement;
mod denial;
mod door;
mod git;
#[cfg(target_os = "linux")]
mod helper;
mod launch;
mod limits;
mod report;
mod seatbelt;
mod support;

pub use config::{Helper, SandboxConfig, TempSpace, usual_secrets};
pub use confinement::{Confinement, ConfinementError};
pub use denial::denial;
pub use door::{DoorError, confined_thread};
pub use launch::Launch;
pub use limits::Limits;
pub use report::{Report, ReportReader};
pub use support::{Level, Support};

pub(crate) use door::{Sight, open_seen};
pub(crate) use launch::Sandbox;

/// The first argument that makes a program with [`serve_launch`] the helper.
pub const LAUNCH: &str = "sandboxed-launch";

/// Serves as the helper where the arguments of this process say so, and then does not return. Every host calls it first
/// thing in `main`, before it starts a thread.
pub fn serve_launch() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != LAUNCH) {
        return;
    }
    #[cfg(target_os = "linux")]
    let code = helper::serve(arguments);
    #[cfg(not(target_os = "linux"))]
    let code = 126;
    std::process::exit(code);
}

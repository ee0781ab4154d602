//! The process that confines itself, step by step, and then becomes the program.

use super::{
    Fault, Step,
    channel::{self, Message},
    mounts, privileges,
    processes::{Rights, unshare},
    rules,
    signals::hold_none_back,
    syscalls,
};
use crate::sandbox::{
    LAUNCH, TempSpace,
    launch::{Order, PASSED_ON},
    support::Means,
};
use agent_core::NetworkAccess;
use rustix::{
    io::FdFlags,
    process::{getpid, ioctl_tiocsctty, setsid},
    thread::{UnshareFlags, set_no_new_privs},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// What has become of the session and its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terminal {
    /// The command stays in the session it is in, which is somebody else's.
    Kept,
    /// The command gets a session of its own.
    None,
    /// It gets one, and the terminal, which is standard input.
    HandedOn,
}

/// What is known by the time the process confines itself.
pub(super) struct Setting {
    /// In whose name the namespaces were made; `None` where there are none.
    pub(super) rights: Option<Rights>,
    pub(super) terminal: Terminal,
    /// Where temporary files go.
    pub(super) temp: Option<PathBuf>,
}

/// Gives the terminal up where this process leads a session, so that the command can have it.
pub(super) fn release_terminal(quietly: impl FnOnce(fn())) -> Terminal {
    if !leads_session() {
        return Terminal::Kept;
    }
    if !rustix::termios::isatty(rustix::stdio::stdin()) {
        return Terminal::None;
    }
    quietly(|| {
        let _ = give_up_terminal();
    });
    Terminal::HandedOn
}

/// A session that was begun outside of this process namespace, as in a container, has no number in it: the kernel says 0,
/// which `rustix` takes for impossible.
#[expect(unsafe_code, reason = "the safe interface panics where the session has no number")]
fn leads_session() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::getsid(0) == getpid().as_raw_nonzero().get() }
}

#[expect(unsafe_code, reason = "there is no safe interface to it")]
fn give_up_terminal() -> std::io::Result<()> {
    // SAFETY: the request takes no argument.
    match unsafe { libc::ioctl(0, libc::TIOCNOTTY) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Enters namespaces of its own, and a session. Fills in what of the setting comes of it.
pub(super) fn separate(order: &Order, setting: &mut Setting, channel: &OwnedFd) -> Result<(), Fault> {
    if setting.terminal != Terminal::Kept {
        setsid().step("begin a session")?;
    }
    if setting.terminal == Terminal::HandedOn {
        // Without it the command only has no job control.
        let _ = ioctl_tiocsctty(rustix::stdio::stdin());
    }
    if setting.rights.is_none() {
        return Ok(());
    }
    let cwd = std::env::current_dir();
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWIPC;
    if order.confinement.network == NetworkAccess::Off {
        flags |= UnshareFlags::NEWNET;
    }
    unshare(flags).step("make namespaces")?;
    let made = mounts::arrange(&order.confinement)?;
    setting.temp = made.temp;
    if let Some(processes) = made.processes {
        mounts::bound_processes(order.confinement.limits.processes);
        channel::tell(channel, &Message::Processes(processes))?;
    }
    if order.confinement.network == NetworkAccess::Off {
        raise_loopback().step("raise the loopback interface")?;
    }
    // The old directory is in the tree as it was before.
    let cwd = cwd.step("look where the command is to run")?;
    std::env::set_current_dir(&cwd).step(format!("enter {}", cwd.display()))
}

/// Lets go of everything the command is not to have. From here on nothing can be undone.
pub(super) fn restrict(order: &Order, setting: &Setting) -> Result<(), Fault> {
    let confinement = &order.confinement;
    privileges::limit(&confinement.limits, setting.rights)?;
    set_no_new_privs(true).step("refuse new privileges")?;
    rules::restrict(confinement, &order.means, setting.temp.as_deref())?;
    privileges::drop_capabilities(setting.rights.unwrap_or(Rights::Own))?;
    privileges::close_rest_at_exec()?;
    syscalls::refuse(confinement, &order.means)
}

/// Becomes the program. Returns why not.
pub(super) fn become_program(argv: &[OsString], setting: &Setting) -> Fault {
    let [program, arguments @ ..] = argv else {
        return Fault::Other("there is no program to start".to_owned());
    };
    exec(program, arguments, setting.temp.as_deref())
}

/// Becomes another program that is to confine the command, with the environment as it is.
pub(super) fn exec_as_is(program: &Path, arguments: &[OsString]) -> Fault {
    hold_none_back();
    Fault::NoProgram(Command::new(program).args(arguments).exec())
}

fn exec(program: &OsStr, arguments: &[OsString], temp: Option<&Path>) -> Fault {
    hold_none_back();
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in std::env::vars_os() {
        if let Some(own) = name.to_str().and_then(|name| name.strip_prefix(PASSED_ON)) {
            command.env_remove(&name).env(own, value);
        }
    }
    if let Some(temp) = temp {
        command.env("TMPDIR", temp);
    }
    Fault::NoProgram(command.exec())
}

/// A new folder for temporary files that is not shared, in the usual place.
pub(super) fn private_folder() -> Option<PathBuf> {
    let path = std::env::temp_dir().join(format!("everturn-{}", std::process::id()));
    // A folder of this name that is there already is somebody else's.
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path).ok()?;
    Some(path)
}

/// What `bwrap` has to be told: the same places, and this program inside of them for the rest.
pub(super) fn bubblewrap_line(
    order: &Order,
    argv: &[OsString],
    report: &File,
) -> Result<Vec<OsString>, Fault> {
    let mut line: Vec<OsString> =
        ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--ro-bind", "/", "/"]
            .map(OsString::from)
            .to_vec();
    if order.confinement.network == NetworkAccess::Off {
        line.push("--unshare-net".into());
    }
    line.extend(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/dev/shm"].map(OsString::from));
    for (path, place) in mounts::places(&order.confinement) {
        let words: Vec<&OsStr> = match place {
            mounts::Place::Writable | mounts::Place::Pinned => {
                vec!["--bind".as_ref(), path.as_ref(), path.as_ref()]
            }
            mounts::Place::Protected => vec!["--ro-bind".as_ref(), path.as_ref(), path.as_ref()],
            mounts::Place::Empty if path.is_dir() => {
                vec!["--tmpfs".as_ref(), path.as_ref(), "--remount-ro".as_ref(), path.as_ref()]
            }
            mounts::Place::Empty => vec!["--ro-bind".as_ref(), "/dev/null".as_ref(), path.as_ref()],
        };
        line.extend(words.into_iter().map(OsString::from));
    }
    let cwd = std::env::current_dir().step("look where the command is to run")?;
    let own = rustix::fs::open("/proc/self/exe", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
        .step("open the helper")?;
    rustix::io::fcntl_setfd(report, FdFlags::empty()).step("hand the report on")?;
    let inner = Order { confinement: order.confinement.clone(), means: Means::Inside };
    let inner = serde_json::to_string(&inner).map_err(|error| Fault::Other(error.to_string()))?;
    line.extend(["--chdir".into(), cwd.into_os_string(), "--".into()]);
    line.push(format!("/proc/self/fd/{}", own.as_raw_fd()).into());
    line.extend([LAUNCH.into(), report.as_raw_fd().to_string().into(), inner.into(), "--".into()]);
    line.extend_from_slice(argv);
    // It stays open until `bwrap` has become this program.
    std::mem::forget(own);
    Ok(line)
}

/// In a network namespace of its own a command reaches itself, so that it can test what listens.
#[expect(unsafe_code, reason = "there is no safe interface to network interfaces")]
fn raise_loopback() -> std::io::Result<()> {
    use rustix::net::{AddressFamily, SocketType, socket};
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: plain old data, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(*b"lo") {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    // SAFETY: the request is the structure this call reads.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Whether temporary files go to a place that only this command has.
pub(super) fn has_private_temp(temp: TempSpace, may_write: bool) -> bool {
    temp == TempSpace::Private || !may_write
}

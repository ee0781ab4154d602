//! Doors of the kernel that a confined command has no business with.

use super::{Arguments, Tried, Way, checked, let_through};
use std::io;

pub(super) const WAYS: &[Way] = &[
    ("io-uring", io_uring),
    ("bpf", bpf),
    ("perf", perf),
    ("userfaultfd", userfaultfd),
    ("keyctl", keyctl),
    ("add-key", add_key),
    ("kexec", kexec),
    ("init-module", init_module),
    ("swapon", swapon),
    ("reboot", reboot),
    ("iopl", iopl),
    ("sethostname", sethostname),
    ("clock", clock),
    ("tiocsti", tiocsti),
    ("by-handle", by_handle),
    ("chattr", chattr),
    ("setxattrat", setxattrat),
    ("file-setattr", file_setattr),
    ("memfd-exec", memfd_exec),
    ("compat-32", compat_32),
    ("x32", x32),
    ("capabilities", capabilities),
    ("suid", suid),
];

fn io_uring(_: &Arguments) -> Tried {
    let mut parameters = [0_u64; 15];
    // SAFETY: the structure has 120 bytes, and zeros are valid.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
    checked(ring)?;
    Ok("a ring that makes system calls unseen".to_owned())
}

fn bpf(_: &Arguments) -> Tried {
    let mut attributes = [0_u32; 16];
    attributes[0] = 2; // BPF_MAP_TYPE_ARRAY
    attributes[1] = 4;
    attributes[2] = 4;
    attributes[3] = 1;
    // SAFETY: the attributes are as long as said.
    checked(unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_mut_ptr(), 64) })?;
    Ok("a map in the kernel".to_owned())
}

fn perf(_: &Arguments) -> Tried {
    let mut attributes = [0_u64; 16];
    attributes[0] = 1 | (128 << 32); // PERF_TYPE_SOFTWARE, size
    // SAFETY: the attributes are as long as they say.
    checked(unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_mut_ptr(), 0, -1, -1, 0) })?;
    Ok("a counter".to_owned())
}

fn userfaultfd(_: &Arguments) -> Tried {
    // SAFETY: a number only.
    checked(unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | 1) })?;
    Ok("page faults can be held".to_owned())
}

fn keyctl(_: &Arguments) -> Tried {
    const GET_KEYRING_ID: i32 = 0;
    const USER_KEYRING: i32 = -4;
    // SAFETY: numbers only.
    let id = checked(unsafe { libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, USER_KEYRING, 1) })?;
    Ok(format!("the user's keyring is {id}"))
}

fn add_key(_: &Arguments) -> Tried {
    const PROCESS_KEYRING: i32 = -2;
    let (kind, name) = (c"user", c"everturn-escape");
    // SAFETY: two strings that end with a NUL and a payload of three bytes.
    let added = unsafe {
        libc::syscall(libc::SYS_add_key, kind.as_ptr(), name.as_ptr(), c"abc".as_ptr(), 3, PROCESS_KEYRING)
    };
    checked(added)?;
    Ok("a key was left with the kernel".to_owned())
}

fn kexec(_: &Arguments) -> Tried {
    // SAFETY: more segments than are allowed: nothing is loaded.
    let_through(unsafe { libc::syscall(libc::SYS_kexec_load, 0, 999, 0, 0) })
}

fn init_module(_: &Arguments) -> Tried {
    // SAFETY: a module of no bytes: nothing is loaded.
    let_through(unsafe { libc::syscall(libc::SYS_init_module, 0, 0, c"".as_ptr()) })
}

fn swapon(_: &Arguments) -> Tried {
    // SAFETY: a path that is not there.
    let_through(unsafe { libc::swapon(c"/nowhere/everturn-escape".as_ptr(), 0) }.into())
}

fn reboot(_: &Arguments) -> Tried {
    // SAFETY: the magic numbers are wrong: whoever may do it is told so, and nothing is done.
    let_through(unsafe { libc::syscall(libc::SYS_reboot, 1, 2, 3, 0) })
}

#[cfg(target_arch = "x86_64")]
fn iopl(_: &Arguments) -> Tried {
    // SAFETY: a number only; the process ends right after.
    checked(unsafe { libc::iopl(3) }.into())?;
    Ok("the ports of the machine are ours".to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn iopl(_: &Arguments) -> Tried {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// Sets the name it has, so that nothing changes where it works.
fn sethostname(_: &Arguments) -> Tried {
    let mut name = [0_u8; 65];
    // SAFETY: the buffer is as long as said.
    checked(unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) }.into())?;
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    // SAFETY: the name is as long as said.
    checked(unsafe { libc::sethostname(name.as_ptr().cast(), length) }.into())?;
    Ok("the machine was named".to_owned())
}

/// Hands over a time that cannot be, so that nothing changes where it works.
fn clock(_: &Arguments) -> Tried {
    let time = libc::timespec { tv_sec: -1, tv_nsec: -1 };
    // SAFETY: the time lives through the call.
    match checked(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) }.into()) {
        // This is told before it is looked who asks.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => clock_adjusted(),
        other => other.map(|_| "the clock was set".to_owned()),
    }
}

/// Sets the tick to what it is.
fn clock_adjusted() -> Tried {
    // SAFETY: zeros are a valid value of this plain structure.
    let mut adjustment: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives through the call. No mode is set: it only reads.
    checked(unsafe { libc::adjtimex(&raw mut adjustment) }.into())?;
    adjustment.modes = libc::ADJ_TICK;
    // SAFETY: as above; the tick is what was read.
    checked(unsafe { libc::adjtimex(&raw mut adjustment) }.into())?;
    Ok("the clock was adjusted".to_owned())
}

fn tiocsti(arguments: &Arguments) -> Tried {
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open(arguments.text(0)?)?;
    let typed = b'x';
    let number = std::os::fd::AsRawFd::as_raw_fd(&terminal);
    // SAFETY: one byte, which lives through the call.
    checked(unsafe { libc::ioctl(number, libc::TIOCSTI, &raw const typed) }.into())?;
    Ok("a key was typed on the user's terminal".to_owned())
}

/// Opens a file by its handle, which asks for no path, and writes to it.
fn by_handle(arguments: &Arguments) -> Tried {
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        data: [u8; 128],
    }
    let mut handle = Handle { bytes: 128, kind: 0, data: [0; 128] };
    let (path, mut mount) = (arguments.path(0)?, 0);
    let flags = libc::O_WRONLY | libc::O_APPEND;
    // SAFETY: the handle has the room it says.
    let named = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            0,
        )
    };
    checked(named)?;
    // SAFETY: the path ends with a NUL.
    let beside = unsafe { libc::open(c"/".as_ptr(), libc::O_RDONLY) };
    checked(beside.into())?;
    // SAFETY: the handle is what the kernel wrote.
    let opened =
        checked(unsafe { libc::syscall(libc::SYS_open_by_handle_at, beside, &raw const handle, flags) })?;
    let opened = i32::try_from(opened).map_err(io::Error::other)?;
    // SAFETY: the buffer is as long as said.
    checked(unsafe { libc::write(opened, b"changed".as_ptr().cast(), 7) } as libc::c_long)?;
    Ok("a file was written by its handle".to_owned())
}

/// Marks a file as not to be dumped, which its owner may do through a descriptor that only reads.
fn chattr(arguments: &Arguments) -> Tried {
    const GET: libc::c_ulong = 0x8008_6601;
    const SET: libc::c_ulong = 0x4008_6602;
    const NO_DUMP: libc::c_int = 0x40;
    let file = std::fs::File::open(arguments.text(0)?)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let mut flags: libc::c_int = 0;
    // SAFETY: the kernel writes an int.
    checked(unsafe { libc::ioctl(number, GET, &raw mut flags) }.into())?;
    flags |= NO_DUMP;
    // SAFETY: the kernel reads an int.
    checked(unsafe { libc::ioctl(number, SET, &raw const flags) }.into())?;
    Ok("the flags of a file were changed".to_owned())
}

/// Sets an attribute by a call that older filters do not know.
fn setxattrat(arguments: &Arguments) -> Tried {
    const SETXATTRAT: libc::c_long = 463;
    let (path, value) = (arguments.path(0)?, b"x");
    let given: (*const u8, u32, u32) = (value.as_ptr(), 1, 0);
    // SAFETY: the path and the name end with a NUL, the value is as long as said, and so is what names it.
    checked(unsafe {
        libc::syscall(
            SETXATTRAT,
            libc::AT_FDCWD,
            path.as_ptr(),
            0,
            c"user.new".as_ptr(),
            &raw const given,
            size_of_val(&given),
        )
    })?;
    Ok("an attribute was set".to_owned())
}

/// Marks a file as not to be dumped by a call that older filters do not know.
fn file_setattr(arguments: &Arguments) -> Tried {
    const FILE_SETATTR: libc::c_long = 469;
    const NO_DUMP: u64 = 0x80;
    let path = arguments.path(0)?;
    let given: [u64; 3] = [NO_DUMP, 0, 0];
    // SAFETY: the path ends with a NUL, and the structure is as long as said.
    checked(unsafe {
        libc::syscall(FILE_SETATTR, libc::AT_FDCWD, path.as_ptr(), given.as_ptr(), size_of_val(&given), 0)
    })?;
    Ok("the flags of a file were changed".to_owned())
}

/// Runs a script out of memory: what it does is held all the same.
fn memfd_exec(arguments: &Arguments) -> Tried {
    use std::{io::Write, os::fd::FromRawFd};
    // SAFETY: the name ends with a NUL.
    let number = checked(unsafe { libc::memfd_create(c"".as_ptr(), 0) }.into())?;
    let number = i32::try_from(number).map_err(io::Error::other)?;
    // SAFETY: the descriptor was just made and is nobody else's.
    let mut file = unsafe { std::fs::File::from_raw_fd(number) };
    writeln!(file, "#!/bin/sh\necho changed >> '{}' && echo GOT OUT", arguments.text(0)?)?;
    let (name, line) = (format!("/proc/self/fd/{number}"), std::process::Command::new);
    let status = line(&name).status()?;
    if status.success() {
        Ok("it wrote".to_owned())
    } else {
        Err(io::Error::other("the script could not write"))
    }
}

/// Asks for a ring by the 32-bit door, whose numbers are others.
#[cfg(target_arch = "x86_64")]
fn compat_32(_: &Arguments) -> Tried {
    const IO_URING_SETUP_32: i64 = 425;
    const KEYCTL_32: i64 = 288;
    let mut last = 0;
    for (number, first, second) in [(KEYCTL_32, 0, -4_i64), (IO_URING_SETUP_32, 4, 0)] {
        let mut result: i64 = number;
        // SAFETY: the door takes its arguments in registers, here numbers; it keeps all of them but the result's.
        unsafe {
            std::arch::asm!(
                "push rbx", "mov rbx, {first:r}", "int 0x80", "pop rbx",
                first = in(reg) first, inlateout("rax") result, in("rcx") second, in("rdx") 1_i64,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        last = result as i32;
        if last >= 0 || last == -libc::EFAULT {
            return Ok(format!("call {number} went through the 32-bit door"));
        }
    }
    Err(io::Error::from_raw_os_error(-last))
}

#[cfg(not(target_arch = "x86_64"))]
fn compat_32(_: &Arguments) -> Tried {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// Asks for a ring under the number it has in the x32 table.
fn x32(_: &Arguments) -> Tried {
    let mut parameters = [0_u64; 15];
    // SAFETY: the structure has 120 bytes, and zeros are valid.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup | 0x4000_0000, 4, parameters.as_mut_ptr()) };
    checked(ring)?;
    Ok("a ring".to_owned())
}

/// Powers that lead out, whoever has them: module, raw I/O, ptrace, administration, boot, time, raw sockets, nodes, handles.
fn capabilities(_: &Arguments) -> Tried {
    const OUT: [(u32, &str); 10] = [
        (2, "DAC_READ_SEARCH"),
        (12, "NET_ADMIN"),
        (13, "NET_RAW"),
        (16, "SYS_MODULE"),
        (17, "SYS_RAWIO"),
        (19, "SYS_PTRACE"),
        (21, "SYS_ADMIN"),
        (22, "SYS_BOOT"),
        (27, "MKNOD"),
        (39, "BPF"),
    ];
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mut had = Vec::new();
    for line in status.lines() {
        let Some((kind, mask)) =
            line.split_once(":\t").filter(|(kind, _)| ["CapEff", "CapPrm", "CapAmb"].contains(kind))
        else {
            continue;
        };
        let mask = u64::from_str_radix(mask.trim(), 16).map_err(io::Error::other)?;
        had.extend(
            OUT.iter().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| format!("{kind} {name}")),
        );
    }
    if had.is_empty() {
        Err(io::Error::other("no capability is left that leads out"))
    } else {
        Ok(had.join(", "))
    }
}

/// Says whether it became somebody else by being started.
fn suid(_: &Arguments) -> Tried {
    // SAFETY: asks for numbers.
    let (real, effective) = unsafe { (libc::getuid(), libc::geteuid()) };
    if real == effective {
        return Err(io::Error::other(format!("user {real} stayed user {effective}")));
    }
    Ok(format!("user {real} became user {effective}"))
}

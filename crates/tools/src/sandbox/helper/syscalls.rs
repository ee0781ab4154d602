//! seccomp: the system calls that are refused.

use super::Fault;
use crate::sandbox::{Confinement, support::Means};
use agent_core::NetworkAccess;
use libc::{ENOSYS, EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};
use std::collections::BTreeMap;

/// What no command needs and much can be broken with: other processes, the kernel, mounts, keys, clocks, devices.
const REFUSED: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    libc::SYS_lookup_dcookie,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// Newer than the table of the C library; the numbers are the same on all architectures.
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;

/// Without mounts of its own, these change what is outside: Landlock does not know them.
const ATTRIBUTES: &[c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

/// Without a namespace of its own for them, these reach memory and queues of everybody.
const SHARED: &[c_long] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Without a namespace of its own, these change processes outside; with the place of the process among the arguments. Zero,
/// which is the caller, stays possible.
const OF_PROCESSES: &[(c_long, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_migrate_pages, 0),
    (libc::SYS_move_pages, 0),
];

/// Calls that are newer than the table of the library; their numbers are the same everywhere.
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FILE_SETATTR: c_long = 469;

/// Changing the flags, the project and the encryption of a file, for which it need not be open for writing.
const FILE_FLAGS: [u64; 4] = [0x4008_6602, 0x4004_6602, 0x401c_5820, 0x800c_6613];

/// Changing a file's mode, with the place of the mode among the arguments.
const MODES: &[(c_long, u8)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_fchmodat2, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
];

const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// For `unshare` only: among the flags of `clone` it means something else.
const NEW_TIME_NAMESPACE: u64 = 0x80;
/// Typing into a terminal, and what the console has like it.
const TYPING: [u64; 2] = [0x5412, 0x541C];
/// Changing the flags of a file, for which it need only be open for reading.
const FLAGS: [u64; 2] = [0x4008_6602, 0x401C_5820];
/// The kinds of process that stay possible: as usual, asking for it, and without random addresses.
const PERSONALITIES: [u64; 3] = [0, 0xffff_ffff, 0x004_0000];
/// What the low bits of a socket's type mean.
const SOCKET_TYPE: u64 = 0xf;
/// System calls of the kind x32 are numbered from here on; they would pass by their other numbers.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refuses them from now on, for this process and all that comes of it.
pub(super) fn refuse(confinement: &Confinement, means: &Means) -> Result<(), Fault> {
    let program = refused(confinement, means).and_then(program).map_err(|error| fault(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| fault(&error))
}

/// One filter for all, as installing each costs time with every command.
fn program(rules: Rules) -> Result<BpfProgram, seccompiler::BackendError> {
    let action = SeccompAction::Errno(EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let known: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?;
    let mut program = missing();
    program.extend(known);
    Ok(program)
}

/// What does not exist at all: `clone3`, whose flags no filter can look at and without which programs use `clone`, and the
/// calls of the kind x32. What follows looks at the rest.
fn missing() -> BpfProgram {
    let step =
        |code: u32, k: u32, jt: u8, jf: u8| sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k };
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        #[cfg(target_arch = "x86_64")]
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, X32_BIT, 1, 0),
        step(equal, clone3, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | ENOSYS.unsigned_abs(), 0, 0),
    ]
}

fn refused(confinement: &Confinement, means: &Means) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        for flag in NAMESPACES {
            refuse_when(&mut rules, call, [has(0, u64::from(flag.unsigned_abs()))])?;
        }
    }
    refuse_when(&mut rules, libc::SYS_unshare, [has(0, NEW_TIME_NAMESPACE)])?;
    for request in TYPING {
        refuse_when(&mut rules, libc::SYS_ioctl, [is(1, request)])?;
    }
    refuse_when(&mut rules, libc::SYS_personality, PERSONALITIES.map(|kind| is_not(0, kind)))?;
    for (call, place) in MODES {
        // A file that lends its owner's rights would outlive the sandbox.
        refuse_when(&mut rules, *call, [has(*place, u64::from(libc::S_ISUID))])?;
    }
    refuse_sockets(&mut rules, confinement, means)?;
    if *means == Means::Landlock {
        rules.extend(SHARED.iter().map(|call| (*call, Vec::new())));
        for (call, place) in OF_PROCESSES {
            refuse_when(&mut rules, *call, [is_not(*place, 0)])?;
        }
    }
    if *means == Means::Landlock && confinement.writable.is_empty() {
        rules.extend(ATTRIBUTES.iter().map(|call| (*call, Vec::new())));
        for request in FLAGS {
            refuse_when(&mut rules, libc::SYS_ioctl, [is(1, request)])?;
        }
        for request in FILE_FLAGS {
            refuse_when(&mut rules, libc::SYS_ioctl, [is(1, request)])?;
        }
    }
    Ok(rules)
}

/// Sockets of the Internet only, and those only where they reach nothing or may reach everything.
///
/// Sockets in the file system are refused as a family: they lead to those who act for others, such as Docker, D-Bus and
/// agents that hold keys, and are reached by path, which Landlock cannot refuse on most kernels. Pairs of connected
/// sockets stay, but not of datagrams: those can still send to a path.
fn refuse_sockets(
    rules: &mut Rules,
    confinement: &Confinement,
    means: &Means,
) -> Result<(), seccompiler::BackendError> {
    let [inet, inet6, unix] =
        [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX].map(|family| u64::from(family.unsigned_abs()));
    if *means == Means::Landlock && confinement.network == NetworkAccess::Off {
        rules.insert(libc::SYS_socket, Vec::new());
    } else {
        refuse_when(rules, libc::SYS_socket, [is_not(0, inet), is_not(0, inet6)])?;
    }
    refuse_when(rules, libc::SYS_socketpair, [is_not(0, unix)])?;
    let datagrams = u64::from(libc::SOCK_DGRAM.unsigned_abs());
    refuse_when(rules, libc::SYS_socketpair, [(1, SeccompCmpOp::MaskedEq(SOCKET_TYPE), datagrams)])
}

type Condition = (u8, SeccompCmpOp, u64);

fn has(place: u8, flag: u64) -> Condition {
    (place, SeccompCmpOp::MaskedEq(flag), flag)
}

fn is(place: u8, value: u64) -> Condition {
    (place, SeccompCmpOp::Eq, value)
}

fn is_not(place: u8, value: u64) -> Condition {
    (place, SeccompCmpOp::Ne, value)
}

/// Refuses a call when all of these hold. Of each argument the lower half counts, which is all the kernel looks at there.
fn refuse_when(
    rules: &mut Rules,
    call: c_long,
    conditions: impl IntoIterator<Item = Condition>,
) -> Result<(), seccompiler::BackendError> {
    let conditions = conditions
        .into_iter()
        .map(|(place, op, value)| SeccompCondition::new(place, Dword, op, value))
        .collect::<Result<_, _>>()?;
    rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    Ok(())
}

fn fault(error: &dyn std::error::Error) -> Fault {
    Fault::Other(format!("set up the filter of system calls: {error}"))
}

//! Landlock: what the kernel refuses by itself, whatever the tree looks like.

use super::{Fault, Step};
use crate::sandbox::{Confinement, support::Means};
use agent_core::NetworkAccess;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The newest that this version knows; of it, what the kernel knows is used.
const NEWEST: ABI = ABI::V9;
/// Devices that are no way to anything.
const PLAIN_DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const TERMINALS: [&str; 3] = ["/dev/tty", "/dev/ptmx", "/dev/pts"];
const DEVICES: &str = "/dev";
const SHARED_MEMORY: &str = "/dev/shm";
/// Neighbours of hidden places that are named one by one at most.
const MAX_NEIGHBOURS: usize = 8_192;

/// Restricts this process and everything that comes of it.
pub(super) fn restrict(confinement: &Confinement, means: &Means, temp: Option<&Path>) -> Result<(), Fault> {
    let mut rules = ruleset(confinement, means)?;
    let read = AccessFs::from_read(NEWEST);
    // The names in a folder are no secret that mounts could not hide; what is in devices is.
    rules = allow(rules, Path::new("/"), AccessFs::ReadDir.into())?;
    let hidden = match means {
        Means::Landlock => confinement.hidden.as_slice(),
        _ => &[],
    };
    let mut shut: Vec<&Path> = hidden.iter().map(PathBuf::as_path).collect();
    shut.push(Path::new(DEVICES));
    for path in around(&shut)? {
        rules = allow(rules, &path, read)?;
    }
    for device in PLAIN_DEVICES {
        rules = allow(rules, Path::new(device), AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    for terminal in TERMINALS {
        rules = allow(rules, Path::new(terminal), terminal_access(terminal, means))?;
    }
    if !matches!(means, Means::Landlock) {
        rules = allow(rules, Path::new(SHARED_MEMORY), AccessFs::from_all(NEWEST))?;
    }
    for root in confinement.writable.iter().map(PathBuf::as_path).chain(temp) {
        rules = allow(rules, root, AccessFs::from_all(NEWEST))?;
    }
    let status = rules.restrict_self().map_err(|error| landlock_fault(&error))?;
    match (status.ruleset, means) {
        (RulesetStatus::NotEnforced, _) => {
            Err(Fault::Other("the kernel has no Landlock, or it is switched off".into()))
        }
        (_, Means::Landlock) if AccessFs::from_all(ABI::V3) & abi_access() != AccessFs::from_all(ABI::V3) => {
            Err(Fault::Other(
                "the kernel's Landlock cannot keep files from being cut short (Linux 6.2 can)".into(),
            ))
        }
        _ => Ok(()),
    }
}

/// Restricts this thread to writing only there. The error is why that cannot be.
pub(in crate::sandbox) fn restrict_writing(writable: &[PathBuf]) -> Result<(), String> {
    let write = AccessFs::from_write(NEWEST);
    let made = || -> Result<RulesetStatus, Fault> {
        let mut rules = Ruleset::default()
            .handle_access(write)
            .and_then(Ruleset::create)
            .map_err(|error| landlock_fault(&error))?;
        for root in writable {
            rules = allow(rules, root, write)?;
        }
        Ok(rules.restrict_self().map_err(|error| landlock_fault(&error))?.ruleset)
    };
    match made() {
        Ok(RulesetStatus::NotEnforced) => Err("the kernel has no Landlock, or it is switched off".to_owned()),
        Ok(_) => Ok(()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn ruleset(confinement: &Confinement, means: &Means) -> Result<RulesetCreated, Fault> {
    let made = || {
        let mut rules =
            Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?;
        // In a network namespace there is only itself to be reached, which is wanted.
        if *means == Means::Landlock && confinement.network == NetworkAccess::Off {
            rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
        }
        rules.create()
    };
    made().map_err(|error| landlock_fault(&error))
}

/// Terminals of other sessions are nobody's business; in a namespace there are none.
fn terminal_access(terminal: &str, means: &Means) -> BitFlags<AccessFs> {
    let all = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
    match (terminal, means) {
        ("/dev/tty", _) | (_, Means::Namespaces | Means::Inside) => all,
        _ => BitFlags::empty(),
    }
}

/// Allows something below a path, which need not exist.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, Fault> {
    if access.is_empty() {
        return Ok(rules);
    }
    let Ok(file) = PathFd::new(path) else { return Ok(rules) };
    // On anything but a folder, only what concerns a file can be allowed.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(file, access)).map_err(|error| landlock_fault(&error))
}

/// Everything but these places: the entries of each folder on the way to one, without the way itself.
fn around(shut: &[&Path]) -> Result<Vec<PathBuf>, Fault> {
    let mut open = Vec::new();
    let mut folders = vec![PathBuf::from("/")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).step(format!("look into {}", folder.display()))?;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if shut.contains(&path.as_path()) || entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            if shut.iter().any(|place| place.starts_with(&path)) {
                folders.push(path);
            } else {
                open.push(path);
            }
        }
        if open.len() > MAX_NEIGHBOURS {
            return Err(Fault::Other(format!(
                "there is too much beside what is to be hidden in {}",
                folder.display()
            )));
        }
    }
    Ok(open)
}

/// What this kernel's Landlock can refuse.
fn abi_access() -> BitFlags<AccessFs> {
    AccessFs::from_all(ABI::from(version()))
}

#[expect(unsafe_code, reason = "the crate does not tell the version")]
fn version() -> i32 {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with this flag the call takes nothing and returns a number.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    i32::try_from(version).unwrap_or(0)
}

fn landlock_fault(error: &dyn std::error::Error) -> Fault {
    Fault::Step { step: "set up Landlock".to_owned(), source: io::Error::other(error.to_string()) }
}

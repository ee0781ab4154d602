//! Counting what belongs to a command, and what it uses.

use crate::sandbox::{Confinement, Limits};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, openat, statat, statvfs};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::PathBuf,
};

/// More than a line of `stat` or `statm` has.
const LINE_BYTES: usize = 1024;
/// What of `/proc/meminfo` is read.
const TABLE_BYTES: usize = 4 * 1024;
/// How many bytes a block of `stat` has.
const BLOCK_BYTES: u64 = 512;
/// The growth of the machine's shared memory from which on it is looked whose it is, in bytes.
const SHARED_NOTICED_BYTES: u64 = 16 << 20;
/// What `smaps_rollup` has at most.
const ROLLUP_BYTES: usize = 4 * 1024;

/// Which processes belong to the command.
pub(super) enum Population {
    /// All in this table but the first, which is ours.
    Namespace(OwnedFd),
    /// All below this process.
    Below(i32),
}

/// A process of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) pid: i32,
    parent: i32,
    lives: bool,
}

impl Population {
    /// Everything that lives.
    pub(super) fn living(&self) -> Vec<Member> {
        let all = members(self.table());
        let mine: Vec<Member> = match self {
            Self::Namespace(_) => all.into_iter().filter(|one| one.pid != 1).collect(),
            Self::Below(root) => {
                let mut below = BTreeSet::from([*root]);
                loop {
                    let before = below.len();
                    below.extend(
                        all.iter()
                            .filter(|one| below.contains(&one.parent))
                            .map(|one| one.pid)
                            .collect::<Vec<_>>(),
                    );
                    if below.len() == before {
                        break;
                    }
                }
                all.into_iter().filter(|one| one.pid != *root && below.contains(&one.pid)).collect()
            }
        };
        mine.into_iter().filter(|one| one.lives).collect()
    }

    /// The memory of these, in bytes. Counts what is shared more than once, unless the sum is above the bound.
    fn memory(&self, members: &[Member], bound: u64) -> u64 {
        let page = rustix::param::page_size() as u64;
        let sum = |of: &dyn Fn(i32) -> Option<u64>| members.iter().filter_map(|one| of(one.pid)).sum();
        let rough: u64 = sum(&|pid| {
            let line = text::<LINE_BYTES>(self.table(), &format!("{pid}/statm"))?;
            let resident: u64 = line.split(' ').nth(1)?.parse().ok()?;
            Some(resident * page)
        });
        if rough <= bound {
            return rough;
        }
        sum(&|pid| {
            let rollup = text::<ROLLUP_BYTES>(self.table(), &format!("{pid}/smaps_rollup"))?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        })
    }

    /// What files without a name hold that these have open, in bytes: memory that belongs to no process.
    fn nameless(&self, members: &[Member]) -> u64 {
        let mut known = BTreeMap::new();
        for member in members {
            let folder = format!("{}/fd", member.pid);
            let Some(entries) = self.table().open(&folder).and_then(|open| rustix::fs::Dir::new(open).ok())
            else {
                continue;
            };
            for entry in entries.filter_map(Result::ok) {
                let Ok(name) = entry.file_name().to_str() else { continue };
                let Some(found) = self.table().look(&format!("{folder}/{name}")) else { continue };
                // One that has a name belongs to a disk, or to the bounded temporary space.
                let is_file =
                    rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::RegularFile;
                if is_file && found.st_nlink == 0 {
                    known.insert((found.st_dev, found.st_ino), found.st_blocks.unsigned_abs() * BLOCK_BYTES);
                }
            }
        }
        known.into_values().sum()
    }

    fn table(&self) -> Table<'_> {
        match self {
            Self::Namespace(table) => Table::Open(table.as_fd()),
            Self::Below(_) => Table::Host,
        }
    }
}

#[derive(Clone, Copy)]
enum Table<'a> {
    Open(BorrowedFd<'a>),
    Host,
}

impl Table<'_> {
    fn open(self, path: &str) -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        match self {
            Self::Open(table) => openat(table, path, flags, Mode::empty()).ok(),
            Self::Host => openat(CWD, format!("/proc/{path}"), flags, Mode::empty()).ok(),
        }
    }
}

impl Table<'_> {
    /// What a link of the table leads to.
    fn look(self, path: &str) -> Option<Stat> {
        match self {
            Self::Open(table) => statat(table, path, AtFlags::empty()).ok(),
            Self::Host => statat(CWD, format!("/proc/{path}"), AtFlags::empty()).ok(),
        }
    }
}

fn members(table: Table<'_>) -> Vec<Member> {
    let Some(entries) = table.open(".").and_then(|folder| rustix::fs::Dir::new(folder).ok()) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok())
        .filter_map(|pid| member(table, pid))
        .collect()
}

/// Reads a line of `stat`. The name of the program stands in parentheses and may hold anything.
fn member(table: Table<'_>, pid: i32) -> Option<Member> {
    let line = text::<LINE_BYTES>(table, &format!("{pid}/stat"))?;
    let mut fields = line.get(line.rfind(')')? + 2..)?.split(' ');
    let lives = !matches!(fields.next()?, "Z" | "X" | "x");
    Some(Member { pid, parent: fields.next()?.parse().ok()?, lives })
}

fn text<const BYTES: usize>(table: Table<'_>, path: &str) -> Option<String> {
    let file = table.open(path)?;
    let mut bytes = [0; BYTES];
    let count = rustix::io::read(&file, &mut bytes).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..count)?).into_owned())
}

/// The limits as they count on this machine at this moment.
pub(super) struct Bounds {
    processes: usize,
    memory_bytes: u64,
    /// Shared memory of the whole machine when the command began.
    shared_before_bytes: u64,
    /// A place on each disk, and what has to stay free there.
    disks: Vec<(PathBuf, u64)>,
}

impl Bounds {
    pub(super) fn of(confinement: &Confinement) -> Self {
        let Limits { processes, memory_percent, disk_floor_bytes, .. } = confinement.limits;
        let memory = rustix::system::sysinfo();
        let machine_bytes = u128::from(memory.totalram) * u128::from(memory.mem_unit.max(1));
        let memory_bytes = machine_bytes * u128::from(memory_percent.min(100)) / 100;
        let mut known = BTreeSet::new();
        let disks = confinement.writable.iter().filter_map(|root| {
            let device = root.metadata().ok()?.dev();
            let floor = disk_floor_bytes.min(free_bytes(root)? / 2);
            known.insert(device).then(|| (root.clone(), floor))
        });
        Self {
            disks: disks.collect(),
            processes: usize::try_from(processes).unwrap_or(usize::MAX),
            memory_bytes: u64::try_from(memory_bytes).unwrap_or(u64::MAX),
            shared_before_bytes: shared_memory_bytes(),
        }
    }

    /// Which of them is exceeded, for people.
    pub(super) fn exceeded_by(&self, population: &Population) -> Option<String> {
        let members = population.living();
        if members.len() > self.processes {
            let (count, most) = (members.len(), self.processes);
            return Some(format!("it had {count} processes at a time, {most} are allowed"));
        }
        let mut bytes = population.memory(&members, self.memory_bytes);
        if shared_memory_bytes().saturating_sub(self.shared_before_bytes) > SHARED_NOTICED_BYTES {
            bytes += population.nameless(&members);
        }
        if bytes > self.memory_bytes {
            let (used, most) = (bytes >> 20, self.memory_bytes >> 20);
            return Some(format!("it used {used} MiB of memory, {most} MiB are allowed"));
        }
        self.disks.iter().find_map(|(root, floor)| {
            let free = free_bytes(root)?;
            let told = || {
                let (free, floor) = (free >> 20, floor >> 20);
                format!(
                    "only {free} MiB were left on the disk of {}, {floor} MiB have to stay free",
                    root.display()
                )
            };
            (free < *floor).then(told)
        })
    }
}

/// What shared memory of all kinds takes on this machine.
fn shared_memory_bytes() -> u64 {
    let table = text::<TABLE_BYTES>(Table::Host, "meminfo");
    let kib = table.as_deref().and_then(|table| {
        let line = table.lines().find_map(|line| line.strip_prefix("Shmem:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kib.unwrap_or(0) * 1024
}

/// What an ordinary user could still write there.
fn free_bytes(place: &std::path::Path) -> Option<u64> {
    let found = statvfs(place).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

//! Using up what is shared, each within a bound of its own.

use super::{Arguments, Tried, Way, checked};
use std::{fs::File, io, io::Write, os::fd::FromRawFd, time::Duration};

pub(super) const WAYS: &[Way] =
    &[("fork-bomb", fork_bomb), ("memory", memory), ("memfd", memfd), ("pipes", pipes), ("fill", fill)];

const MIB: usize = 1024 * 1024;
/// How long a bomb stays before it goes by itself.
const STAYS: Duration = Duration::from_secs(10);

/// Doubles so many times; two to the power of that are there in the end, and stay a while.
fn fork_bomb(arguments: &Arguments) -> Tried {
    let rounds: u32 = arguments.number(0)?;
    let mut refused = None;
    for _ in 0..rounds.min(11) {
        // SAFETY: one thread; both go on with the same loop.
        if let Err(error) = checked(unsafe { libc::fork() }.into()) {
            refused = Some(error);
        }
    }
    std::thread::sleep(STAYS);
    refused.map_or_else(|| Ok("every child was born".to_owned()), Err)
}

/// Takes so many MiB and writes to each page.
fn memory(arguments: &Arguments) -> Tried {
    let mut taken = Vec::new();
    for _ in 0..arguments.number::<usize>(0)?.min(2048) {
        taken.push(std::hint::black_box(vec![1_u8; MIB]));
    }
    std::thread::sleep(STAYS);
    Ok(format!("{} MiB", taken.len()))
}

/// Keeps so many MiB in files that are in no folder.
fn memfd(arguments: &Arguments) -> Tried {
    const EACH: usize = 16;
    let mut kept = Vec::new();
    for _ in 0..arguments.number::<usize>(0)?.min(1024) / EACH {
        // SAFETY: the name ends with a NUL.
        let number = checked(unsafe { libc::memfd_create(c"".as_ptr(), 0) }.into())?;
        // SAFETY: the descriptor was just made and is nobody else's.
        let mut file = unsafe { File::from_raw_fd(i32::try_from(number).map_err(io::Error::other)?) };
        for _ in 0..EACH {
            file.write_all(&vec![1; MIB])?;
        }
        kept.push(file);
    }
    std::thread::sleep(STAYS);
    Ok(format!("{} MiB", kept.len() * EACH))
}

/// Opens descriptors until there are no more.
fn pipes(arguments: &Arguments) -> Tried {
    let mut kept = Vec::new();
    for _ in 0..arguments.number::<usize>(0)? {
        kept.push(io::pipe()?);
    }
    Ok(format!("{} pipes", kept.len()))
}

/// Writes so many MiB to a file.
fn fill(arguments: &Arguments) -> Tried {
    let mut file = File::create(arguments.text(0)?)?;
    let block = vec![1; MIB];
    for _ in 0..arguments.number::<usize>(1)?.min(1024) {
        file.write_all(&block)?;
    }
    Ok("the disk was filled".to_owned())
}

//! Attempts to get out of the sandbox that no script can make: system calls, one a run, for the escape suite.
//!
//! `escape_probe WAY [ARGUMENT…]`. Prints `GOT OUT` and what was reached, or `held:` and what the kernel said. Arguments
//! are chosen so that nothing is harmed where the call goes through.
#![expect(unsafe_code, reason = "system calls that no safe interface offers are what is tried here")]
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

mod bombs;
mod foreign;
mod kernel;
mod mounts;
mod sockets;

use std::{io, process::ExitCode};

/// What was reached, or what the kernel said.
type Tried = io::Result<String>;
/// A way out, by the name the rows call it.
type Way = (&'static str, fn(&Arguments) -> Tried);

/// What follows the name of the way.
struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, index: usize) -> io::Result<&str> {
        let missing = || io::Error::other(format!("argument {index} is missing"));
        self.0.get(index).map(String::as_str).ok_or_else(missing)
    }

    fn number<N: std::str::FromStr>(&self, index: usize) -> io::Result<N> {
        let text = self.text(index)?;
        text.parse().map_err(|_| io::Error::other(format!("`{text}` is no number that fits")))
    }

    fn path(&self, index: usize) -> io::Result<std::ffi::CString> {
        std::ffi::CString::new(self.text(index)?).map_err(io::Error::other)
    }
}

/// The result of a system call that is -1 on failure.
fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`checked`], for calls with arguments that make no sense: whoever is told so was let through to the kernel's work.
fn let_through(result: libc::c_long) -> Tried {
    match checked(result) {
        Ok(_) => Ok("the call went through".to_owned()),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => Err(error),
            _ => Ok(format!("the call was let through and only its arguments were refused: {error}")),
        },
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        println!("say which way: {}", names().join(" "));
        return ExitCode::from(2);
    };
    let Some((_, way)) = ways().find(|(known, _)| *known == name) else {
        println!("there is no way `{name}`");
        return ExitCode::from(2);
    };
    match way(&Arguments(arguments.collect())) {
        Ok(reached) => {
            println!("GOT OUT {name}: {reached}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("held: {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ways() -> impl Iterator<Item = &'static Way> {
    [foreign::WAYS, kernel::WAYS, mounts::WAYS, sockets::WAYS, bombs::WAYS].into_iter().flatten()
}

fn names() -> Vec<&'static str> {
    ways().map(|(name, _)| *name).collect()
}

//! The process that the host started: it starts the command confined, watches over it, and ends as the command ended.

use super::{
    Fault, NO_PROGRAM, NOT_CONFINED, Reporter, Step,
    census::{Bounds, Population},
    channel::{self, Message},
    confined::{self, Setting, Terminal},
    placeholders::Placeholders,
    privileges::leave_no_core,
    processes::{Forked, be_init, end_with, fork, own_handle, separate_processes},
    signals::{Arrived, Mailbox, end_by, send, without_hangup},
    watch::Watch,
};
use crate::sandbox::{launch::Order, report::Note, support::Means};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, WaitOptions, WaitStatus, getpid, wait, waitpid},
};
use std::{
    ffi::OsString,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

/// How often it is looked what the command uses.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the command leaves behind may take so long to end by itself, such as the readers of its last pipes.
const LEAVE_WAIT: Duration = Duration::from_millis(100);
const LEAVE_POLL: Duration = Duration::from_millis(2);

/// Runs a command as ordered and returns the exit code, or ends by the signal that ended the command.
pub(super) fn run(order: &Order, argv: &[OsString], reporter: &mut Reporter) -> i32 {
    if order.means == Means::Inside {
        return inside(order, argv, reporter);
    }
    match supervise(order, argv, reporter) {
        Ok(Ended::Exited(code)) => code,
        Ok(Ended::Signalled(signal)) => {
            leave_no_core();
            end_by(signal);
            128 + signal
        }
        Err(Fault::NoProgram(error)) => {
            reporter.note(&Note::NoProgram(error.to_string()));
            NO_PROGRAM
        }
        Err(fault) => {
            reporter.note(&Note::Fault(fault.to_string()));
            NOT_CONFINED
        }
    }
}

/// The part of the work that is left inside of what `bwrap` made.
fn inside(order: &Order, argv: &[OsString], reporter: &mut Reporter) -> i32 {
    let setting = Setting { rights: None, terminal: Terminal::Kept, temp: Some("/dev/shm".into()) };
    let confined = confined::restrict(order, &setting).and_then(|()| {
        reporter.note(&Note::Started);
        Err(confined::become_program(argv, &setting))
    });
    match confined {
        Err(Fault::NoProgram(error)) => {
            reporter.note(&Note::NoProgram(error.to_string()));
            NO_PROGRAM
        }
        Err(fault) => {
            reporter.note(&Note::Fault(fault.to_string()));
            NOT_CONFINED
        }
        Ok(()) => NOT_CONFINED,
    }
}

/// How a command ended.
enum Ended {
    Exited(i32),
    Signalled(i32),
}

/// What was started.
struct Started {
    mailbox: Mailbox,
    program: Pid,
    /// The first process of the namespace, where there is one: with it everything ends.
    init: Option<Pid>,
    /// Where the program tells how far it is; `None` once it has become the program, or never will.
    channel: Option<OwnedFd>,
    population: Population,
    /// Whether the program is about to be there.
    going: bool,
}

fn supervise(order: &Order, argv: &[OsString], reporter: &mut Reporter) -> Result<Ended, Fault> {
    let terminal = confined::release_terminal(without_hangup);
    let mailbox = Mailbox::open().step("listen for signals")?;
    let placeholders = match order.means {
        Means::Landlock => Placeholders::default(),
        _ => Placeholders::put(&order.confinement.reserved).step("keep places free that must stay empty")?,
    };
    let mut order = order.clone();
    order.confinement.reserved.retain(|place| !placeholders.is_impossible(place));
    let order = &order;
    let mut watch = Watch::over(&order.confinement, &order.means);
    let bounds = Bounds::of(&order.confinement);
    let mut private = None;
    let mut started = match &order.means {
        Means::Namespaces => in_namespaces(order, argv, mailbox, terminal)?,
        Means::Bubblewrap(program) => by_bubblewrap(order, program, argv, mailbox, reporter)?,
        _ => by_rules(order, argv, mailbox, terminal, &mut private)?,
    };
    let ended = started.attend(&bounds, &mut watch, reporter);
    let left = started.end_all();
    if left > 0 && ended.is_ok() {
        reporter.note(&Note::Left(left));
    }
    watch.look(reporter);
    placeholders.take_away();
    if let Some(folder) = private {
        let _ = std::fs::remove_dir_all(folder);
    }
    ended
}

/// Starts the command in namespaces of its own.
fn in_namespaces(
    order: &Order,
    argv: &[OsString],
    mailbox: Mailbox,
    terminal: Terminal,
) -> Result<Started, Fault> {
    let handle = own_handle()?;
    let rights = separate_processes()?;
    let Forked::Parent(init) = fork().step("start the first process")? else { be_init(&handle) };
    let (ours, theirs) = channel::pair()?;
    let setting = Setting { rights: Some(rights), terminal, temp: None };
    let Forked::Parent(program) = fork().step("start the command")? else {
        drop(ours);
        become_or_tell(order, argv, setting, &handle, &theirs)
    };
    let population = Population::Below(getpid().as_raw_nonzero().get());
    Ok(Started { mailbox, program, init: Some(init), channel: Some(ours), population, going: false })
}

/// Starts the command with rules alone.
fn by_rules(
    order: &Order,
    argv: &[OsString],
    mailbox: Mailbox,
    terminal: Terminal,
    private: &mut Option<std::path::PathBuf>,
) -> Result<Started, Fault> {
    // What loses its parent comes here, so that nothing gets lost.
    rustix::process::set_child_subreaper(Some(getpid())).step("adopt what the command leaves behind")?;
    private.clone_from(&confined::private_folder());
    let handle = own_handle()?;
    let (ours, theirs) = channel::pair()?;
    let setting = Setting { rights: None, terminal, temp: private.clone() };
    let Forked::Parent(program) = fork().step("start the command")? else {
        drop(ours);
        become_or_tell(order, argv, setting, &handle, &theirs)
    };
    let population = Population::Below(getpid().as_raw_nonzero().get());
    Ok(Started { mailbox, program, init: None, channel: Some(ours), population, going: false })
}

/// Starts the command in what `bwrap` makes.
fn by_bubblewrap(
    order: &Order,
    bubblewrap: &std::path::Path,
    argv: &[OsString],
    mailbox: Mailbox,
    reporter: &Reporter,
) -> Result<Started, Fault> {
    rustix::process::set_child_subreaper(Some(getpid())).step("adopt what the command leaves behind")?;
    let handle = own_handle()?;
    let (ours, theirs) = channel::pair()?;
    let line = confined::bubblewrap_line(order, argv, &reporter.pipe)?;
    let Forked::Parent(program) = fork().step("start bwrap")? else {
        drop(ours);
        let error = match end_with(&handle) {
            Ok(()) => confined::exec_as_is(bubblewrap, &line),
            Err(fault) => fault,
        };
        let _ = channel::tell(&theirs, &Message::Fault(format!("bwrap cannot be started: {error}")));
        std::process::exit(NOT_CONFINED)
    };
    let population = Population::Below(getpid().as_raw_nonzero().get());
    Ok(Started { mailbox, program, init: None, channel: Some(ours), population, going: false })
}

/// In the child: confines itself and becomes the program, or tells why not.
fn become_or_tell(
    order: &Order,
    argv: &[OsString],
    mut setting: Setting,
    parent: &OwnedFd,
    channel: &OwnedFd,
) -> ! {
    let fault = end_with(parent)
        .and_then(|()| confined::separate(order, &mut setting, channel))
        .and_then(|()| confined::restrict(order, &setting))
        .and_then(|()| channel::tell(channel, &Message::Going))
        .map_or_else(|fault| fault, |()| confined::become_program(argv, &setting));
    let (message, code) = match fault {
        Fault::NoProgram(error) => (Message::NoProgram(error.to_string()), NO_PROGRAM),
        fault => (Message::Fault(fault.to_string()), NOT_CONFINED),
    };
    let _ = channel::tell(channel, &message);
    std::process::exit(code)
}

impl Started {
    /// Waits for the end of the command.
    fn attend(
        &mut self,
        bounds: &Bounds,
        watch: &mut Watch,
        reporter: &mut Reporter,
    ) -> Result<Ended, Fault> {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            self.wait_until(next_look)?;
            self.hear(reporter)?;
            while let Some(arrived) = self.mailbox.take() {
                if let Arrived::Forward(signal) = arrived {
                    send(self.program, signal);
                }
            }
            if let Some(ended) = self.reaped()? {
                // What it told before it ended may still be there.
                while self.channel.is_some() {
                    self.hear(reporter)?;
                }
                return Ok(ended);
            }
            if Instant::now() >= next_look {
                next_look = Instant::now() + LOOK_EVERY;
                watch.look(reporter);
                if let Some(limit) = bounds.exceeded_by(&self.population) {
                    reporter.note(&Note::Limit(limit));
                    self.end_all();
                    return Ok(Ended::Signalled(Signal::KILL.as_raw()));
                }
            }
        }
    }

    fn wait_until(&self, then: Instant) -> Result<(), Fault> {
        let mut files = vec![PollFd::new(&self.mailbox, PollFlags::IN)];
        files.extend(self.channel.as_ref().map(|channel| PollFd::new(channel, PollFlags::IN)));
        let left = then.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut files, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).step("wait for the command"),
        }
    }

    /// Takes what the process tells that becomes the program.
    fn hear(&mut self, reporter: &mut Reporter) -> Result<(), Fault> {
        while let Some(channel) = &self.channel {
            let mut look = [PollFd::new(channel, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if !poll(&mut look, Some(&now)).is_ok_and(|ready| ready > 0) {
                return Ok(());
            }
            match channel::hear(channel) {
                Message::Processes(table) => self.population = Population::Namespace(table),
                Message::Going => self.going = true,
                Message::Fault(why) => return Err(Fault::Other(why)),
                Message::NoProgram(why) => return Err(Fault::NoProgram(std::io::Error::other(why))),
                Message::Closed => {
                    self.channel = None;
                    if self.going {
                        reporter.note(&Note::Started);
                    }
                }
            }
        }
        Ok(())
    }

    /// How the command ended, if it has; also reaps what it left to this process.
    fn reaped(&self) -> Result<Option<Ended>, Fault> {
        match waitpid(Some(self.program), WaitOptions::NOHANG) {
            Ok(None) => Ok(None),
            Ok(Some((_, status))) => Ok(Some(ended(status))),
            Err(error) => Err(error).step("wait for the command"),
        }
    }

    /// Ends everything that is left, after a moment in which it may end by itself. How much there was.
    fn end_all(&mut self) -> usize {
        let nobody = matches!(wait(WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD));
        if self.init.is_none() && nobody {
            return 0;
        }
        let begun = Instant::now();
        let me = getpid();
        let is_left = |one: &super::census::Member| {
            Some(one.pid) != self.init.map(|init| init.as_raw_nonzero().get())
                && one.pid != me.as_raw_nonzero().get()
        };
        let mut left = self.population.living().into_iter().filter(is_left).count();
        let is_running = waitpid(Some(self.program), WaitOptions::NOHANG).is_ok_and(|ended| ended.is_none());
        while left > 0 && !is_running && begun.elapsed() < LEAVE_WAIT {
            std::thread::sleep(LEAVE_POLL);
            left = self.population.living().into_iter().filter(is_left).count();
        }
        match self.init.take() {
            Some(init) => {
                send(init, Signal::KILL);
                // It ends when everything of its namespace has, and what is a child of this process has been reaped.
                while let Ok(Some(_)) = wait(WaitOptions::empty()) {}
            }
            None => self.kill_below(),
        }
        left
    }

    /// Stops what is there, so that nothing new comes, until there is nothing; then it is killed.
    fn kill_below(&self) {
        let pids = || -> Vec<Pid> {
            self.population.living().iter().filter_map(|one| Pid::from_raw(one.pid)).collect()
        };
        let mut stopped = Vec::new();
        loop {
            let found: Vec<Pid> = pids().into_iter().filter(|pid| !stopped.contains(pid)).collect();
            if found.is_empty() {
                break;
            }
            found.iter().for_each(|pid| send(*pid, Signal::STOP));
            stopped.extend(found);
        }
        let begun = Instant::now();
        loop {
            let found = pids();
            found.iter().for_each(|pid| send(*pid, Signal::KILL));
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            if found.is_empty() || begun.elapsed() > LEAVE_WAIT {
                return;
            }
            std::thread::sleep(LEAVE_POLL);
        }
    }
}

fn ended(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signalled(signal.unwrap_or(libc::SIGKILL)),
    }
}

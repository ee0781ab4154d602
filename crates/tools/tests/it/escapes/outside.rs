//! What lives outside and may not notice anything: a process, listeners, a terminal, memory, open descriptors.
#![expect(unsafe_code, reason = "terminals and System V memory have no safe interface here")]

use super::row::program;
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            fs::OpenOptionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Where `examples/escape_probe` is built.
pub(super) fn probe() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let probe = test.parent().unwrap().parent().unwrap().join("examples/escape_probe");
    assert!(probe.is_file(), "{} is missing: build the examples of this crate", probe.display());
    probe
}

/// A process outside.
pub(super) struct Victim {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    /// Where in its memory it keeps something.
    pub(super) place: usize,
    vitals: String,
}

impl Victim {
    /// Starts one that has a secret in its environment.
    pub(super) fn new(secret: &str) -> Self {
        let mut command = Command::new(probe());
        command.arg("victim").env("VICTIM_SECRET", secret).process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut place = String::new();
        said.read_line(&mut place).unwrap();
        let mut victim = Self { child, said, place: place.trim().parse().unwrap(), vitals: String::new() };
        victim.vitals = victim.look().unwrap();
        victim
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What was done to it, if anything.
    pub(super) fn harm(&mut self) -> Option<String> {
        match self.look() {
            Ok(now) if now == self.vitals => None,
            Ok(now) => {
                let lines = self.vitals.lines().zip(now.lines()).find(|(before, after)| before != after);
                let (before, after) = lines.unwrap_or_default();
                Some(format!("the process outside was `{before}` and is `{after}`"))
            }
            Err(harm) => Some(harm),
        }
    }

    /// All that can be done to it from outside.
    fn look(&mut self) -> Result<String, String> {
        if let Some(status) = self.child.try_wait().unwrap() {
            return Err(format!("the process outside ended: {status}"));
        }
        let file = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap();
        let status = file("status");
        if status.lines().any(|line| line.starts_with("State:\tT") || line.starts_with("State:\tt")) {
            return Err("the process outside was stopped".to_owned());
        }
        let known = ["Cpus_allowed_list", "TracerPid", "NSpid"];
        let some = status.lines().filter(|line| known.iter().any(|name| line.starts_with(name)));
        let nice = file("stat").rsplit(") ").next().unwrap().split(' ').nth(16).unwrap_or("").to_owned();
        let mut all: String = some.map(|line| format!("{line}\n")).collect();
        all += &format!("nice {nice}\nunkillable {}{}", file("oom_score_adj"), file("limits"));
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.said.read_line(&mut all).unwrap();
        Ok(all)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything outside that would notice being talked to.
pub(super) struct Outside {
    pub(super) victim: Victim,
    pub(super) tcp: TcpListener,
    pub(super) tcp_v6: Option<TcpListener>,
    pub(super) udp: UdpSocket,
    /// As a container daemon, a message bus or a key agent has one.
    pub(super) daemon: UnixListener,
    /// As the system's log has one.
    pub(super) log: UnixDatagram,
    pub(super) named: UnixListener,
    pub(super) named_log: UnixDatagram,
    fifo: File,
    terminal: Terminal,
    pub(super) memory: SharedMemory,
    /// Open for writing in the host, and not marked to be closed.
    pub(super) file: File,
    pub(super) folder: File,
    pub(super) connection: UnixStream,
    other_end: UnixStream,
}

impl Outside {
    pub(super) fn new(folder: &Path, token: &str) -> Self {
        let fifo_path = folder.join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo_path, rustix::fs::FileType::Fifo, 0o666.into(), 0)
            .unwrap();
        let read_now = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let fifo = File::options().read(true).custom_flags(read_now).open(fifo_path).unwrap();
        let abstract_name = |kind: &str| SocketAddr::from_abstract_name(format!("{kind}-{token}")).unwrap();
        let (connection, other_end) = UnixStream::pair().unwrap();
        let outside = Self {
            victim: Victim::new(&format!("victim-{token}")),
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            tcp_v6: TcpListener::bind("[::1]:0").ok(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            daemon: UnixListener::bind(folder.join("daemon.sock")).unwrap(),
            log: UnixDatagram::bind(folder.join("log.sock")).unwrap(),
            named: UnixListener::bind_addr(&abstract_name("stream")).unwrap(),
            named_log: UnixDatagram::bind_addr(&abstract_name("log")).unwrap(),
            fifo,
            terminal: Terminal::new(),
            memory: SharedMemory::new(),
            file: File::options().append(true).open(folder.join("inherited")).unwrap(),
            folder: File::open(folder).unwrap(),
            connection,
            other_end,
        };
        outside.tcp.set_nonblocking(true).unwrap();
        if let Some(listener) = &outside.tcp_v6 {
            listener.set_nonblocking(true).unwrap();
        }
        outside.udp.set_nonblocking(true).unwrap();
        outside.daemon.set_nonblocking(true).unwrap();
        outside.log.set_nonblocking(true).unwrap();
        outside.named.set_nonblocking(true).unwrap();
        outside.named_log.set_nonblocking(true).unwrap();
        outside.other_end.set_nonblocking(true).unwrap();
        for inherited in [outside.file.as_fd(), outside.folder.as_fd(), outside.connection.as_fd()] {
            rustix::io::fcntl_setfd(inherited, rustix::io::FdFlags::empty()).unwrap();
        }
        outside
    }

    pub(super) fn terminal(&self) -> &str {
        &self.terminal.path
    }

    /// What was noticed.
    pub(super) fn noticed(&mut self) -> Vec<String> {
        let mut noticed: Vec<String> = self.victim.harm().into_iter().collect();
        let mut buffer = [0; 64];
        let mut note = |who: &str, what: bool| {
            if what {
                noticed.push(format!("{who} was reached"));
            }
        };
        note("the TCP listener", self.tcp.accept().is_ok());
        note("the IPv6 listener", self.tcp_v6.as_ref().is_some_and(|listener| listener.accept().is_ok()));
        note("the UDP listener", self.udp.recv(&mut buffer).is_ok());
        note("the daemon's socket", self.daemon.accept().is_ok());
        note("the log's socket", self.log.recv(&mut buffer).is_ok());
        note("the abstract socket", self.named.accept().is_ok());
        note("the abstract log", self.named_log.recv(&mut buffer).is_ok());
        note("the named pipe", self.fifo.read(&mut buffer).is_ok_and(|count| count > 0));
        note("the host's connection", self.other_end.read(&mut buffer).is_ok_and(|count| count > 0));
        note("the user's terminal", self.terminal.was_written());
        note("shared memory", self.memory.was_written());
        note("the message queue", self.memory.was_sent_to());
        noticed
    }
}

/// A terminal as a user has it open.
struct Terminal {
    user: File,
    /// Held open, as a shell does.
    _shell: File,
    path: String,
}

impl Terminal {
    fn new() -> Self {
        // SAFETY: a number goes in, a descriptor comes out, which is nobody else's.
        let user = unsafe {
            let number =
                libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC);
            assert!(number >= 0, "{}", io::Error::last_os_error());
            assert_eq!((libc::grantpt(number), libc::unlockpt(number)), (0, 0));
            OwnedFd::from_raw_fd(number)
        };
        let mut name = [0_u8; 64];
        // SAFETY: the buffer is as long as said.
        assert_eq!(unsafe { libc::ptsname_r(user.as_raw_fd(), name.as_mut_ptr().cast(), name.len()) }, 0);
        let path = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
        let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
        let shell = File::options().read(true).write(true).custom_flags(flags).open(&path).unwrap();
        Self { user: user.into(), _shell: shell, path }
    }

    /// Whether anything was shown on it, or typed, which is shown too.
    fn was_written(&mut self) -> bool {
        self.user.read(&mut [0; 64]).is_ok_and(|count| count > 0)
    }
}

/// A segment and a queue in the machine's own name space of such things.
pub(super) struct SharedMemory {
    pub(super) segment: i32,
    pub(super) queue: i32,
}

impl SharedMemory {
    fn new() -> Self {
        // SAFETY: numbers only.
        let (segment, queue) = unsafe {
            let rights = libc::IPC_CREAT | 0o666;
            (libc::shmget(libc::IPC_PRIVATE, 4096, rights), libc::msgget(libc::IPC_PRIVATE, rights))
        };
        assert!(segment >= 0 && queue >= 0, "{}", io::Error::last_os_error());
        Self { segment, queue }
    }

    fn was_written(&self) -> bool {
        // SAFETY: the segment is a page, which is attached while it is read.
        unsafe {
            let place = libc::shmat(self.segment, std::ptr::null(), libc::SHM_RDONLY);
            assert!(place as isize != -1, "{}", io::Error::last_os_error());
            let written = place.cast::<u8>().read_volatile() != 0;
            libc::shmdt(place);
            written
        }
    }

    fn was_sent_to(&self) -> bool {
        let mut message = [0_u64; 4];
        // SAFETY: the buffer holds the type and sixteen bytes.
        unsafe { libc::msgrcv(self.queue, message.as_mut_ptr().cast(), 16, 0, libc::IPC_NOWAIT) >= 0 }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: both were made by this value.
        unsafe {
            libc::shmctl(self.segment, libc::IPC_RMID, std::ptr::null_mut());
            libc::msgctl(self.queue, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
}

/// Where python is.
pub(super) fn interpreter() -> String {
    program("python3").map_or_else(|| "python3".to_owned(), |path| path.display().to_string())
}

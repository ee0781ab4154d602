//! One attempt's world: a workspace to work in, and all around it what may not change.

use super::{
    canary::Canary,
    left_running,
    outside::{Outside, interpreter, probe},
    row::Under,
};
use crate::world::{Blobs, config};
use agent_core::{EventSink, NetworkAccess, SandboxPolicy, testing::RecordingSink};
use std::{
    fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tools::{
    ToolRegistry,
    sandbox::{Helper, Level, Limits, SandboxConfig, usual_secrets},
};

/// Folders that every user of a machine can write to.
const SHARED: [&str; 3] = ["/dev/shm", "/var/tmp", "/tmp"];

/// The helper of the sandbox.
const HELPER: &str = env!("CARGO_BIN_EXE_everturn-sandbox");
/// Commands may use this much at least; the bombs need more.
const LEAST_MEMORY_BYTES: u64 = 300 << 20;

pub(super) struct Arena {
    pub(super) registry: ToolRegistry,
    pub(super) sandbox: SandboxPolicy,
    pub(super) outside: Outside,
    folder: tempfile::TempDir,
    /// Stands in every name and every command line, and nowhere else on the machine.
    pub(super) token: String,
    before: Option<Canary>,
}

impl Arena {
    pub(super) fn new(under: Under) -> Self {
        Self::with(under, Level::Best, &[])
    }

    /// One where nothing better than this holds commands, and their environment has this besides.
    pub(super) fn with(under: Under, level: Level, environment: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token = format!("{}{:03}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::Builder::new().prefix(&format!("escape-{token}-")).tempdir().unwrap();
        let root = folder.path();
        plant(root, &token);
        let outside = Outside::new(&root.join("outside"), &token);
        let workspace = |network| SandboxPolicy::WorkspaceWrite {
            writable_roots: vec![path_text(&root.join("second"))],
            network,
        };
        let sandbox = match under {
            Under::ReadOnly => SandboxPolicy::ReadOnly,
            Under::Workspace => workspace(NetworkAccess::Off),
            Under::Network => workspace(NetworkAccess::On),
        };
        let outside_path = path_text(&root.join("outside"));
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.replace("{out}", &outside_path)))
            .collect();
        let registry = registry(root, &token, level, environment);
        Self { registry, sandbox, outside, folder, token, before: None }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn workspace(&self) -> String {
        path_text(&self.path("ws"))
    }

    pub(super) fn write(&self, path: &str, content: &str) {
        put(&self.path(path), content);
    }

    /// What is seen now is what may not change.
    pub(super) fn remember(&mut self) {
        self.before = Some(self.look());
    }

    fn look(&self) -> Canary {
        let inside = |path: &str| self.path(path);
        let mut roots: Vec<PathBuf> =
            ["outside", "home", "ws/.git", "ws/.everturn", "ws/meta", "second/.git", "second/.everturn"]
                .map(inside)
                .into();
        for shared in SHARED {
            roots
                .extend(["kept", "new"].map(|kind| Path::new(shared).join(format!("{kind}-{}", self.token))));
        }
        roots.push(Path::new("/etc").join(format!("new-{}", self.token)));
        // A pipe's times change when it is read, and these two are for what the host itself does.
        let except = ["home/.everturn/effects", "outside/fifo"].map(inside);
        Canary::of(&roots, &except)
    }

    /// Everything by which it can be told that an attempt got out, but for what it says itself.
    pub(super) fn breaches(&mut self) -> Vec<String> {
        let mut breaches = left_running::found(self.outside.victim.pid(), &[self.name(), &self.token]);
        breaches.extend(self.before.as_ref().unwrap().differences(&self.look()));
        breaches.extend(self.outside.noticed());
        breaches.extend(self.mounts());
        let around: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !["outside", "home", "ws", "second"].contains(&name.as_str()))
            .collect();
        breaches.extend(around.into_iter().map(|name| format!("{name} is new beside the workspace")));
        breaches
    }

    fn name(&self) -> &str {
        self.folder.path().file_name().unwrap().to_str().unwrap()
    }

    fn mounts(&self) -> Option<String> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.contains(self.name()).then(|| "something is mounted here, outside of the sandbox".to_owned())
    }

    /// Puts the places of the arena where a row names them.
    pub(super) fn fill(&self, template: &str) -> String {
        let outside = &self.outside;
        let v6 = outside.tcp_v6.as_ref().map(|listener| listener.local_addr().unwrap().to_string());
        let places = [
            ("{root}", path_text(self.folder.path())),
            ("{ws}", self.workspace()),
            ("{out}", path_text(&self.path("outside"))),
            ("{home}", path_text(&self.path("home"))),
            ("{policy}", path_text(&self.path("home/.everturn"))),
            ("{token}", self.token.clone()),
            ("{probe}", path_text(&probe())),
            ("{helper}", HELPER.to_owned()),
            ("{python}", interpreter()),
            ("{victim}", outside.victim.pid().to_string()),
            ("{place}", outside.victim.place.to_string()),
            ("{tcp}", outside.tcp.local_addr().unwrap().to_string()),
            ("{port}", outside.tcp.local_addr().unwrap().port().to_string()),
            ("{tcp6}", v6.unwrap_or_default()),
            ("{udp}", outside.udp.local_addr().unwrap().to_string()),
            ("{terminal}", outside.terminal().to_owned()),
            ("{segment}", outside.memory.segment.to_string()),
            ("{queue}", outside.memory.queue.to_string()),
            ("{file}", outside.file.as_raw_fd().to_string()),
            ("{folder}", outside.folder.as_raw_fd().to_string()),
            ("{connection}", outside.connection.as_raw_fd().to_string()),
        ];
        places.iter().fold(template.to_owned(), |text, (name, place)| text.replace(name, place))
    }

    /// What was planted to be kept, and must not be in any answer.
    pub(super) fn secrets(&self) -> [String; 2] {
        [format!("hidden-{}", self.token), format!("victim-{}", self.token)]
    }

    /// The text without what is different each time.
    pub(super) fn plain(&self, text: &str) -> String {
        let text = text.replace(&path_text(self.folder.path()), "…").replace(&self.token, "N");
        text.replace(&path_text(probe().parent().unwrap()), "…")
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for shared in SHARED.into_iter().chain(["/etc"]) {
            for kind in ["kept", "new"] {
                let _ = fs::remove_file(Path::new(shared).join(format!("{kind}-{}", self.token)));
            }
        }
        // A bind mount that got out is not to be emptied with the folder.
        if self.mounts().is_some() {
            let _ = std::process::Command::new("umount").arg("-l").arg(self.path("ws/mounted")).status();
        }
        // A copy of what is hidden is as closed as what hides it.
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(self.path("ws")).status();
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A workspace that is a repository, another writable root, a home with secrets, a folder of somebody else's.
fn plant(root: &Path, token: &str) {
    let secret = format!("hidden-{token}\n");
    for (path, content) in [
        ("ws/file", "mine\n"),
        ("ws/sub/deep/file", "mine\n"),
        ("ws/.env", secret.as_str()),
        ("ws/sub/.env", &secret),
        ("ws/.git/HEAD", "ref: refs/heads/main\n"),
        ("ws/.git/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"),
        ("ws/.git/hooks/commit-msg", "#!/bin/sh\n"),
        ("ws/.git/info/exclude", ""),
        ("ws/.git/refs/heads/.keep", ""),
        ("ws/.git/objects/.keep", ""),
        ("ws/.everturn/config.toml", "approval_policy = \"untrusted\"\n"),
        ("second/file", "mine\n"),
        ("second/.git/hooks/commit-msg", "#!/bin/sh\n"),
        ("second/.everturn/config.toml", ""),
        ("outside/file", "kept\n"),
        ("outside/inherited", "kept\n"),
        ("outside/deep/er/file", "kept\n"),
        ("outside/secret", "kept\n"),
        ("home/.bashrc", "# kept\n"),
        ("home/.profile", "# kept\n"),
        ("home/.gitconfig", "[user]\n\tname = kept\n\temail = kept@example.com\n"),
        ("home/.ssh/id_ed25519", &secret),
        ("home/.aws/credentials", &secret),
        ("home/.config/systemd/user/.keep", ""),
        ("home/.everturn/config.toml", "approval_policy = \"untrusted\"\n"),
        ("home/.everturn/rules/default.rules", "# kept\n"),
        ("home/.everturn/auth.json", &secret),
        ("home/.everturn/effects/.keep", ""),
    ] {
        put(&root.join(path), content);
    }
    std::os::unix::fs::symlink("file", root.join("outside/link")).unwrap();
    let _ = rustix::fs::setxattr(
        root.join("outside/file"),
        "user.kept",
        b"kept",
        rustix::fs::XattrFlags::empty(),
    );
    for shared in SHARED {
        let path = Path::new(shared).join(format!("kept-{token}"));
        // Not every machine has them all.
        let _ = fs::write(path, "kept\n");
    }
}

fn registry(root: &Path, token: &str, level: Level, environment: Vec<(String, String)>) -> ToolRegistry {
    let sink: Arc<dyn EventSink> = Arc::new(RecordingSink::default());
    let mut config = config(&root.join("home/.everturn"), sink, Arc::new(Blobs::default()));
    for (name, value) in [
        ("HOME", path_text(&root.join("home"))),
        ("ESCAPE_ARENA", token.to_owned()),
        ("SSH_AUTH_SOCK", path_text(&root.join("outside/daemon.sock"))),
        ("PATH", format!("{}:{}", path_text(&root.join("ws/bin")), std::env::var("PATH").unwrap())),
        ("BASH_ENV", path_text(&root.join("ws/startup.sh"))),
    ] {
        config.environment.insert(name.to_owned(), value);
    }
    config.environment.extend(environment);
    config.sandbox = sandbox(root);
    config.sandbox.at_most = level;
    ToolRegistry::new(config)
}

/// As a host would configure it, with limits that a test can reach without harm.
fn sandbox(root: &Path) -> SandboxConfig {
    let mut config = SandboxConfig::of_home(root.join("home/.everturn"));
    config.helper = Helper::Program(HELPER.into());
    config.hidden.extend(usual_secrets(&root.join("home")));
    config.hidden.extend([".env", "sub/.env"].map(PathBuf::from));
    config.limits = Limits {
        processes: 256,
        memory_percent: percent_of_memory(LEAST_MEMORY_BYTES),
        file_bytes: 64 << 20,
        temp_bytes: 64 << 20,
        ..Limits::default()
    };
    config
}

/// The least percentage of the machine's memory that is as much.
fn percent_of_memory(bytes: u64) -> u64 {
    let table = fs::read_to_string("/proc/meminfo").unwrap();
    let total = table.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total: u64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    (bytes * 100).div_ceil(total * 1024)
}

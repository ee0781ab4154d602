//! What a row of the table says.

use super::arena::Arena;

/// One attempt to get out.
pub(super) struct Row {
    /// What is tried, in a few words; unique in the whole suite.
    pub(super) name: &'static str,
    pub(super) tries: Tries,
    /// Why it fails.
    pub(super) holds: &'static str,
    pub(super) under: Under,
    /// Whether the very same thing gets out where nothing holds it.
    pub(super) control: Control,
    /// What the machine must have for the attempt to mean anything.
    pub(super) needs: &'static [Need],
    /// The model has to be told one of these; nothing where there is none.
    pub(super) told: &'static [&'static str],
    /// When the call is stopped, in milliseconds.
    pub(super) limit_ms: u64,
    /// What the environment of the command has besides.
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Prepares the arena before anything is compared.
    pub(super) arrange: fn(&Arena),
}

/// How it is tried. `{names}` stand for places of the arena, see [`Arena::fill`].
#[derive(Clone, Copy)]
pub(super) enum Tries {
    /// A line for `exec_command`.
    Line(&'static str),
    /// A call of another tool, its arguments as JSON.
    Tool(&'static str, &'static str),
    /// A patch.
    Patch(&'static str),
}

/// The policy it is tried under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    ReadOnly,
    Workspace,
    /// As [`Under::Workspace`], with the network on.
    Network,
}

/// What is known of the attempt where nothing holds it.
#[derive(Clone, Copy)]
pub(super) enum Control {
    /// It gets out, given these.
    GetsOut(&'static [Need]),
    /// It is not tried, for this reason.
    Untried(&'static str),
}

/// Something a machine may lack.
#[derive(Clone, Copy)]
pub(super) enum Need {
    Root,
    /// Not root.
    User,
    Program(&'static str),
    Path(&'static str),
    V6,
    /// At least this version, major and minor.
    Kernel(u32, u32),
}

/// What is said of a denial, by whatever program.
pub(super) const DENIED: &[&str] = &[
    "ermission denied",
    "ot permitted",
    "ead-only",
    "ross-device",
    "held:",
    "outside the writable",
    "No such",
    "protected",
    "refused",
];

/// An attempt by a line of shell.
pub(super) const fn line(name: &'static str, script: &'static str, holds: &'static str) -> Row {
    row(name, Tries::Line(script), holds)
}

/// An attempt by another tool.
pub(super) const fn tool(
    name: &'static str,
    tool: &'static str,
    arguments: &'static str,
    holds: &'static str,
) -> Row {
    row(name, Tries::Tool(tool, arguments), holds)
}

/// An attempt by a patch.
pub(super) const fn patch(name: &'static str, text: &'static str, holds: &'static str) -> Row {
    row(name, Tries::Patch(text), holds)
}

const fn row(name: &'static str, tries: Tries, holds: &'static str) -> Row {
    Row {
        name,
        tries,
        holds,
        under: Under::Workspace,
        control: Control::GetsOut(&[]),
        needs: &[],
        told: DENIED,
        limit_ms: 8_000,
        environment: &[],
        arrange: |_| {},
    }
}

impl Row {
    pub(super) const fn under(self, under: Under) -> Self {
        Self { under, ..self }
    }

    pub(super) const fn control_needs(self, needs: &'static [Need]) -> Self {
        Self { control: Control::GetsOut(needs), ..self }
    }

    pub(super) const fn untried(self, why: &'static str) -> Self {
        Self { control: Control::Untried(why), ..self }
    }

    pub(super) const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    pub(super) const fn told(self, told: &'static [&'static str]) -> Self {
        Self { told, ..self }
    }

    pub(super) const fn limit_ms(self, limit_ms: u64) -> Self {
        Self { limit_ms, ..self }
    }

    pub(super) const fn environment(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    pub(super) const fn arranged(self, arrange: fn(&Arena)) -> Self {
        Self { arrange, ..self }
    }
}

impl Need {
    /// What is missing here.
    pub(super) fn missing(self) -> Option<String> {
        let (there, name) = match self {
            Self::Root => (rustix::process::geteuid().is_root(), "the rights of root"),
            Self::User => (!rustix::process::geteuid().is_root(), "an ordinary user"),
            Self::Program(name) => (program(name).is_some(), name),
            Self::Path(path) => (std::path::Path::new(path).exists(), path),
            Self::Kernel(major, minor) => (kernel() >= (major, minor), "a newer kernel"),
            Self::V6 => (std::net::TcpListener::bind("[::1]:0").is_ok(), "IPv6"),
        };
        (!there).then(|| format!("{name} is missing"))
    }
}

/// The version of the kernel, major and minor.
fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Where a program is. The system's own come first: what a user put before them may be a wrapper.
pub(super) fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].into_iter().chain(path.split(':'));
    folders.map(|folder| std::path::Path::new(folder).join(name)).find(|path| path.is_file())
}

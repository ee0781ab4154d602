//! [`Support`]: what this system can do to hold a command, found out by doing it once.

use super::{Confinement, SandboxConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How well commands can be held here, the better the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Not at all.
    Nothing,
    /// Landlock and seccomp alone: nothing inside a writable directory can be protected.
    Landlock,
    /// `bwrap`, with Landlock and seccomp inside.
    Bubblewrap,
    /// Namespaces, Landlock and seccomp; on macOS Seatbelt.
    Best,
}

/// What this system can do to hold a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// How well.
    pub level: Level,
    /// Why not better, a sentence for each thing tried.
    pub reasons: Vec<String>,
    bubblewrap: Option<PathBuf>,
}

/// By what a launch is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Means {
    Namespaces,
    Bubblewrap(PathBuf),
    /// Inside of what `bwrap` made.
    Inside,
    Landlock,
    Seatbelt,
}

impl Support {
    /// What this system can do. Starts the helper once or more, so it takes some milliseconds.
    pub fn detect(config: &SandboxConfig) -> Self {
        detect(config)
    }

    fn nothing(reason: impl Into<String>) -> Self {
        Self { level: Level::Nothing, reasons: vec![reason.into()], bubblewrap: None }
    }

    /// By what a command is held, or why it cannot be and what helps.
    pub(super) fn means_for(&self, confinement: &Confinement) -> Result<Means, String> {
        match (self.level, &self.bubblewrap) {
            (Level::Best, _) if cfg!(target_os = "macos") => Ok(Means::Seatbelt),
            (Level::Best, _) => Ok(Means::Namespaces),
            (Level::Bubblewrap, Some(program)) => Ok(Means::Bubblewrap(program.clone())),
            (Level::Bubblewrap | Level::Landlock, _) => match confinement.first_protected() {
                None => Ok(Means::Landlock),
                Some(place) => Err(format!(
                    "the sandbox cannot keep {} as it is on this system, because it has no namespaces for users ({}). \
                     Allow them (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns) or install \
                     bubblewrap; the read-only sandbox works",
                    place.display(),
                    self.reasons.join("; ")
                )),
            },
            (Level::Nothing, _) => {
                Err(format!("nothing here can confine a command: {}", self.reasons.join("; ")))
            }
        }
    }
}

#[cfg(target_os = "macos")]
pub(super) fn detect(config: &SandboxConfig) -> Support {
    if config.at_most < Level::Best {
        return Support::nothing("the sandbox is switched off for a test");
    }
    if !std::path::Path::new(super::seatbelt::PROGRAM).exists() {
        return Support::nothing(format!("{} is missing", super::seatbelt::PROGRAM));
    }
    Support { level: Level::Best, reasons: Vec::new(), bubblewrap: None }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn detect(_config: &SandboxConfig) -> Support {
    Support::nothing("there is no sandbox for this operating system yet")
}

#[cfg(target_os = "linux")]
pub(super) use probe::detect;

#[cfg(target_os = "linux")]
mod probe {
    use super::*;
    use crate::sandbox::{
        LAUNCH,
        launch::{Launch, program},
    };
    use agent_core::SandboxPolicy;
    use std::{
        collections::BTreeMap,
        io,
        path::Path,
        process::{ExitStatus, Stdio},
        time::{Duration, Instant},
    };

    /// Set for a program that is asked whether it is a helper. One that finds it is none, and must not ask in turn.
    const PROBE_VARIABLE: &str = "EVERTURN_SANDBOX_PROBE";
    /// How long a probe may take.
    const PROBE_WAIT: Duration = Duration::from_secs(5);
    const PROBE_POLL: Duration = Duration::from_micros(500);
    const BUBBLEWRAP: &str = "bwrap";

    pub(in crate::sandbox) fn detect(config: &SandboxConfig) -> Support {
        if std::env::var_os(PROBE_VARIABLE).is_some() {
            return Support::nothing("this program does not serve as the helper of the sandbox");
        }
        let bubblewrap = found_in_path(BUBBLEWRAP);
        let mut reasons = Vec::new();
        for level in [Level::Best, Level::Bubblewrap, Level::Landlock] {
            let means = match (level, &bubblewrap) {
                (level, _) if level > config.at_most => {
                    reasons.push(format!("{level:?} is switched off for a test"));
                    continue;
                }
                (Level::Best, _) => Means::Namespaces,
                (Level::Bubblewrap, Some(program)) => Means::Bubblewrap(program.clone()),
                (Level::Bubblewrap, None) => {
                    reasons.push("bwrap is not installed".to_owned());
                    continue;
                }
                _ => Means::Landlock,
            };
            match probe(config, means) {
                Ok(()) => return Support { level, reasons, bubblewrap },
                Err(why) => reasons.push(why),
            }
        }
        Support { level: Level::Nothing, reasons, bubblewrap }
    }

    /// Runs the helper inside of what it makes. The error is what stands in the way.
    fn probe(config: &SandboxConfig, means: Means) -> Result<(), String> {
        let nothing_special = SandboxConfig { hidden: Vec::new(), ..config.clone() };
        let confinement = Confinement::of(&SandboxPolicy::ReadOnly, Path::new("/"), &nothing_special)
            .map_err(|error| error.to_string())?;
        let run = || -> io::Result<_> {
            let argv = vec![program(&config.helper)?, LAUNCH.to_owned()];
            let (mut command, report) =
                Launch::by(means, &confinement, &config.helper, argv)?.into_command(&environment())?;
            command.env(PROBE_VARIABLE, "1").current_dir("/");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let status = wait(command.spawn()?)?;
            Ok((status, report.map(|report| report.read()).unwrap_or_default()))
        };
        match run() {
            Ok((Some(status), report)) if report.started && status.success() => Ok(()),
            Ok((_, report)) => Err(report.fault.or(report.no_program).unwrap_or_else(|| {
                "the program that should confine commands does not answer as such a helper".to_owned()
            })),
            Err(error) => Err(format!("the helper that confines commands cannot be started: {error}")),
        }
    }

    /// How the child ended; `None` where it had to be killed.
    fn wait(mut child: std::process::Child) -> io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > PROBE_WAIT {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(PROBE_POLL);
        }
    }

    /// What `bwrap` is found by; nothing else is needed.
    fn environment() -> BTreeMap<String, String> {
        std::env::var("PATH").map(|path| ("PATH".to_owned(), path)).into_iter().collect()
    }

    fn found_in_path(name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_absolute() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok())
    }
}

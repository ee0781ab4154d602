//! The programs that are measured, and how each is asked to do the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::build;
use super::home::Place;
use super::options::{Options, Peer};

/// What the program of this repository is called.
const OURS: &str = "everturn";
/// The same with its commands in the sandbox.
pub(crate) const SANDBOXED: &str = "sandboxed";
/// What every run is asked to do; the model does not listen.
const PROMPT: &str = "Do it.";

/// A program that is measured.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// As it calls itself.
    pub(crate) version: String,
    #[serde(skip)]
    program: PathBuf,
    #[serde(skip)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With what its commands may touch.
    Everturn {
        sandbox: &'static str,
    },
    Codex,
}

const FULL_ACCESS: Kind = Kind::Everturn { sandbox: "danger-full-access" };

/// Ours first, with full access and in the sandbox, then an earlier build, then the peer.
pub(crate) fn subjects(root: &Path, options: &Options) -> Result<Vec<Subject>> {
    let program = match &options.bin {
        Some(bin) => bin.clone(),
        None => build::program(root)?,
    };
    let sandboxed = Kind::Everturn { sandbox: "workspace-write" };
    let mut subjects =
        vec![Subject::new(OURS, program.clone(), FULL_ACCESS)?, Subject::new(SANDBOXED, program, sandboxed)?];
    if let Some(before) = &options.before {
        subjects.push(Subject::new("before", before.clone(), FULL_ACCESS)?);
    }
    if let Some(Peer::Codex) = options.peer {
        let found = match &options.peer_bin {
            Some(bin) => bin.clone(),
            None => on_path("codex")
                .context("codex is not on PATH: npm install @openai/codex, or give --peer-bin")?,
        };
        subjects.push(Subject::new("codex", without_launcher(found)?, Kind::Codex)?);
    }
    Ok(subjects)
}

impl Subject {
    fn new(name: &'static str, program: PathBuf, kind: Kind) -> Result<Self> {
        // A run has a working directory of its own.
        let program =
            program.canonicalize().with_context(|| format!("there is no program {}", program.display()))?;
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .with_context(|| format!("could not start {}", program.display()))?;
        ensure!(output.status.success(), "{} --version failed", program.display());
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { name, version, program, kind })
    }

    /// Whether it is the program that is held against the targets.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == OURS
    }

    /// Whether its commands run in the sandbox, where their numbers of processes are their own.
    pub(crate) fn is_sandboxed(&self) -> bool {
        self.name == SANDBOXED
    }

    /// Where it keeps what was said in its threads, and perhaps other things.
    pub(crate) fn threads(&self, place: &Place) -> PathBuf {
        match self.kind {
            Kind::Everturn { .. } => place.home(),
            Kind::Codex => place.home().join(".codex/sessions"),
        }
    }

    /// One turn without a terminal, in this place, with the model at this url.
    pub(crate) fn turn(&self, place: &Place, url: &str) -> Result<Command> {
        let mut command = Command::new(&self.program);
        surroundings(&mut command, place);
        match self.kind {
            Kind::Everturn { sandbox } => {
                command.env("EVERTURN_HOME", place.home().join(".everturn"));
                command.env("OPENAI_BASE_URL", url).env("OPENAI_API_KEY", "key-of-the-benchmark");
                command.args(["exec", "--skip-git-repo-check", "--sandbox", sandbox, "--json", PROMPT]);
            }
            Kind::Codex => {
                let home = place.home().join(".codex");
                std::fs::create_dir_all(&home)?;
                command.env("CODEX_HOME", home).env("BENCH_KEY", "key-of-the-benchmark");
                command.args(["exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access"]);
                for setting in [
                    "model=\"bench\"",
                    "model_provider=\"bench\"",
                    "approval_policy=\"never\"",
                    "check_for_update_on_startup=false",
                    "analytics.enabled=false",
                    "model_providers.bench.name=\"bench\"",
                    "model_providers.bench.wire_api=\"responses\"",
                    "model_providers.bench.env_key=\"BENCH_KEY\"",
                    &format!("model_providers.bench.base_url=\"{url}\""),
                ] {
                    command.args(["-c", setting]);
                }
                command.arg(PROMPT);
            }
        }
        Ok(command)
    }
}

/// What every program of a user has around it, and nothing of this process's own.
pub(crate) fn surroundings(command: &mut Command, place: &Place) {
    command.env_clear().current_dir(place.work()).env("HOME", place.home()).env("LANG", "C.UTF-8");
    command.env("USER", "bench").env("LOGNAME", "bench").env("SHELL", "/bin/bash");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The npm package starts its program through a script in JavaScript. Its time is not the program's; the program lies in
/// the package for this platform, beside the package of the script or inside it.
fn without_launcher(found: PathBuf) -> Result<PathBuf> {
    let real = found.canonicalize().with_context(|| format!("there is no program {}", found.display()))?;
    if real.extension().is_none_or(|extension| extension != "js") {
        return Ok(found);
    }
    let package = real.ancestors().nth(2).unwrap_or(Path::new(""));
    let beside = package.parent().unwrap_or(package).to_owned();
    for folder in [beside, package.join("node_modules/@openai")] {
        for platform in entries(&folder).filter(|entry| starts_with(entry, "codex-")) {
            for target in entries(&platform.join("vendor")) {
                let program = target.join("bin/codex");
                if program.is_file() {
                    return Ok(program);
                }
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn starts_with(path: &Path, start: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(start))
}

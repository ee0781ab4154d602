//! `everturn trust`: whether a project's settings, hooks, skills and prompts count; and the one question about it.

use crate::{
    args::{RunArgs, TrustArgs},
    exit::{Exit, Failure},
    output,
};
use config::{Environment, Home, ProjectTrust, Trust, set_trust, trust_of};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// What of a project counts only where it is trusted, relative to its `.everturn`.
const OF_PROJECTS: [&str; 3] = ["config.toml", "skills", "prompts"];

/// Says or changes whether a project is trusted.
pub(super) fn trust(environment: &Environment, args: &TrustArgs) -> Result<Exit, Failure> {
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let dir = directory(&args.dir)?;
    if args.show {
        let ProjectTrust { root, trust } =
            trust_of(home.root(), &dir).map_err(|error| Failure::usage(error.to_string()))?;
        output::result(&format!("{} is {}", root.display(), word(trust)));
        return Ok(Exit::Done);
    }
    let trust = match (args.no, args.forget) {
        (true, _) => Trust::Untrusted,
        (false, true) => Trust::Unknown,
        (false, false) => Trust::Trusted,
    };
    let root = set(home.root(), &dir, trust)?;
    output::remark(&format!("{} is {}", root.display(), word(trust)));
    Ok(Exit::Done)
}

/// Asks about a project that has something to say and was never asked about. Only where somebody sits there; a line that is
/// neither yes nor no asks again the next time.
pub(super) fn ask_once(environment: &Environment, run: &RunArgs) -> Result<(), Failure> {
    if !output::on_terminal() {
        return Ok(());
    }
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let Ok(dir) = directory(run.cd.as_deref().unwrap_or(Path::new("."))) else { return Ok(()) };
    // A file that is broken is told by whoever reads the settings.
    let Ok(ProjectTrust { root, trust: Trust::Unknown }) = trust_of(home.root(), &dir) else { return Ok(()) };
    let Some(found) = speaks(&root, &dir, home.root()) else { return Ok(()) };
    let mut out = std::io::stderr();
    let _ = write!(
        out,
        "{} has settings of its own ({}). They can change how the agent works and run programs.\nTrust this project? [y/n] ",
        root.display(),
        found.display()
    )
    .and_then(|()| out.flush());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => set(home.root(), &dir, Trust::Trusted).map(|_| ()),
        "n" | "no" => set(home.root(), &dir, Trust::Untrusted).map(|_| ()),
        _ => Ok(()),
    }
}

/// What the project would say, from its root down to the directory.
fn speaks(root: &Path, dir: &Path, home: &Path) -> Option<PathBuf> {
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let own =
        dir.ancestors().take_while(|folder| folder.starts_with(root)).map(|folder| folder.join(".everturn"));
    let own = own.filter(|folder| folder.canonicalize().is_ok_and(|real| real != home));
    own.flat_map(|folder| OF_PROJECTS.map(|name| folder.join(name))).find(|path| path.exists())
}

fn set(home: &Path, dir: &Path, trust: Trust) -> Result<PathBuf, Failure> {
    set_trust(home, dir, trust).map_err(|error| Failure::backend(&error))
}

fn directory(path: &Path) -> Result<PathBuf, Failure> {
    let full = path.canonicalize().ok().filter(|full| full.is_dir());
    full.ok_or_else(|| Failure::usage(format!("there is no directory {}", path.display())))
}

fn word(trust: Trust) -> &'static str {
    match trust {
        Trust::Trusted => "trusted: its settings, hooks, skills and prompts count",
        Trust::Untrusted => "not trusted: its settings, hooks, skills and prompts do not count",
        Trust::Unknown => {
            "not decided about: its settings, hooks, skills and prompts do not count until you say so"
        }
    }
}

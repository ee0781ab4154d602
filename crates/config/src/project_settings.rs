//! The settings of a project: `.everturn/config.toml` from the root of its repository down to the working directory.
//!
//! A project comes from elsewhere. Its settings count only once the user trusts it, and some never do: those that say who
//! is asked, what is spent, and where keys, prompts and logs go.

use crate::{
    CONFIG_FILE, ConfigError, KeyPath, Origin, Trust,
    origin::Lines,
    project::{folders, project_root},
    read::{File, Said, read_file},
};
use std::path::{Path, PathBuf};

/// The folder of a project that has what is for Everturn.
pub(crate) const FOLDER: &str = ".everturn";

/// What no project may say, with all that is below it.
pub const NOT_FOR_PROJECTS: &[&str] = &[
    "backend",
    "budget",
    "cli_auth_credentials_store",
    "history",
    "log",
    "model_provider",
    "model_providers",
    "notify",
    "profile",
    "projects",
    "sandbox.unreadable",
    "shell_environment_policy.ignore_default_excludes",
    "temporal",
];

/// What only the file at the root of a project may say, with all that is below it: what runs, and what may be touched. The
/// sandbox keeps an agent out of `.everturn` at the root of what it works in, not in every folder below; a file that it could
/// write there must not lead out of the sandbox the next time that somebody works in that folder.
pub const ONLY_AT_THE_ROOT: &[&str] = &[
    "approval_policy",
    "exec_policy_files",
    "features",
    "hooks",
    "mcp_servers",
    "sandbox",
    "sandbox_mode",
    "sandbox_workspace_write",
    "shell_environment_policy",
    "tools",
    "web_search",
];

/// A project and what was made of its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// Its root: the nearest folder with a `.git`, else the working directory; without links.
    pub root: PathBuf,
    /// What the user said of it.
    pub trust: Trust,
    /// The files with settings that it has, the outermost first; they were read where it is trusted.
    pub files: Vec<PathBuf>,
}

impl Project {
    /// The project that a directory is in. Nothing is read yet.
    pub(crate) fn of(cwd: &Path, home: &Path, notices: &mut Vec<String>) -> Self {
        let root = project_root(cwd);
        let own = home.canonicalize().unwrap_or_else(|_| home.to_owned());
        let mut files = Vec::new();
        for folder in folders(cwd, &root) {
            let folder = folder.join(FOLDER);
            let path = folder.join(CONFIG_FILE);
            // In the home of the user the folder is the data folder itself, and the file is the user's own.
            let Ok(real) = path.canonicalize() else { continue };
            if folder.canonicalize().is_ok_and(|folder| folder == own) || !real.is_file() {
                continue;
            }
            if real.starts_with(&root) {
                files.push(path);
            } else {
                notices.push(format!(
                    "{}: a link that leads out of {} is not followed; its settings do not count",
                    path.display(),
                    root.display()
                ));
            }
        }
        Self { root, trust: Trust::Unknown, files }
    }

    /// What the files say, the outermost first; nothing where the project is not trusted, and a notice.
    pub(crate) fn read(
        &self,
        home: Option<&Path>,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Said>, ConfigError> {
        if self.trust != Trust::Trusted {
            notices.extend(self.unread());
            return Ok(Vec::new());
        }
        let mut said = Vec::new();
        for path in &self.files {
            let Some(text) = read_file(path)? else { continue };
            let mut file = File::parse_as(Origin::Project, &Lines::new(path, &text), path, home)?;
            for (name, profile) in &file.profiles {
                let place = profile.settings.first().map(|(_, setting)| setting.origin.short());
                let place = place.unwrap_or_else(|| path.display().to_string());
                notices.push(format!(
                    "{place}: the profile {name} has no effect here: profiles are in your own config.toml"
                ));
            }
            withhold(
                &mut file.top,
                NOT_FOR_PROJECTS,
                "in the file of a project; only your own settings say that",
                notices,
            );
            if path.parent().and_then(Path::parent) != Some(&*self.root) {
                let why = "in a folder of a project; only the file at its root says that";
                withhold(&mut file.top, ONLY_AT_THE_ROOT, why, notices);
            }
            said.push(file.top);
        }
        Ok(said)
    }

    /// Nothing to say where there is nothing to read, or where the user has said no.
    fn unread(&self) -> Option<String> {
        let first = self.files.first().filter(|_| self.trust == Trust::Unknown)?;
        Some(format!(
            "{} is not read: nobody has said yet whether this project is trusted. everturn trust {} says so, everturn trust \
             --no {} that it is not",
            first.display(),
            quoted(&self.root),
            quoted(&self.root),
        ))
    }
}

/// Takes out what a file may not say, and why.
fn withhold(said: &mut Said, keys: &[&str], why: &str, notices: &mut Vec<String>) {
    let never: Vec<KeyPath> = keys.iter().map(|key| KeyPath::bare(key)).collect();
    said.settings.retain(|(path, setting)| {
        let withheld = never.iter().any(|never| path.is_within(never));
        if withheld {
            notices.push(format!("{}: `{path}` has no effect {why}", setting.origin.short()));
        }
        !withheld
    });
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@:,".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

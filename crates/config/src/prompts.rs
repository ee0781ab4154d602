//! [`CustomPrompts`]: prompts of the user's own, each a Markdown file, written as `/prompts:NAME` with arguments.

mod arguments;

use crate::{
    Trust,
    front_matter::{self, Fault, line},
    project::{folders, project_root},
    project_settings::FOLDER,
};
use agent_core::PromptInfo;
use arguments::filled;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The largest file of a prompt, in bytes.
const MAX_PROMPT_BYTES: u64 = 256 * 1024;
/// The most files of one folder that are looked at.
const MAX_FILES: usize = 512;
const PROMPTS: &str = "prompts";
/// What a prompt is written with.
const PREFIX: &str = "prompts:";

/// The prompts that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomPrompts {
    by_name: BTreeMap<String, Prompt>,
    /// What the user should know: files that could not be used. The rest is there all the same.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prompt {
    description: String,
    argument_hint: Option<String>,
    path: PathBuf,
    text: String,
}

/// What a file says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Matter {
    description: Option<String>,
    #[serde(alias = "argument_hint")]
    argument_hint: Option<Hint>,
}

/// A hint such as `[file]` is an array to YAML.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Hint {
    Text(String),
    Words(Vec<String>),
}

/// Why a prompt cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// There is none of this name.
    #[error("there is no prompt `{name}`; {}", if known.is_empty() { "put a file NAME.md into the folder prompts of the data folder".to_owned() } else { format!("there are {}", known.join(", ")) })]
    Unknown {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// Arguments are missing.
    #[error("/prompts:{name} needs {}{}", missing.join(", "), hint.as_ref().map(|hint| format!("; it takes {hint}")).unwrap_or_default())]
    Missing {
        /// The prompt.
        name: String,
        /// Which, as they stand in the prompt.
        missing: Vec<String>,
        /// What it takes.
        hint: Option<String>,
    },
    /// More arguments than the prompt has places for.
    #[error("/prompts:{name} has no place for {extra:?}; quotes keep words together{}", hint.as_ref().map(|hint| format!("; it takes {hint}")).unwrap_or_default())]
    Extra {
        /// The prompt.
        name: String,
        /// The first that is too much.
        extra: String,
        /// What it takes.
        hint: Option<String>,
    },
    /// A quote is not closed.
    #[error("the arguments of /prompts:{name} have a quote without an end")]
    Quotes {
        /// The prompt.
        name: String,
    },
}

impl CustomPrompts {
    /// Looks for prompts: in `.everturn/prompts` of a trusted project, the innermost folder first, then in `prompts` of the
    /// data folder. The first of two with one name counts. Of a project nobody has decided about it is said that it has some.
    pub fn find(home: &Path, cwd: Option<&Path>, trust: Trust) -> Self {
        let mut found = Self::default();
        let own = home.canonicalize().unwrap_or_else(|_| home.to_owned());
        if let Some(cwd) = cwd.filter(|_| trust != Trust::Untrusted) {
            let root = project_root(cwd);
            for folder in folders(cwd, &root).iter().rev().map(|folder| folder.join(FOLDER)) {
                if !folder.canonicalize().is_ok_and(|folder| folder != own) {
                    continue;
                }
                let prompts = folder.join(PROMPTS);
                if trust == Trust::Trusted {
                    found.folder(&prompts, Some(&root));
                } else if prompts.is_dir() {
                    found.warnings.push(format!(
                        "{}: these prompts do not count until the project is trusted; everturn trust says so",
                        prompts.display()
                    ));
                }
            }
        }
        found.folder(&home.join(PROMPTS), None);
        found
    }

    fn folder(&mut self, folder: &Path, boundary: Option<&Path>) {
        let Ok(read) = folder.read_dir() else { return };
        let files = read.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|end| end == "md")).take(MAX_FILES).collect();
        files.sort();
        for path in files {
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else {
                continue;
            };
            match prompt(&name, &path, boundary) {
                Ok(Some(prompt)) => _ = self.by_name.entry(name).or_insert(prompt),
                Ok(None) => {}
                Err(fault) => self.warnings.push(fault.warning(&path) + "; this prompt is left out"),
            }
        }
    }

    /// All of them, by name, for a list.
    pub fn infos(&self) -> Vec<PromptInfo> {
        let info = |(name, prompt): (&String, &Prompt)| PromptInfo {
            name: name.clone(),
            description: prompt.description.clone(),
            argument_hint: prompt.argument_hint.clone(),
            path: prompt.path.to_string_lossy().into_owned(),
        };
        self.by_name.iter().map(info).collect()
    }

    /// What is said where a line is `/prompts:NAME` with arguments, or `/NAME` of a prompt that there is; `None` where it is
    /// neither, and is said as it is or is a command of the surface.
    ///
    /// `$1` to `$9` stand for the arguments in their order, `$ARGUMENTS` for all of them as they were written, `$NAME` in
    /// capitals for the one given as `NAME=value`, `$$` for a dollar. Arguments of a prompt without any of these follow it.
    ///
    /// # Errors
    /// Where there is no such prompt, or its arguments are too few or too many.
    pub fn expand(&self, said: &str) -> Option<Result<String, PromptError>> {
        let said = said.trim().strip_prefix('/')?;
        let (name, arguments) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        let known = match name.strip_prefix(PREFIX) {
            Some(name) => self.by_name.get_key_value(name).ok_or_else(|| PromptError::Unknown {
                name: name.to_owned(),
                known: self.by_name.keys().cloned().collect(),
            }),
            None => Ok(self.by_name.get_key_value(name)?),
        };
        Some(known.and_then(|(name, prompt)| filled(name, prompt, arguments.trim())))
    }
}

/// The prompt in a file; none where it is gone, or empty.
fn prompt(name: &str, path: &Path, boundary: Option<&Path>) -> Result<Option<Prompt>, Fault> {
    let is_name = name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    if !is_name || name.is_empty() {
        return Err(Fault::new("its name has more than letters, digits, `-`, `_` and `.` in it"));
    }
    if let Some(boundary) = boundary
        && !path.canonicalize().is_ok_and(|real| real.starts_with(boundary))
    {
        return Err(Fault::new(format!("a link that leads out of {} is not followed", boundary.display())));
    }
    let Some(text) = front_matter::read(path, MAX_PROMPT_BYTES)? else { return Ok(None) };
    let (matter, body) = front_matter::split::<Matter>(&text)?;
    let body = body.trim();
    if body.is_empty() {
        return Err(Fault::new("says nothing"));
    }
    let hint = matter.argument_hint.map(|hint| match hint {
        Hint::Text(text) => line(&text),
        Hint::Words(words) => format!("[{}]", line(&words.join(", "))),
    });
    Ok(Some(Prompt {
        description: line(matter.description.as_deref().unwrap_or_default()),
        argument_hint: hint.filter(|hint| !hint.is_empty()),
        path: path.to_owned(),
        text: body.to_owned(),
    }))
}

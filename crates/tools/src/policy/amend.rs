//! Writing down a rule that the user approved.

use super::{
    breadth::too_broad,
    file::{Decision, PolicyFault, parse},
    sources::{APPROVED_FILE, RULES_FOLDER, read},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

/// Only its owner may read or write the file.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Written where there is no file yet.
const HEADER: &str = "# Rules that were added by approvals. Edit or remove them as you like; `everturn policy list` shows all rules.\n";

/// What became of the wish to add a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amended {
    /// It was added to this file.
    Added(PathBuf),
    /// It is in this file already.
    Known(PathBuf),
}

/// Why a rule was not added. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    /// It would allow too much.
    #[error("a rule for `{}` is not added: {why}. Approve the one call, or write the rule yourself", prefix.join(" "))]
    TooBroad {
        /// The prefix.
        prefix: Vec<String>,
        /// What it would allow.
        why: String,
    },
    /// The file is broken, and a rule in it would not hold.
    #[error("the rule is not added: {0}. Repair the file first")]
    Broken(#[from] PolicyFault),
    /// The prefix cannot be written as a command.
    #[error("a rule for `{}` is not added: it does not read as the command it is for", prefix.join(" "))]
    Unwritable {
        /// The prefix.
        prefix: Vec<String>,
    },
    /// The file cannot be written.
    #[error("the rule is not added: {} cannot be written: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl AmendError {
    /// Names the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooBroad { .. } => "rule_too_broad",
            Self::Broken(_) => "policy_broken",
            Self::Unwritable { .. } => "rule_unwritable",
            Self::Io { .. } => "policy_io",
        }
    }
}

/// Adds a rule that allows the commands with this prefix to `rules/approved.toml` of an everturn home. What is in the file stays as
/// it is, comments too. A rule that is there is not added again. Once this returns, the file is whole on the disk.
pub fn amend(home: &Path, prefix: &[String]) -> Result<Amended, AmendError> {
    amend_in(&home.join(RULES_FOLDER), prefix)
}

/// Adds a rule to the file in a folder of rules.
pub(super) fn amend_in(folder: &Path, prefix: &[String]) -> Result<Amended, AmendError> {
    if let Some(why) = too_broad(prefix) {
        return Err(AmendError::TooBroad { prefix: prefix.to_vec(), why });
    }
    let file = folder.join(APPROVED_FILE);
    let io = |source| AmendError::Io { file: file.clone(), source };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(io)?;
    // Held until the end; its file stays, so that all wait for the same one.
    let lock = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(FILE_MODE)
        .open(folder.join(".lock"))
        .map_err(io)?;
    lock.lock().map_err(io)?;
    let text = match fs::metadata(&file) {
        Ok(metadata) => read(&file, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => HEADER.to_owned(),
        Err(error) => return Err(io(error)),
    };
    let rules = parse(&file, &text)?;
    let same = |alternatives: &[Vec<String>]| {
        alternatives.len() == prefix.len()
            && alternatives
                .iter()
                .zip(prefix)
                .all(|(alternatives, word)| alternatives.iter().any(|known| known == word))
    };
    if rules.iter().any(|rule| rule.decision == Decision::Allow && same(&rule.prefix)) {
        return Ok(Amended::Known(file));
    }
    let text = with_rule(&text, prefix).ok_or_else(|| AmendError::Unwritable { prefix: prefix.to_vec() })?;
    if parse(&file, &text).is_err() {
        return Err(AmendError::Unwritable { prefix: prefix.to_vec() });
    }
    replace(folder, &file, &text).map_err(io)?;
    Ok(Amended::Added(file))
}

/// The text of the file with a further rule.
fn with_rule(text: &str, prefix: &[String]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let example = shlex::try_join(prefix.iter().map(String::as_str)).ok()?;
    let mut rule = Table::new();
    rule.insert("prefix", value(prefix.iter().collect::<Array>()));
    rule.insert("decision", value("allow"));
    rule.insert("match", value(std::iter::once(example).collect::<Array>()));
    let has_rules = document.contains_key("rule");
    if !has_rules {
        // What was only comments stays above the first rule.
        let above = document.trailing().as_str().unwrap_or_default().to_owned();
        rule.decor_mut().set_prefix(format!("{above}\n"));
        document.set_trailing("");
    }
    let rules = document.entry("rule").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    rules.as_array_of_tables_mut()?.push(rule);
    Some(document.to_string())
}

/// Puts a file in the place of another, whole or not at all.
fn replace(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    let draft = folder.join(format!(".{APPROVED_FILE}.new"));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(&draft)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    File::open(folder)?.sync_all()
}

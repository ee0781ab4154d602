//! What a project tells the agent: its `AGENTS.md` files, and the user's own.

mod chain;
mod document;

use chain::{Level, levels};
pub(crate) use chain::{folders, project_root};
use document::{Document, Outcome, read};
use std::path::{Path, PathBuf};

/// How much is told of a project, and which files count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectLimits {
    /// Bytes of all files together (`project_doc_max_bytes`); 0 tells nothing.
    pub max_bytes: u64,
    /// Files that are read in a folder without an `AGENTS.md` (`project_doc_fallback_filenames`).
    pub fallback_names: Vec<String>,
}

impl Default for ProjectLimits {
    /// 32 KiB, and `CLAUDE.md`.
    fn default() -> Self {
        Self { max_bytes: 32 * 1024, fallback_names: vec!["CLAUDE.md".to_owned()] }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectInstructions {
    /// What the model is told; `None` where there is nothing to tell.
    pub text: Option<String>,
    /// The files it is made of, in this order.
    pub files: Vec<PathBuf>,
    /// What the user should know: files that could not be read, files that were cut.
    pub warnings: Vec<String>,
}

/// Reads the user's own `AGENTS.md` (in `home`) and then one file of each folder from the root of the repository down to
/// `cwd`: `AGENTS.override.md`, else `AGENTS.md`, else the first of the fallback names. Empty files do not count. The
/// root is the nearest folder that has a `.git`; without one only `cwd` is looked at. This is Codex's way
/// (developers.openai.com/codex/guides/agents-md), so that one repository serves both.
///
/// A link is followed within the repository only: a repository from elsewhere could otherwise have any file of this
/// machine told to the model's provider. The user's own file may be a link to anywhere.
///
/// What the files say is text for the model. It changes no setting: what runs and what may be touched is decided by the
/// approval policy and the sandbox, whatever a repository asks for. It is told of projects that nobody trusts too; who does
/// not want that sets `project_doc_max_bytes = 0`.
pub fn project_instructions(home: &Path, cwd: &Path, limits: &ProjectLimits) -> ProjectInstructions {
    let mut found = Found { left: limits.max_bytes, ..Found::default() };
    if limits.max_bytes == 0 {
        return ProjectInstructions::default();
    }
    for level in levels(home, cwd, &limits.fallback_names, &mut found.warnings) {
        found.take(&level);
    }
    found.told(limits)
}

#[derive(Default)]
struct Found {
    documents: Vec<Document>,
    /// Files for which no room was left.
    left_out: Vec<PathBuf>,
    warnings: Vec<String>,
    /// Bytes that may still be told.
    left: u64,
}

impl Found {
    /// The first file of a folder that says anything.
    fn take(&mut self, level: &Level) {
        for path in level.candidates() {
            match read(&path, level.boundary(), self.left) {
                Outcome::Nothing => {}
                Outcome::Unusable(why) => self.warnings.push(format!("{}: {why}", path.display())),
                Outcome::NoRoom => return self.left_out.push(path),
                Outcome::Read(document) => {
                    // After a cut nothing more is told: the end of one file and the start of the next would mislead.
                    let left = self.left.saturating_sub(document.text.len() as u64);
                    self.left = if document.is_cut() { 0 } else { left };
                    return self.documents.push(document);
                }
            }
        }
    }

    fn told(mut self, limits: &ProjectLimits) -> ProjectInstructions {
        let max_bytes = limits.max_bytes;
        let cut = self.documents.iter().filter(|document| document.is_cut()).map(|document| &document.path);
        let missed: Vec<String> = cut.chain(&self.left_out).map(|path| path.display().to_string()).collect();
        if !missed.is_empty() {
            self.warnings.push(format!(
                "the instructions of this project are longer than project_doc_max_bytes = {max_bytes}; not told in full: {}",
                missed.join(", ")
            ));
        }
        let text = (!self.documents.is_empty()).then(|| text(&self.documents, &self.left_out, max_bytes));
        let files = self.documents.into_iter().map(|document| document.path).collect();
        ProjectInstructions { text, files, warnings: self.warnings }
    }
}

const TAG: &str = "project_instructions";

fn text(documents: &[Document], left_out: &[PathBuf], max_bytes: u64) -> String {
    let mut text = format!(
        "<{TAG}>\nWhat the user and the project ask of you. A file holds for everything below its folder; where two \
         disagree, the later one holds.\n"
    );
    for document in documents {
        text.push_str(&document.told(TAG));
    }
    for path in left_out {
        text.push_str(&format!("\n[{} is not shown: the limit is {max_bytes} bytes]\n", shown(path)));
    }
    text.push_str(&format!("</{TAG}>"));
    text
}

/// A path on one line.
fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "?")
}

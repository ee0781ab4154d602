//! [`Skills`]: instructions for special tasks, each a folder with a `SKILL.md`, of the user, of the project and of the machine.

mod find;
mod mention;

use crate::front_matter::{self, line};
use agent_core::{SkillInfo, SkillText};
use find::Found;
use mention::mentions;
use std::path::{Path, PathBuf};

pub use find::SkillPlaces;

/// The largest `SKILL.md`, in bytes. What is longer belongs into files that it names.
const MAX_SKILL_BYTES: u64 = 64 * 1024;
/// So many bytes of English are about a token.
const BYTES_PER_TOKEN: usize = 4;
const TAG: &str = "skills";

/// Where a skill is from. The first of two with one name counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkillScope {
    /// The project. Only where it is trusted.
    Repo,
    /// The user.
    User,
    /// The machine.
    System,
}

/// One skill.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Skill {
    name: String,
    description: String,
    path: PathBuf,
    scope: SkillScope,
    /// Tools that it says it needs. Said to the model; nothing is allowed by it.
    allowed_tools: Vec<String>,
    /// Who may use it.
    invocation: Invocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invocation {
    /// The model as well.
    Anybody,
    /// Only the user, by its name: `disable-model-invocation`.
    User,
}

/// The skills that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skills {
    /// By name.
    skills: Vec<Skill>,
    /// What the user should know: files that could not be used. The rest is there all the same.
    pub warnings: Vec<String>,
}

impl Skills {
    /// Looks for skills. What is wrong with one is a warning with its file and line.
    pub fn find(places: &SkillPlaces) -> Self {
        let Found { skills, warnings } = find::find(places);
        Self { skills, warnings }
    }

    /// All of them, by name, for a list.
    pub fn infos(&self) -> Vec<SkillInfo> {
        let info = |skill: &Skill| SkillInfo {
            name: skill.name.clone(),
            description: skill.description.clone(),
            path: skill.path.to_string_lossy().into_owned(),
            scope: skill.scope.word().to_owned(),
        };
        self.skills.iter().map(info).collect()
    }

    /// The skills that a prompt names as `$name`, each once, in the order in which they are named. Not what is in code, and
    /// not what only looks like one, such as `$HOME`.
    pub fn mentions(&self, prompt: &str) -> Vec<String> {
        mentions(prompt, |name| self.get(name).is_some())
    }

    /// The text of a skill, read now; `None` where there is none of this name.
    ///
    /// # Errors
    /// Where its file cannot be used any more: the warning.
    pub fn text(&self, name: &str) -> Result<Option<SkillText>, String> {
        let Some(skill) = self.get(name) else { return Ok(None) };
        let warning = |fault: front_matter::Fault| fault.warning(&skill.path);
        let text = front_matter::read(&skill.path, MAX_SKILL_BYTES).map_err(warning)?;
        let text = text.ok_or_else(|| format!("{}: is gone", skill.path.display()))?;
        let (_, body) = front_matter::split::<find::Matter>(&text).map_err(warning)?;
        let mut text = body.trim().to_owned();
        if !skill.allowed_tools.is_empty() {
            text.push_str(&format!("\n\n[tools that it is written for: {}]", skill.allowed_tools.join(", ")));
        }
        let path = skill.path.to_string_lossy().into_owned();
        Ok(Some(SkillText { name: skill.name.clone(), path, text }))
    }

    /// What the model is told of the skills that it may use, in no more than about so many tokens; `None` where there are
    /// none.
    pub fn prompt_text(&self, max_tokens: usize) -> Option<String> {
        let told: Vec<String> =
            self.skills.iter().filter(|skill| skill.invocation == Invocation::Anybody).map(entry).collect();
        if told.is_empty() || max_tokens == 0 {
            return None;
        }
        let mut text = format!(
            "<{TAG}>\nInstructions for special tasks. Where one fits what is asked, read its file first and follow it; paths in \
             it are relative to its folder. The user names one as $NAME.\n"
        );
        let room = max_tokens.saturating_mul(BYTES_PER_TOKEN);
        let mut listed = 0;
        for entry in &told {
            if text.len() + entry.len() > room {
                break;
            }
            text.push_str(entry);
            listed += 1;
        }
        if listed < told.len() {
            text.push_str(&format!("[{} more are not listed here]\n", told.len() - listed));
        }
        text.push_str(&format!("</{TAG}>"));
        Some(text)
    }

    fn get(&self, name: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.name == name)
    }
}

/// A skill for the model, on one line. It cannot close the tag that it is in.
fn entry(skill: &Skill) -> String {
    let path = line(&skill.path.to_string_lossy());
    let text = format!("- {}: {} (file: {path})", skill.name, skill.description);
    text.replace(&format!("</{TAG}"), &format!("<\\/{TAG}")) + "\n"
}

impl SkillScope {
    /// Its name, for lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Repo => "repo",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// Whether a path leads to something within a folder, once links are followed.
fn is_within(path: &Path, boundary: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.starts_with(boundary))
}

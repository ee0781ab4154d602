//! Looking for skills in the folders where they may be.

use super::{Invocation, MAX_SKILL_BYTES, Skill, SkillScope, is_within};
use crate::{
    Trust,
    front_matter::{self, Fault, line},
    project::{folders, project_root},
    project_settings::FOLDER,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The file of a skill in its folder.
const FILE: &str = "SKILL.md";
/// The folder of skills.
const SKILLS: &str = "skills";
/// Where several agents look.
const SHARED: &str = ".agents";
/// Where other agents look.
const FOREIGN: [&str; 2] = [".claude", ".codex"];
/// The most folders of one place that are looked at.
const MAX_FOLDERS: usize = 256;
/// The longest name and description, in letters (agentskills.io/specification).
const MAX_NAME_CHARS: usize = 64;
const MAX_DESCRIPTION_CHARS: usize = 1_024;

/// Where skills are looked for.
#[derive(Clone, Debug)]
pub struct SkillPlaces {
    /// The data folder.
    pub home: PathBuf,
    /// The home of the user, for the folders that several agents share.
    pub user: Option<PathBuf>,
    /// The machine's own skills; `/etc/everturn/skills`.
    pub system: PathBuf,
    /// The working directory. `None` leaves projects out.
    pub cwd: Option<PathBuf>,
    /// Whether its project is trusted. Skills of one that is not are no skills.
    pub trust: Trust,
    /// Whether `.claude/skills` and `.codex/skills` count.
    pub foreign: bool,
}

impl SkillPlaces {
    /// The machine's own skills.
    pub const SYSTEM: &str = "/etc/everturn/skills";
}

/// What a `SKILL.md` says of itself. Keys of other agents are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Matter {
    name: Option<String>,
    description: Option<String>,
    allowed_tools: Option<Words>,
    disable_model_invocation: bool,
}

/// Words with blanks between them, or an array.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) skills: Vec<Skill>,
    pub(super) warnings: Vec<String>,
}

/// A folder of skills.
struct Place {
    folder: PathBuf,
    scope: SkillScope,
    /// What links must not lead out of.
    boundary: Option<PathBuf>,
}

pub(super) fn find(places: &SkillPlaces) -> Found {
    let mut warnings = Vec::new();
    let mut skills = BTreeMap::new();
    for place in all(places, &mut warnings) {
        for folder in entries(&place, &mut warnings) {
            match skill(&folder, &place) {
                // The stronger place was first.
                Ok(Some(skill)) => _ = skills.entry(skill.name.clone()).or_insert(skill),
                Ok(None) => {}
                Err(fault) => {
                    warnings.push(fault.warning(&folder.join(FILE)) + "; this skill is left out");
                }
            }
        }
    }
    Found { skills: skills.into_values().collect(), warnings }
}

/// The folders of skills, the strongest first.
fn all(places: &SkillPlaces, warnings: &mut Vec<String>) -> Vec<Place> {
    let foreign = FOREIGN.iter().copied().filter(|_| places.foreign);
    let names: Vec<&str> = std::iter::once(SHARED).chain(foreign).collect();
    let mut all = Vec::new();
    if let Some(cwd) = &places.cwd {
        let root = project_root(cwd);
        let own = places.home.canonicalize().unwrap_or_else(|_| places.home.clone());
        let user = places.user.as_ref().and_then(|user| user.canonicalize().ok());
        for folder in folders(cwd, &root).iter().rev() {
            // What is in the user's home is the user's own.
            if Some(folder) == user.as_ref() {
                continue;
            }
            for name in std::iter::once(FOLDER).chain(names.iter().copied()) {
                let dot = folder.join(name);
                if dot.canonicalize().is_ok_and(|dot| dot == own) {
                    continue;
                }
                let place =
                    Place { folder: dot.join(SKILLS), scope: SkillScope::Repo, boundary: Some(root.clone()) };
                all.push(place);
            }
        }
        if places.trust != Trust::Trusted {
            let untold =
                all.iter().find(|place| place.folder.is_dir()).filter(|_| places.trust == Trust::Unknown);
            warnings.extend(untold.map(|place| {
                let folder = place.folder.display();
                format!(
                    "{folder}: these skills do not count until the project is trusted; everturn trust says so"
                )
            }));
            all.clear();
        }
    }
    let place = |folder, scope| Place { folder, scope, boundary: None };
    all.push(place(places.home.join(SKILLS), SkillScope::User));
    if let Some(user) = &places.user {
        all.extend(names.iter().map(|name| place(user.join(name).join(SKILLS), SkillScope::User)));
    }
    all.push(place(places.system.clone(), SkillScope::System));
    all
}

/// The folders in a folder of skills, by name.
fn entries(place: &Place, warnings: &mut Vec<String>) -> Vec<PathBuf> {
    let Ok(read) = place.folder.read_dir() else { return Vec::new() };
    let mut folders: Vec<PathBuf> = read
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .take(MAX_FOLDERS + 1)
        .collect();
    folders.sort();
    if folders.len() > MAX_FOLDERS {
        warnings.push(format!("{}: only {MAX_FOLDERS} of its folders are looked at", place.folder.display()));
        folders.truncate(MAX_FOLDERS);
    }
    folders
}

/// The skill in a folder; none where it has no `SKILL.md`.
fn skill(folder: &Path, place: &Place) -> Result<Option<Skill>, Fault> {
    let path = folder.join(FILE);
    if let Some(boundary) =
        place.boundary.as_ref().filter(|boundary| path.exists() && !is_within(&path, boundary))
    {
        return Err(Fault::new(format!("a link that leads out of {} is not followed", boundary.display())));
    }
    let Some(text) = front_matter::read(&path, MAX_SKILL_BYTES)? else { return Ok(None) };
    let (matter, _) = front_matter::split::<Matter>(&text)?;
    let called = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = matter.name.map(|name| name.trim().to_owned()).unwrap_or(called);
    if !is_name(&name) {
        return Err(Fault::new(format!(
            "{name:?} is no name of a skill: letters, digits, `-`, `_` and `:` make one, at most {MAX_NAME_CHARS}"
        )));
    }
    let description = line(matter.description.as_deref().unwrap_or_default());
    if description.is_empty() {
        return Err(Fault::new("has no `description` in its front matter, which says when it is of use"));
    }
    let description = match description.char_indices().nth(MAX_DESCRIPTION_CHARS) {
        Some((end, _)) => format!("{}…", &description[..end]),
        None => description,
    };
    let allowed_tools = match matter.allowed_tools {
        Some(Words::One(words)) => {
            words.split([' ', ',']).filter(|word| !word.is_empty()).map(line).collect()
        }
        Some(Words::Many(words)) => words.iter().map(|word| line(word)).collect(),
        None => Vec::new(),
    };
    let invocation = if matter.disable_model_invocation { Invocation::User } else { Invocation::Anybody };
    Ok(Some(Skill { name, description, path, scope: place.scope, allowed_tools, invocation }))
}

/// Whether it can be written behind a `$`.
fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME_CHARS
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.ends_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.chars().all(super::mention::is_of_name)
}

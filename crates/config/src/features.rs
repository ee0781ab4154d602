//! [`FEATURES`]: what can be switched on and off by name, and how finished each is.

use crate::{Layer, Origin, Problem, ProblemKind, resolve::Values};
use std::collections::BTreeSet;

/// The table of the switches.
pub(crate) const TABLE: &str = "features";

/// Something that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// Hooks run.
    Hooks,
    /// The program of `notify` is started.
    Notify,
    /// Skills are found and told of.
    Skills,
    /// Custom prompts are found.
    CustomPrompts,
    /// Trusted projects have settings of their own.
    ProjectConfig,
    /// Skills in the folders of other agents count, `.claude/skills` and `.codex/skills`.
    ForeignSkills,
}

/// How finished a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It may change or go away.
    Experimental,
    /// It works, and details may change.
    Beta,
    /// It stays as it is.
    Stable,
    /// It works still; the text says what to use.
    Deprecated(&'static str),
    /// Nothing is left of it; the text says what to use.
    Removed(&'static str),
}

/// A feature, for lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureInfo {
    /// What is switched; none where nothing is any more, or another key is meant.
    pub feature: Option<Feature>,
    /// Its name in `[features]`.
    pub name: &'static str,
    /// How finished it is.
    pub stage: Stage,
    /// Whether it is on where nothing is said.
    pub default: bool,
    /// What it does.
    pub about: &'static str,
}

const fn stable(feature: Feature, name: &'static str, about: &'static str) -> FeatureInfo {
    FeatureInfo { feature: Some(feature), name, stage: Stage::Stable, default: true, about }
}

const fn gone(name: &'static str, stage: Stage, about: &'static str) -> FeatureInfo {
    FeatureInfo { feature: None, name, stage, default: false, about }
}

/// Every feature, by name.
pub const FEATURES: &[FeatureInfo] = &[
    stable(Feature::CustomPrompts, "custom_prompts", "Prompts of your own, written as /prompts:NAME"),
    FeatureInfo {
        feature: Some(Feature::ForeignSkills),
        name: "foreign_skills",
        stage: Stage::Beta,
        default: true,
        about: "Skills in the folders .claude/skills and .codex/skills count too",
    },
    gone(
        "ghost_commit",
        Stage::Removed("use the key `undo`"),
        "Codex's switch for taking turns back with their changes of files",
    ),
    stable(Feature::Hooks, "hooks", "Hooks run"),
    stable(Feature::Notify, "notify", "The program of `notify` is started at the end of a turn"),
    stable(
        Feature::ProjectConfig,
        "project_config",
        "Trusted projects have settings in .everturn/config.toml",
    ),
    stable(Feature::Skills, "skills", "Skills are found, told of, and read where a prompt has $NAME"),
    gone(
        "unified_exec",
        Stage::Removed("sessions of commands are always there"),
        "Codex's switch for its newer command tool",
    ),
    gone(
        "web_search_request",
        Stage::Deprecated("use web_search = \"live\""),
        "The model's provider searches the web for the model",
    ),
];

/// The name by which a deprecated feature means the key `web_search`.
pub(crate) const WEB_SEARCH: &str = "web_search_request";

/// Which features are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    on: BTreeSet<Feature>,
}

impl Default for Features {
    fn default() -> Self {
        let on = FEATURES.iter().filter(|info| info.default).filter_map(|info| info.feature);
        Self { on: on.collect() }
    }
}

impl Features {
    /// Whether one is.
    pub fn is_on(&self, feature: Feature) -> bool {
        self.on.contains(&feature)
    }

    /// What the table says; notices go to those who use what is not finished, or is gone.
    pub(crate) fn read(top: &Values<'_>, notices: &mut Vec<String>, problems: &mut Vec<Problem>) -> Self {
        let table = top.table(TABLE);
        let mut features = Self::default();
        for name in table.names() {
            let (origin, is_on) = (table.origin(name), table.yes(name));
            let Some(info) = FEATURES.iter().find(|info| info.name == name) else {
                match unknown(name, &origin) {
                    Some(problem) => problems.push(problem),
                    None => notices.push(format!(
                        "{origin}: there is no feature `{name}`, so it has no effect; everturn features list has those \
                         there are"
                    )),
                }
                continue;
            };
            match (info.feature, is_on) {
                (Some(feature), true) => _ = features.on.insert(feature),
                (Some(feature), false) => _ = features.on.remove(&feature),
                (None, _) => {}
            }
            match info.stage {
                Stage::Stable | Stage::Beta => {}
                Stage::Experimental if !is_on => {}
                Stage::Experimental => {
                    notices.push(format!(
                        "{origin}: the feature `{name}` is experimental: it may change or go away"
                    ));
                }
                Stage::Deprecated(instead) => {
                    notices.push(format!("{origin}: the feature `{name}` is deprecated: {instead}"));
                }
                Stage::Removed(instead) => {
                    notices.push(format!("{origin}: the feature `{name}` has no effect any more: {instead}"));
                }
            }
        }
        features
    }
}

/// What is wrong with a name that nobody knows: a third of its letters may differ from what was meant. A name in a file that
/// is like none may be one of Codex's, whose files are used here as they are; that is no mistake.
fn unknown(name: &str, origin: &Origin) -> Option<Problem> {
    let distance = |known: &&'static str| strsim::damerau_levenshtein(name, known);
    let names = FEATURES.iter().map(|info| info.name);
    let nearest = names.min_by_key(distance).filter(|known| distance(known) <= known.len() / 3);
    if nearest.is_none() && origin.layer() < Layer::Environment {
        return None;
    }
    let known = FEATURES.iter().map(|info| info.name.to_owned()).collect();
    let kind = ProblemKind::UnknownFeature { name: name.to_owned(), nearest, known };
    Some(Problem { origin: origin.clone(), kind })
}

impl Stage {
    /// Its name, for lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Beta => "beta",
            Self::Stable => "stable",
            Self::Deprecated(_) => "deprecated",
            Self::Removed(_) => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_are_listed_by_name_and_each_once() {
        let names: Vec<&str> = FEATURES.iter().map(|info| info.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}

//! Which variables a command gets to see, and which values are secrets.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What `core` inherits.
const CORE: [&str; 13] = [
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TEMP", "TMP", "TMPDIR", "TZ", "USER",
    "USERNAME",
];
/// What is left out unless a policy says otherwise.
const DEFAULT_EXCLUDES: [&str; 3] = ["*KEY*", "*SECRET*", "*TOKEN*"];
/// Where model providers' keys are expected. No policy passes these on.
const MODEL_KEYS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "CODEX_API_KEY",
    "GEMINI_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
];
/// A line of a longer secret counts as a secret by itself from this length on, in characters.
const MIN_SECRET_LINE_CHARS: usize = agent_core::MIN_SECRET_CHARS;

/// What a policy starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inherit {
    /// Everything this process had.
    #[default]
    All,
    /// Only what a shell needs: `PATH`, `HOME` and the like.
    Core,
    /// Nothing.
    None,
}

/// Which variables a command gets. Applied in the order of the fields. Patterns have `*` and `?` and ignore case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvPolicy {
    /// What it starts from.
    pub inherit: Inherit,
    /// Whether `*KEY*`, `*SECRET*` and `*TOKEN*` are left out.
    pub default_excludes: bool,
    /// What else is left out.
    pub exclude: Vec<String>,
    /// What is added or replaced.
    pub set: BTreeMap<String, String>,
    /// If there are any, only what matches one of them stays, added ones included.
    pub include_only: Vec<String>,
    /// Names that never reach a command, whatever the rest says: those under which a host keeps model keys, besides the
    /// usual ones.
    pub withhold: Vec<String>,
}

impl Default for EnvPolicy {
    fn default() -> Self {
        Self {
            inherit: Inherit::All,
            default_excludes: true,
            exclude: Vec::new(),
            set: BTreeMap::new(),
            include_only: Vec::new(),
            withhold: Vec::new(),
        }
    }
}

impl EnvPolicy {
    /// The environment of a command, from that of this process.
    pub fn apply(&self, parent: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let inherits = |name: &str| match self.inherit {
            Inherit::All => true,
            Inherit::Core => CORE.iter().any(|core| core.eq_ignore_ascii_case(name)),
            Inherit::None => false,
        };
        let mut child: BTreeMap<String, String> = parent
            .iter()
            .filter(|(name, _)| inherits(name) && !self.excludes(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        child.extend(self.set.clone());
        child.retain(|name, value| {
            let named = self.include_only.is_empty() || matches_any(&self.include_only, name);
            // A name with `=` or a NUL anywhere cannot be passed on.
            let sound = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
            named && sound && !self.withholds(name)
        });
        child
    }

    /// The values that no command gets because they are secret, for a [`agent_core::Redactor`]. Those only not inherited,
    /// like `EDITOR` under `core`, are none. A value of several lines comes whole and line by line.
    pub fn excluded_values(&self, parent: &BTreeMap<String, String>) -> Vec<String> {
        let mut values = BTreeSet::new();
        for (name, value) in parent {
            if !(self.excludes(name) || self.withholds(name)) {
                continue;
            }
            values.insert(value.clone());
            values.insert(value.trim().to_owned());
            let lines = value
                .lines()
                .map(str::trim)
                .filter(|line| line.chars().count() >= MIN_SECRET_LINE_CHARS && !line.starts_with("-----"));
            values.extend(lines.map(str::to_owned));
        }
        values.remove("");
        values.into_iter().collect()
    }

    fn excludes(&self, name: &str) -> bool {
        self.default_excludes && matches_any(&DEFAULT_EXCLUDES, name) || matches_any(&self.exclude, name)
    }

    fn withholds(&self, name: &str) -> bool {
        let is = |key: &str| key.eq_ignore_ascii_case(name);
        MODEL_KEYS.into_iter().any(is) || self.withhold.iter().any(|key| is(key))
    }
}

fn matches_any(patterns: &[impl AsRef<str>], name: &str) -> bool {
    let name: Vec<char> = name.to_ascii_lowercase().chars().collect();
    patterns.iter().any(|pattern| {
        let pattern: Vec<char> = pattern.as_ref().to_ascii_lowercase().chars().collect();
        matches(&pattern, &name)
    })
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows the last `*` does not fit here.
    let mut retry: Option<(usize, usize)> = None;
    while read < name.len() {
        match (pattern.get(at), retry) {
            (Some('*'), _) => {
                retry = Some((at, read));
                at += 1;
            }
            (Some(one), _) if *one == '?' || *one == name[read] => {
                at += 1;
                read += 1;
            }
            (_, Some((star, taken))) => {
                retry = Some((star, taken + 1));
                at = star + 1;
                read = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;

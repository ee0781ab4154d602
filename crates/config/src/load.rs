//! [`load`]: from flags, `-c`, environment and file to a [`Config`] and where each value came from.
//!
//! Layers, the strongest first: flags with names of their own, `-c`, environment variables, the profile, the user's file,
//! defaults. Project files and managed constraints are not among them yet.

use crate::{
    Config, ConfigError, Environment, FlagValue, KEYS, Key, KeyPath, Kind, Origin, Problem, ProblemKind,
    Provenance, Value,
    defaults::fill,
    origin::Lines,
    overrides::read_override,
    read::{File, Reader, Said, checked, read_file},
    resolve::{Remarks, resolve},
    settings::Settings,
};
use std::path::{Path, PathBuf};

/// The file's name in the data folder.
pub const CONFIG_FILE: &str = "config.toml";

/// What a configuration is made of.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The environment of the process.
    pub environment: &'a Environment,
    /// The data folder, with [`CONFIG_FILE`].
    pub home: &'a Path,
    /// `--profile`.
    pub profile: Option<&'a str>,
    /// Flags with names of their own.
    pub flags: Vec<FlagValue>,
    /// The values of `-c`, `KEY=VALUE` each.
    pub overrides: Vec<String>,
}

/// A configuration and where it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where each value comes from.
    pub provenance: Provenance,
    /// What is wrong whatever the command, and nothing fails from; one line each.
    pub warnings: Vec<String>,
    /// What may surprise whoever starts a thread or looks at the settings: keys without effect, a default that does not
    /// fit. One line each; other commands have no use for them.
    pub notices: Vec<String>,
}

/// Reads all layers. Without a file this reads nothing but what it is given.
///
/// # Errors
/// Where a file cannot be read or is not TOML; where settings are wrong, then all that is wrong with them; where the chosen
/// profile or provider is not there.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let path = sources.home.join(CONFIG_FILE);
    let text = read_file(&path)?;
    load_text(sources, &path, text.as_deref())
}

/// The same for whoever only looks at what there is: what is wrong in the file is a warning and counts as not said. Nothing
/// may be served under it, because what was meant is not known.
///
/// # Errors
/// Where the flags, `-c` or the environment are wrong.
pub fn load_to_look(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let path = sources.home.join(CONFIG_FILE);
    let mut warnings = Vec::new();
    let read = read_file(&path).unwrap_or_else(|error| {
        warnings.push(ignored(&error));
        None
    });
    let loaded = match load_with(sources, &path, read.as_deref(), Faults::Warned) {
        Err(ConfigError::Syntax(error)) => {
            warnings.push(ignored(&ConfigError::Syntax(error)));
            load_with(sources, &path, None, Faults::Warned)
        }
        loaded => loaded,
    }?;
    warnings.extend(loaded.warnings);
    Ok(Loaded { warnings, ..loaded })
}

/// The same, with the text that the file has or will have.
pub(crate) fn load_text(
    sources: &Sources<'_>,
    path: &Path,
    text: Option<&str>,
) -> Result<Loaded, ConfigError> {
    load_with(sources, path, text, Faults::Refused)
}

/// What becomes of what is wrong in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Faults {
    /// Nothing is loaded.
    Refused,
    /// It counts as not said, with a warning.
    Warned,
}

fn ignored(what: &dyn std::fmt::Display) -> String {
    format!("{what}\n(not heard, because this command only looks)")
}

/// The tables and keys without which nothing is found: where threads live.
const WHEREABOUTS: [&str; 3] = ["backend", "temporal", "log"];

fn load_with(
    sources: &Sources<'_>,
    path: &Path,
    text: Option<&str>,
    faults: Faults,
) -> Result<Loaded, ConfigError> {
    let user = sources.environment.get("HOME").map(Path::new);
    let mut file = match text {
        Some(text) => File::parse(&Lines::new(path, text), path, user)?,
        None => File::default(),
    };
    let given = given(sources, user);
    let problems = |layer: &mut Said| std::mem::take(&mut layer.problems);
    let mut found = problems(&mut file.top);
    file.profiles.values_mut().for_each(|profile| found.extend(problems(profile)));
    found.sort_by_key(|problem| problem.origin.place().map(|place| (place.line, place.column)));
    let mut remarks = Remarks { notices: std::mem::take(&mut file.top.notices), ..Remarks::default() };

    let mut settings = Settings::default();
    put(&mut settings, file.top);
    let mut stronger = Settings::default();
    for mut layer in given {
        found.extend(problems(&mut layer));
        remarks.notices.append(&mut layer.notices);
        put(&mut stronger, layer);
    }
    if let Some((name, origin)) = profile(&stronger, &settings) {
        match file.profiles.remove(&name) {
            Some(mut profile) => {
                remarks.notices.append(&mut profile.notices);
                put(&mut settings, profile);
            }
            None => {
                let known = file.profiles.into_keys().collect();
                found.push(Problem { origin, kind: ProblemKind::UnknownProfile { name, known } });
            }
        }
    }
    for (path, setting) in stronger.iter() {
        settings.put(path.clone(), setting.clone());
    }
    if faults == Faults::Warned {
        let in_files = found.extract_if(.., |problem| problem.origin.place().is_some());
        remarks.warnings.extend(in_files.map(|problem| ignored(&problem)));
    }
    if !found.is_empty() {
        return Err(ConfigError::Problems(found));
    }
    fill(&mut settings);
    let config = match (resolve(&settings, &mut remarks), faults) {
        (Ok(config), _) => config,
        (Err(problems), Faults::Refused) => return Err(ConfigError::Problems(problems)),
        (Err(problems), Faults::Warned) => {
            remarks.warnings.extend(problems.iter().map(|problem| ignored(problem)));
            let kept = WHEREABOUTS.map(KeyPath::bare);
            let mut sure = settings.clone();
            sure.retain(|path| kept.iter().any(|kept| path.is_within(kept)));
            fill(&mut sure);
            resolve(&sure, &mut remarks).map_err(ConfigError::Problems)?
        }
    };
    let Remarks { warnings, notices } = remarks;
    Ok(Loaded { config, provenance: Provenance::new(settings), warnings, notices })
}

/// The layers above the file, the weakest first.
fn given(sources: &Sources<'_>, user: Option<&Path>) -> [Said; 3] {
    let cwd = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("/"));
    let origin = |_| Origin::Override;
    let reader = Reader { origin: &origin, shown_below: KeyPath::default(), folder: &cwd, home: user };
    let [mut variables, mut overrides, mut flags] = <[Said; 3]>::default();
    for key in KEYS {
        for (path, name, text) in set_by_variables(key, sources.environment) {
            let origin = Origin::Variable(name);
            checked(path, of_variable(key.kind, text), origin, &reader, &mut variables);
        }
    }
    for given in &sources.overrides {
        // Each is a layer of its own: the last of two for one key counts.
        let mut one = Said::default();
        read_override(given, &reader, &mut one);
        overrides.absorb(one);
    }
    for FlagValue { key, value, flag } in &sources.flags {
        let origin = Origin::Flag((*flag).to_owned());
        checked(KeyPath::bare(key), value.clone(), origin, &reader, &mut flags);
    }
    if let Some(name) = sources.profile {
        let origin = Origin::Flag("--profile".to_owned());
        checked(KeyPath::bare("profile"), name.into(), origin, &reader, &mut flags);
    }
    [variables, overrides, flags]
}

/// What variables say of a key, each with the variable. A key of a table with names of the user's own is set by all
/// variables that begin as it says, each for the name that follows, written as names of headers are.
fn set_by_variables<'a>(key: &'static Key, environment: &'a Environment) -> Vec<(KeyPath, String, &'a str)> {
    let Some((table, prefix)) = key.path.strip_suffix(".*").zip(prefix(key)) else {
        let set = key.variables.iter().find_map(|name| Some(((*name).to_owned(), environment.get(name)?)));
        return set.map(|(name, text)| (KeyPath::bare(key.path), name, text)).into_iter().collect();
    };
    let set = environment.beginning(prefix).map(|(rest, text)| {
        let name = rest.to_ascii_lowercase().replace('_', "-");
        (KeyPath::bare(table).with(name), format!("{prefix}{rest}"), text)
    });
    set.collect()
}

/// What the names of variables begin with that set keys in a table.
fn prefix(key: &Key) -> Option<&'static str> {
    key.variables.first()?.strip_suffix('*')
}

/// A variable has text only; what it means depends on the key.
fn of_variable(kind: Kind, text: &str) -> Value {
    match (kind, text.to_ascii_lowercase().as_str()) {
        (Kind::Bool, "true" | "1") => Value::Bool(true),
        (Kind::Bool, "false" | "0") => Value::Bool(false),
        _ => text.into(),
    }
}

fn put(settings: &mut Settings, layer: Said) {
    for (path, setting) in layer.settings {
        settings.put(path, setting);
    }
}

/// The profile that is chosen, and by whom.
fn profile(stronger: &Settings, file: &Settings) -> Option<(String, Origin)> {
    let path = KeyPath::bare("profile");
    let setting = stronger.get(&path).or_else(|| file.get(&path))?;
    let Value::Text(name) = &setting.value else { return None };
    (!name.is_empty()).then(|| (name.clone(), setting.origin.clone()))
}

//! [`load`]: from flags, `-c`, environment and file to a [`Config`] and where each value came from.
//!
//! Layers, the strongest first: what is fixed for this machine, flags with names of their own, `-c`, environment variables,
//! the profile, the files of a trusted project (the innermost folder's first), the user's file, defaults.

use crate::{
    Config, ConfigError, Constraints, Environment, FlagValue, KEYS, Key, KeyPath, Kind, Layer, MANAGED_FILE,
    Origin, Problem, ProblemKind, Project, Provenance, Trust, Value,
    defaults::fill,
    environment::EVERTURN_MANAGED_CONFIG,
    managed::Managed,
    origin::Lines,
    overrides::read_override,
    read::{File, Reader, Said, checked, read_file},
    resolve::{Remarks, resolve},
    settings::{Setting, Settings},
    trust::trust_in,
};
use std::path::{Path, PathBuf};

/// The key that every layer adds to.
pub(crate) const HOOKS: &str = "hooks";

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
    /// The project that was looked at, and whether it is trusted; `None` where no directory was named.
    pub project: Option<Project>,
}

/// Where a run takes place, as far as its settings depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The directory whose project counts; `None` reads no project's settings.
    pub cwd: Option<&'a Path>,
    /// The file of whoever manages this machine.
    pub managed: &'a Path,
}

impl Default for Site<'_> {
    /// No project, and [`MANAGED_FILE`].
    fn default() -> Self {
        Self { cwd: None, managed: Path::new(MANAGED_FILE) }
    }
}

/// Reads all layers but a project's. Without a file this reads nothing but what it is given.
///
/// # Errors
/// Where a file cannot be read or is not TOML; where settings are wrong, then all that is wrong with them; where the chosen
/// profile or provider is not there; where something is set that whoever manages this machine does not allow.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    load_at(sources, &Site::default())
}

/// Reads all layers, those of the project too.
///
/// # Errors
/// As [`load`].
pub fn load_at(sources: &Sources<'_>, site: &Site<'_>) -> Result<Loaded, ConfigError> {
    let path = sources.home.join(CONFIG_FILE);
    let text = read_file(&path)?;
    load_with(sources, site, &path, text.as_deref(), Faults::Refused)
}

/// The same for whoever only looks at what there is: what is wrong in the file is a warning and counts as not said. Nothing
/// may be served under it, because what was meant is not known.
///
/// # Errors
/// Where the flags, `-c` or the environment are wrong.
pub fn load_to_look(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    load_at_to_look(sources, &Site::default())
}

/// The same with a project.
///
/// # Errors
/// As [`load_to_look`].
pub fn load_at_to_look(sources: &Sources<'_>, site: &Site<'_>) -> Result<Loaded, ConfigError> {
    let path = sources.home.join(CONFIG_FILE);
    let mut warnings = Vec::new();
    let read = read_file(&path).unwrap_or_else(|error| {
        warnings.push(ignored(&error));
        None
    });
    let loaded = match load_with(sources, site, &path, read.as_deref(), Faults::Warned) {
        Err(ConfigError::Syntax(error)) if error.origin.layer() == Layer::User => {
            warnings.push(ignored(&ConfigError::Syntax(error)));
            load_with(sources, site, &path, None, Faults::Warned)
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
    load_with(sources, &Site::default(), path, text, Faults::Refused)
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

/// The layers put together, and what was found on the way.
#[derive(Default)]
struct Merged {
    settings: Settings,
    found: Vec<Problem>,
    remarks: Remarks,
}

impl Merged {
    /// Puts a layer over what is there.
    fn layer(&mut self, mut layer: Said) {
        self.note(&mut layer);
        put(&mut self.settings, layer);
    }

    /// Takes what is wrong with a layer.
    fn note(&mut self, layer: &mut Said) {
        self.found.append(&mut layer.problems);
        self.remarks.notices.append(&mut layer.notices);
    }
}

fn load_with(
    sources: &Sources<'_>,
    site: &Site<'_>,
    path: &Path,
    text: Option<&str>,
    faults: Faults,
) -> Result<Loaded, ConfigError> {
    let user = sources.environment.get("HOME").map(Path::new);
    let mut file = match text {
        Some(text) => File::parse(&Lines::new(path, text), path, user)?,
        None => File::default(),
    };
    let mut merged = Merged::default();
    for layer in std::iter::once(&mut file.top).chain(file.profiles.values_mut()) {
        merged.found.append(&mut layer.problems);
    }
    merged.found.sort_by_key(|problem| problem.origin.place().map(|place| (place.line, place.column)));
    merged.layer(file.top);

    let mut stronger = Merged::default();
    given(sources, user).into_iter().for_each(|layer| stronger.layer(layer));
    let chosen = profile(&stronger.settings, &merged.settings);
    let project = project(sources, site, &stronger.settings, user, &mut merged, faults)?;
    merged.found.append(&mut stronger.found);
    merged.remarks.notices.append(&mut stronger.remarks.notices);
    if let Some((name, origin)) = chosen {
        match file.profiles.remove(&name) {
            Some(profile) => merged.layer(profile),
            None => {
                let known = file.profiles.into_keys().collect();
                merged.found.push(Problem { origin, kind: ProblemKind::UnknownProfile { name, known } });
            }
        }
    }
    for (path, setting) in stronger.settings.iter() {
        merged.settings.put(path.clone(), setting.clone());
    }
    let constraints = managed(sources, site, user, &mut merged)?;
    finish(merged, project, constraints, faults)
}

/// The settings of the project, where it is trusted; the project itself, where there is one.
fn project(
    sources: &Sources<'_>,
    site: &Site<'_>,
    stronger: &Settings,
    user: Option<&Path>,
    merged: &mut Merged,
    faults: Faults,
) -> Result<Option<Project>, ConfigError> {
    let Some(cwd) = site.cwd else { return Ok(None) };
    let notices = &mut merged.remarks.notices;
    let mut project = Project::of(cwd, sources.home, notices);
    project.trust = match trust_in(stronger, &project.root) {
        Trust::Unknown => trust_in(&merged.settings, &project.root),
        said => said,
    };
    let is_off = [stronger, &merged.settings].into_iter().find_map(|layer| {
        let path = KeyPath::bare("features").with("project_config");
        layer.get(&path).map(|setting| setting.value == Value::Bool(false))
    });
    if is_off == Some(true) {
        return Ok(Some(project));
    }
    match (project.read(user, notices), faults) {
        (Ok(layers), _) => layers.into_iter().for_each(|layer| merged.layer(layer)),
        (Err(error), Faults::Refused) => return Err(error),
        (Err(error), Faults::Warned) => merged.remarks.warnings.push(ignored(&error)),
    }
    Ok(Some(project))
}

/// What whoever manages this machine says, over everything else.
fn managed(
    sources: &Sources<'_>,
    site: &Site<'_>,
    user: Option<&Path>,
    merged: &mut Merged,
) -> Result<Constraints, ConfigError> {
    // One more file may be named. It only adds: what the machine's file says holds all the same.
    let more = sources.environment.get(EVERTURN_MANAGED_CONFIG).map(Path::new);
    let paths: Vec<&Path> = std::iter::once(site.managed).chain(more).collect();
    let mut managed = Managed::read(&paths, user)?;
    merged.note(&mut managed.said);
    let constraints = std::mem::take(&mut managed.constraints);
    let (fixed, notices) = managed.fixed(|path| merged.settings.get(path).cloned());
    merged.remarks.notices.extend(notices);
    put(&mut merged.settings, Said { settings: fixed, ..Said::default() });
    constraints.apply(&mut merged.settings, &mut merged.found);
    Ok(constraints)
}

/// Fills in what nobody said, and reads what came of it.
fn finish(
    merged: Merged,
    project: Option<Project>,
    constraints: Constraints,
    faults: Faults,
) -> Result<Loaded, ConfigError> {
    let Merged { mut settings, mut found, mut remarks } = merged;
    if faults == Faults::Warned {
        let in_files = found.extract_if(.., |problem| problem.origin.place().is_some());
        remarks.warnings.extend(in_files.map(|problem| ignored(&problem)));
    }
    if !found.is_empty() {
        return Err(ConfigError::Problems(found));
    }
    fill(&mut settings);
    let mut config = match (resolve(&settings, &mut remarks), faults) {
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
    config.constraints = constraints;
    let Remarks { warnings, notices } = remarks;
    Ok(Loaded { config, provenance: Provenance::new(settings), warnings, notices, project })
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
        match setting.value {
            Value::List(hooks) if path.fits(HOOKS) => add_hooks(settings, hooks, setting.origin),
            value => settings.put(path, Setting { value, ..setting }),
        }
    }
}

/// Hooks of all layers count, so those of each have a place of their own.
fn add_hooks(settings: &mut Settings, hooks: Vec<Value>, origin: Origin) {
    let path = KeyPath::bare(HOOKS).with(origin.layer().word());
    let before = settings.get(&path).map(|setting| setting.value.clone());
    let mut all = match before {
        Some(Value::List(before)) => before,
        _ => Vec::new(),
    };
    all.extend(hooks);
    settings.put(path, Setting { value: Value::List(all), origin });
}

/// The profile that is chosen, and by whom.
fn profile(stronger: &Settings, file: &Settings) -> Option<(String, Origin)> {
    let path = KeyPath::bare("profile");
    let setting = stronger.get(&path).or_else(|| file.get(&path))?;
    let Value::Text(name) = &setting.value else { return None };
    (!name.is_empty()).then(|| (name.clone(), setting.origin.clone()))
}

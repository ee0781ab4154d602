//! A data folder, an environment and a command line to load a configuration from.

use config::{Config, ConfigError, Environment, FlagValue, Loaded, Site, Sources, load_at, load_at_to_look};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The file of whoever manages the machine, in the folder of the scene.
const MANAGED: &str = "managed.toml";

pub(crate) struct Scene {
    folder: TempDir,
    variables: Vec<(OsString, OsString)>,
    profile: Option<&'static str>,
    flags: Vec<FlagValue>,
    overrides: Vec<String>,
    /// The directory whose project counts, below the folder of the scene.
    cwd: Option<&'static str>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".into(), "/h".into())];
        Self { folder, variables, profile: None, flags: Vec::new(), overrides: Vec::new(), cwd: None }
    }

    pub(crate) fn file(self, text: &str) -> Self {
        std::fs::write(self.path(), text).unwrap();
        self
    }

    /// A file anywhere in the folder of the scene.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// What whoever manages the machine says.
    pub(crate) fn managed(self, text: &str) -> Self {
        self.with(MANAGED, text)
    }

    /// A directory of the scene to work in.
    pub(crate) fn cwd(mut self, cwd: &'static str) -> Self {
        std::fs::create_dir_all(self.home().join(cwd)).unwrap();
        self.cwd = Some(cwd);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn profile(mut self, name: &'static str) -> Self {
        self.profile = Some(name);
        self
    }

    pub(crate) fn flag(mut self, flag: FlagValue) -> Self {
        self.flags.push(flag);
        self
    }

    pub(crate) fn set(mut self, setting: &str) -> Self {
        self.overrides.push(setting.to_owned());
        self
    }

    /// The file, whether it is there or not.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment::new(self.variables.clone())
    }

    pub(crate) fn result(&self) -> Result<Loaded, ConfigError> {
        self.loaded_by(load_at)
    }

    fn loaded_by(
        &self,
        load: fn(&Sources<'_>, &Site<'_>) -> Result<Loaded, ConfigError>,
    ) -> Result<Loaded, ConfigError> {
        let sources = Sources {
            environment: &self.environment(),
            home: self.folder.path(),
            profile: self.profile,
            flags: self.flags.clone(),
            overrides: self.overrides.clone(),
        };
        let cwd = self.cwd.map(|cwd| self.home().join(cwd));
        load(&sources, &Site { cwd: cwd.as_deref(), managed: &self.home().join(MANAGED) })
    }

    /// What a command that only looks gets, and what it is warned of.
    pub(crate) fn look(&self) -> (Config, Vec<String>) {
        let loaded = self.loaded_by(load_at_to_look).unwrap_or_else(|error| panic!("{error}"));
        (loaded.config, loaded.warnings.iter().map(|warning| self.shown(warning)).collect())
    }

    pub(crate) fn look_fails(&self) -> String {
        let error = self.loaded_by(load_at_to_look).map(|loaded| loaded.config).unwrap_err();
        self.shown(&error.to_string())
    }

    pub(crate) fn load(&self) -> Loaded {
        self.result().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The message of the error, with `FILE` for the path of the file.
    pub(crate) fn error(&self) -> String {
        let error = self.result().map(|loaded| loaded.config).unwrap_err();
        self.shown(&error.to_string())
    }

    /// The warnings, with `FILE` for the path of the file.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.load().warnings.iter().map(|warning| self.shown(warning)).collect()
    }

    /// The notices, with `FILE` for the path of the file.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.load().notices.iter().map(|notice| self.shown(notice)).collect()
    }

    /// Value and origin of a setting, with `FILE` for the path of the file.
    pub(crate) fn setting(&self, key: &str) -> String {
        let loaded = self.load();
        let found = loaded.provenance.find(key);
        let [(_, setting)] = found[..] else { panic!("{key}: {found:?}") };
        self.shown(&format!("{} from {}", setting.value, setting.origin))
    }

    pub(crate) fn shown(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "FILE")
            .replace(Path::new(self.folder.path()).canonicalize().unwrap().to_str().unwrap(), "HOME")
            .replace(self.folder.path().to_str().unwrap(), "HOME")
    }
}

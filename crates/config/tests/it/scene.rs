//! A data folder, an environment and a command line to load a configuration from.

use config::{Config, ConfigError, Environment, FlagValue, Loaded, Sources, load, load_to_look};
use std::{ffi::OsString, path::PathBuf};
use tempfile::TempDir;

pub(crate) struct Scene {
    folder: TempDir,
    variables: Vec<(OsString, OsString)>,
    profile: Option<&'static str>,
    flags: Vec<FlagValue>,
    overrides: Vec<String>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".into(), "/h".into())];
        Self { folder, variables, profile: None, flags: Vec::new(), overrides: Vec::new() }
    }

    pub(crate) fn file(self, text: &str) -> Self {
        std::fs::write(self.path(), text).unwrap();
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
        self.loaded_by(load)
    }

    fn loaded_by(
        &self,
        load: fn(&Sources<'_>) -> Result<Loaded, ConfigError>,
    ) -> Result<Loaded, ConfigError> {
        load(&Sources {
            environment: &self.environment(),
            home: self.folder.path(),
            profile: self.profile,
            flags: self.flags.clone(),
            overrides: self.overrides.clone(),
        })
    }

    /// What a command that only looks gets, and what it is warned of.
    pub(crate) fn look(&self) -> (Config, Vec<String>) {
        let loaded = self.loaded_by(load_to_look).unwrap_or_else(|error| panic!("{error}"));
        (loaded.config, loaded.warnings.iter().map(|warning| self.shown(warning)).collect())
    }

    pub(crate) fn look_fails(&self) -> String {
        let error = self.loaded_by(load_to_look).map(|loaded| loaded.config).unwrap_err();
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

    fn shown(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "FILE")
            .replace(self.folder.path().to_str().unwrap(), "HOME")
    }
}

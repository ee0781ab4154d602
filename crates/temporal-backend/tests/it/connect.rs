//! Connecting: settings and profiles, real servers, TLS with certificates of the test's own, API keys on the wire.

mod api_key;
mod front;
mod healing;
mod inquiry;
mod server;
mod settings;
mod tls;

use config::{Environment, Sources};
use tempfile::TempDir;
use temporal_backend::{ConnectOptions, Target};

/// What a user has: a home with files, and variables.
struct User {
    home: TempDir,
    variables: Vec<(String, String)>,
    config: String,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".to_owned(), home.path().to_str().unwrap().to_owned())];
        Self { home, variables, config: String::new() }
    }

    fn config(mut self, text: &str) -> Self {
        self.config = text.to_owned();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `temporal.toml` where Temporal's own tools look for it.
    fn profiles(self, text: &str) -> Self {
        let folder = self.home.path().join(if cfg!(target_os = "macos") {
            "Library/Application Support/temporalio"
        } else {
            ".config/temporalio"
        });
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("temporal.toml"), text).unwrap();
        self
    }

    fn options(&self) -> ConnectOptions {
        std::fs::write(self.home.path().join("config.toml"), &self.config).unwrap();
        let variables = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(variables);
        let sources = Sources {
            environment: &environment,
            home: self.home.path(),
            profile: None,
            flags: Vec::new(),
            overrides: Vec::new(),
        };
        let loaded = config::load(&sources).unwrap_or_else(|error| panic!("{error}"));
        ConnectOptions::new(&loaded.config.temporal, &environment)
    }

    fn target(&self) -> Target {
        Target::resolve(&self.options()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The message, with `HOME` for the home.
    fn error(&self) -> String {
        let error = Target::resolve(&self.options()).unwrap_err();
        assert!(!error.retry());
        error.to_string().replace(self.home.path().to_str().unwrap(), "HOME")
    }
}

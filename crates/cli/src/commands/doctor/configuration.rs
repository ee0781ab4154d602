//! The configuration. A broken one stops nothing: as much of it as can be read is what the rest is looked at with.

use super::{Finding, storage::empty};
use crate::{
    args::{Layers, RunArgs},
    exit::{Exit, Failure},
    settings::Wishes,
};
use config::{CONFIG_FILE, ConfigError, Environment};
use std::path::Path;

const CONFIGURATION: &str = "configuration";
const SHOW: &str = "everturn config shows every setting and where it came from";
const CORRECT: &str = "correct it; everturn config keys lists what there is";

/// What is read where all of it cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// No `-c` and no `--profile`.
    NotTheKeys,
    /// No option at all.
    NotTheOptions,
    /// No file.
    NotTheFile,
    /// No file, no `-c` and no `--profile`.
    NeitherFileNorKeys,
    /// Nothing at all.
    Defaults,
}

impl Part {
    /// Those that come first leave out less of what the user meant.
    const ALL: [Self; 5] =
        [Self::NotTheKeys, Self::NotTheOptions, Self::NotTheFile, Self::NeitherFileNorKeys, Self::Defaults];

    /// What the rest is looked at with.
    fn told(self) -> &'static str {
        match self {
            Self::NotTheKeys => "the rest is looked at without -c and --profile",
            Self::NotTheOptions => "the rest is looked at without the options of this command",
            Self::NotTheFile => "the rest is looked at without the file",
            Self::NeitherFileNorKeys => "the rest is looked at without the file, -c and --profile",
            Self::Defaults => "the rest is looked at with the defaults alone",
        }
    }
}

/// The configuration, or what can be had of it, and what is wrong with it.
pub(super) fn examine(
    environment: &Environment,
    root: &Path,
    layers: Layers,
) -> Result<(Wishes, Vec<Finding>), Failure> {
    let error = match read(environment, root, layers.clone()) {
        Ok(wishes) => {
            let findings = as_read(&wishes, root);
            return Ok((wishes, findings));
        }
        Err(error) => error,
    };
    let nothing = empty()?;
    for part in Part::ALL {
        let bare = Layers { config: Vec::new(), profile: None, ..layers.clone() };
        let wishes = match part {
            Part::NotTheKeys => read(environment, root, bare),
            Part::NotTheOptions => read(environment, root, Layers::default()),
            Part::NotTheFile => read(environment, nothing.path(), layers.clone()),
            Part::NeitherFileNorKeys => read(environment, nothing.path(), bare),
            Part::Defaults => read(&Environment::default(), nothing.path(), Layers::default()),
        };
        if let Ok(mut wishes) = wishes {
            // Keys and programs are looked for where they are, whatever the variables say of settings.
            wishes.environment = environment.clone();
            return Ok((wishes, broken(&error, part)));
        }
    }
    Err(Failure::new(Exit::Usage, error.to_string()))
}

fn read(environment: &Environment, root: &Path, layers: Layers) -> Result<Wishes, ConfigError> {
    Wishes::read(environment, root, &RunArgs { layers, ..RunArgs::default() })
}

/// What was read, and what it will surprise somebody with.
fn as_read(wishes: &Wishes, root: &Path) -> Vec<Finding> {
    let path = root.join(CONFIG_FILE);
    let file = if path.exists() {
        path.display().to_string()
    } else {
        format!("no file, so the defaults hold ({})", path.display())
    };
    let profile = wishes.config().profile.as_ref().map(|name| format!(", profile {name}"));
    let mut findings = vec![Finding::ok(CONFIGURATION, format!("{file}{}", profile.unwrap_or_default()))];
    let surprises = wishes.loaded.warnings.iter().chain(&wishes.loaded.notices);
    findings.extend(surprises.map(|text| Finding::warning(CONFIGURATION, text, SHOW)));
    findings
}

/// All that is wrong, one finding each.
fn broken(error: &ConfigError, part: Part) -> Vec<Finding> {
    let mut wrong: Vec<String> = match error {
        ConfigError::Problems(problems) => problems.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    let last =
        wrong.pop().map(|text| Finding::problem(CONFIGURATION, text, format!("{CORRECT}; {}", part.told())));
    let mut findings: Vec<Finding> =
        wrong.into_iter().map(|text| Finding::problem(CONFIGURATION, text, CORRECT)).collect();
    findings.extend(last);
    findings
}

//! `cargo xtask gen`: the reference and the JSON schema of the configuration, from the one list of its keys.
//!
//! They are kept in the repository so that they can be read and linked to; a test checks that they are what the list says.

mod reference;
mod schema;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A file that is made from code.
#[derive(Debug)]
pub struct Generated {
    /// Its path in the repository.
    pub path: &'static str,
    make: fn() -> Result<String>,
}

/// All of them.
pub const GENERATED: &[Generated] = &[
    Generated { path: "docs/config.md", make: || Ok(reference::reference()) },
    Generated { path: "docs/config.schema.json", make: schema::schema },
];

impl Generated {
    /// What should be in it.
    ///
    /// # Errors
    /// It could not be made.
    pub fn text(&self) -> Result<String> {
        (self.make)().with_context(|| format!("{} could not be made", self.path))
    }
}

/// The files that are not what they should be.
///
/// # Errors
/// One could not be made. One that is missing is among those that are not as they should be.
pub fn stale(root: &Path) -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for file in GENERATED {
        if fs::read_to_string(root.join(file.path)).ok() != Some(file.text()?) {
            stale.push(file.path);
        }
    }
    Ok(stale)
}

/// Writes those that are not what they should be, and returns them.
///
/// # Errors
/// One could not be made or written.
pub fn generate(root: &Path) -> Result<Vec<&'static str>> {
    let stale = stale(root)?;
    for file in GENERATED.iter().filter(|file| stale.contains(&file.path)) {
        let path = root.join(file.path);
        fs::write(&path, file.text()?).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(stale)
}

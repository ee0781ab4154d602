//! Where Everturn keeps its data.

use crate::{Environment, environment::EVERTURN_HOME};
use std::{
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The data folder, readable by its owner only.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// The data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Nothing says where it is.
    #[error("there is no home directory to keep threads in: set {EVERTURN_HOME} to a folder")]
    Unknown,
    /// It cannot be made.
    #[error("the data folder {} cannot be used: {source}; set {EVERTURN_HOME} to a folder you can write to", path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Home {
    /// `EVERTURN_HOME`, else `~/.everturn`; made if it is not there.
    ///
    /// # Errors
    /// When neither is known, or the folder cannot be made.
    pub fn open(environment: &Environment) -> Result<Self, HomeError> {
        let root = match (environment.get(EVERTURN_HOME), environment.get("HOME")) {
            (Some(home), _) => PathBuf::from(home),
            (None, Some(user)) => Path::new(user).join(".everturn"),
            (None, None) => return Err(HomeError::Unknown),
        };
        let unusable = |source| HomeError::Unusable { path: root.clone(), source };
        let root = std::path::absolute(&root).map_err(unusable)?;
        let unusable = |source| HomeError::Unusable { path: root.clone(), source };
        if !root.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&root).map_err(unusable)?;
            std::fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).map_err(unusable)?;
        }
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &Path) -> Environment {
        Environment::new([(EVERTURN_HOME.into(), home.into())])
    }

    #[test]
    fn it_is_made_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(&environment(&folder.path().join("a/b"))).unwrap();
        let mode = std::fs::metadata(home.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_file_in_its_place_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Home::open(&environment(&file)).unwrap_err().to_string();
        assert!(error.contains("file") && error.contains(EVERTURN_HOME), "{error}");
        assert!(matches!(Home::open(&Environment::default()), Err(HomeError::Unknown)));
    }
}

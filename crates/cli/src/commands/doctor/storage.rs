//! The data folder: can it be written to, and does its database open?

use super::Finding;
use crate::{
    backend::LocalStore,
    exit::{Exit, Failure},
    host::Keeping,
};
use config::{Durability, Environment, Home, HomeError};
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

const FOLDER: &str = "data folder";
const DATABASE: &str = "database";

/// The data folder, or an empty one in its place so that the rest can be looked at.
pub(super) enum DataFolder {
    Usable(Home),
    Unusable { why: HomeError, stand_in: TempDir },
}

/// The data folder.
pub(super) fn home(environment: &Environment) -> Result<DataFolder, Failure> {
    match Home::open(environment) {
        Ok(home) => Ok(DataFolder::Usable(home)),
        Err(why) => Ok(DataFolder::Unusable { why, stand_in: empty()? }),
    }
}

/// A folder with nothing in it.
pub(super) fn empty() -> Result<TempDir, Failure> {
    TempDir::with_prefix("everturn-").map_err(|error| {
        Failure::new(Exit::Backend, format!("no temporary folder can be made to look from: {error}"))
    })
}

impl DataFolder {
    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Usable(home) => home.root(),
            Self::Unusable { stand_in, .. } => stand_in.path(),
        }
    }

    pub(super) async fn examine(&self, durability: Durability) -> Vec<Finding> {
        match self {
            Self::Usable(home) => folder(home.root(), durability).await,
            Self::Unusable { why: HomeError::Unusable { path, source }, .. } => {
                vec![Finding::problem(
                    FOLDER,
                    format!("{} cannot be used: {source}", path.display()),
                    "set EVERTURN_HOME to a folder you can write to",
                )]
            }
            Self::Unusable { why: HomeError::Unknown, .. } => {
                vec![Finding::problem(
                    FOLDER,
                    "there is no home directory to keep threads in",
                    "set EVERTURN_HOME to a folder",
                )]
            }
        }
    }
}

async fn folder(root: &Path, durability: Durability) -> Vec<Finding> {
    if let Err(error) = NamedTempFile::new_in(root) {
        return vec![Finding::problem(
            FOLDER,
            // The name of the file that could not be made says nothing to anybody.
            format!("{} cannot be written to: {}", root.display(), error.kind()),
            "make it yours and see that its disk has room, or set EVERTURN_HOME to another folder",
        )];
    }
    let writable = Finding::ok(FOLDER, format!("{} can be written to", root.display()));
    vec![writable, database(root, durability).await]
}

async fn database(root: &Path, durability: Durability) -> Finding {
    let survives = match durability {
        Durability::Process => "threads survive the death of a process",
        Durability::Power => "threads survive the loss of power",
    };
    let opened = async { LocalStore::open(root, Keeping::Home, durability).await?.close().await };
    match opened.await {
        Ok(()) => Finding::ok(DATABASE, format!("it opens; {survives}")),
        Err(failure) => Finding::problem(
            DATABASE,
            failure.message,
            "see that the file is whole and its disk has room; with EVERTURN_HOME set to another folder everturn begins anew",
        ),
    }
}

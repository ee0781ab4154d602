//! The Temporal backend: threads in workflows of a Temporal server. This build has none yet.

use super::Backend;
use crate::{
    exit::{Exit, Failure},
    settings::Wishes,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder in a data folder that is there once Temporal was used from it.
const FOLDER: &str = "temporal";

/// Where the folder is.
pub(crate) fn marker(home: &Path) -> PathBuf {
    home.join(FOLDER)
}

/// What opens the backend.
pub(crate) struct Temporal {
    pub(crate) wishes: Arc<Wishes>,
}

impl Temporal {
    /// Reaches the server, or starts one.
    pub(crate) async fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>, Failure> {
        let address = self.wishes.config().temporal.address.as_deref();
        let server = address.map_or_else(String::new, |address| format!(" and cannot reach {address}"));
        Err(Failure::new(
            Exit::Backend,
            format!("this build has no Temporal backend yet{server}; leave out --backend temporal"),
        ))
    }
}

//! The Temporal backend: threads in workflows of a Temporal server.

use super::Backend;
use crate::{
    exit::{Exit, Failure},
    providers::Providers,
    settings::Wishes,
    temporal_site::TemporalSite,
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
    pub(crate) providers: Arc<Providers>,
    pub(crate) home: PathBuf,
}

impl Temporal {
    /// The server, reached or started, and what this process brings to it.
    pub(crate) async fn site(&self) -> Result<TemporalSite, Failure> {
        TemporalSite::open(&self.wishes, &self.providers, &self.home).await
    }

    /// Reaches the server, or starts one.
    pub(crate) async fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>, Failure> {
        let site = self.site().await?;
        Err(Failure::new(
            Exit::Backend,
            format!("this build has no Temporal backend yet and cannot use {}", site.address),
        ))
    }
}

//! A build without Temporal: the backend says so.

use super::Backend;
use crate::{
    exit::{Exit, Failure},
    owner::Owner,
    providers::Providers,
    settings::Wishes,
};
use agent_core::BlobSource;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A folder that such a build never makes.
pub(crate) fn marker(home: &Path) -> PathBuf {
    home.join("temporal")
}

/// The blobs of local threads are all there are.
pub(crate) fn with_temporal_blobs(local: Arc<dyn BlobSource>, _home: &Path) -> Arc<dyn BlobSource> {
    local
}

/// What opens the backend.
#[expect(dead_code, reason = "the same fields as in a build with Temporal")]
pub(crate) struct Temporal {
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) owner: Owner,
    pub(crate) home: PathBuf,
}

impl Temporal {
    /// It cannot be opened.
    pub(crate) async fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>, Failure> {
        Err(Failure::new(
            Exit::Backend,
            "this everturn was built without Temporal; leave out --backend temporal, or build it with the feature \
             `temporal`",
        ))
    }
}

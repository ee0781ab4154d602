//! Blobs in memory.

use agent_core::{BlobId, BlobRef, BlobSource, Content, StorageError};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub(crate) struct Blobs(BTreeMap<BlobId, Vec<u8>>);

impl Blobs {
    pub(crate) fn put(&mut self, bytes: &[u8], media_type: &str) -> Content {
        let id = BlobId::of(bytes);
        self.0.insert(id.clone(), bytes.to_vec());
        Content::Blob { blob: BlobRef { id, bytes: bytes.len() as u64, media_type: media_type.to_owned() } }
    }
}

#[async_trait::async_trait]
impl BlobSource for Blobs {
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.get(id).cloned())
    }
}

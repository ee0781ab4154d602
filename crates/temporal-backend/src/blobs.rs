//! [`FileBlobs`]: large content and archived items, on the disk of the worker that owns the workspace.

mod archives;

pub(crate) use archives::Need;

use agent_core::{BlobId, BlobKeeper, BlobSource, StorageError};
use async_trait::async_trait;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// No blob is larger.
pub const MAX_BLOB_BYTES: usize = 64 * 1024 * 1024;

/// A folder of files, each named by the digest of its bytes. Any number of processes may use it at once. Secrets are
/// taken out before anything is put here; the folder is for its owner's eyes only.
#[derive(Debug)]
pub struct FileBlobs {
    folder: PathBuf,
}

impl FileBlobs {
    /// The blobs in this folder, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Keeps bytes under their digest. They survive the death of this process when it returns; the same bytes twice are
    /// kept once.
    ///
    /// # Errors
    /// When they are too many, or the disk does not take them.
    pub fn write(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        let id = BlobId::of(bytes);
        if bytes.len() > MAX_BLOB_BYTES {
            let error = io::Error::other(format!("{} bytes, of at most {MAX_BLOB_BYTES}", bytes.len()));
            return Err(failed("a blob is too large", error));
        }
        let path = self.path(&id);
        // What is there and damaged is written again.
        if path.metadata().is_ok_and(|known| known.len() == bytes.len() as u64)
            && matches!(self.read(&id), Ok(Some(_)))
        {
            return Ok(id);
        }
        self.write_new(&path, bytes).map_err(|error| failed("a blob cannot be written", error))?;
        Ok(id)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        make_private(folder)?;
        // Its name is nobody else's, whoever writes at the same time, and its bytes are for its owner's eyes.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // A name that is there must have its bytes, also after power loss, and must be there.
        file.as_file().sync_data()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    }

    /// The bytes of a blob, `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or has other bytes than its name says.
    pub fn read(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        let bytes = match fs::read(self.path(id)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("a blob cannot be read", error)),
        };
        if BlobId::of(&bytes) == *id {
            Ok(Some(bytes))
        } else {
            Err(StorageError::Corrupt { message: format!("the blob {id} has other bytes than it should") })
        }
    }

    /// Two characters of the digest name a folder, so that none has too many files. An id from outside is no path.
    fn path(&self, id: &BlobId) -> PathBuf {
        let name: String = id.as_str().chars().filter(char::is_ascii_hexdigit).collect();
        self.folder.join(name.get(..2).unwrap_or("--")).join(name)
    }
}

#[async_trait]
impl BlobSource for FileBlobs {
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(id)
    }
}

#[async_trait]
impl BlobKeeper for FileBlobs {
    async fn keep(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        self.write(bytes)
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn failed(what: &str, error: io::Error) -> StorageError {
    if error.kind() == io::ErrorKind::StorageFull {
        return StorageError::Full;
    }
    StorageError::Io { message: format!("{what}: {error}"), source: Some(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_by_their_digest_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::new(folder.path().join("blobs"));
        let id = blobs.write(b"picture").unwrap();
        assert_eq!(
            (blobs.write(b"picture").unwrap(), blobs.read(&id).unwrap()),
            (id.clone(), Some(b"picture".to_vec()))
        );
        assert_eq!(blobs.read(&BlobId::of(b"another")).unwrap(), None);
        fs::write(blobs.path(&id), b"PICTURE").unwrap();
        assert!(matches!(blobs.read(&id), Err(StorageError::Corrupt { .. })));
        assert_eq!(blobs.write(b"picture").unwrap(), id);
        assert_eq!(blobs.read(&id).unwrap(), Some(b"picture".to_vec()));
    }
}

//! [`Database`]: one SQLite file, one connection that writes and one that reads.
//!
//! SQLite lets one connection write at a time. With a single writing connection for all threads of a process they
//! take turns in an orderly queue; with one for each they would find the file locked and sleep.

use crate::{
    LocalError,
    changes::{Changes, Watch},
    error::storage_error,
    schema,
};
use agent_core::StorageError;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard};

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages a connection keeps in memory, in kB.
const CACHE_KB: &str = "-1024";

/// The file's name in the home directory.
const FILE: &str = "everturn.db";

/// The directory of the lock files in the home directory.
const LOCKS: &str = "locks";

/// Where threads are kept, and how safely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// The directory of the file; it is made where it is missing.
    pub home: PathBuf,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process. After a power loss the last moments may be missing, never the order.
    #[default]
    Process,
    /// The loss of power as well: each write waits for the disk.
    Power,
    /// Nothing: the home is a temporary folder.
    Ephemeral,
}

impl Durability {
    /// What a thread says of itself in its first event.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Process => "local: survives the death of any process",
            Self::Power => "local: survives the death of any process and the loss of power",
            Self::Ephemeral => "none: nothing is kept once the process has ended",
        }
    }

    fn synchronous(self) -> SqliteSynchronous {
        match self {
            Self::Process => SqliteSynchronous::Normal,
            Self::Power => SqliteSynchronous::Full,
            Self::Ephemeral => SqliteSynchronous::Off,
        }
    }
}

/// The database, open. Clones share it.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: DatabaseConfig,
    /// Empty after [`Database::close`].
    writer: Mutex<Option<SqliteConnection>>,
    reader: Mutex<Option<SqliteConnection>>,
    changes: Changes,
}

impl Database {
    /// Opens the database in the home directory, and makes it where there is none.
    ///
    /// # Errors
    /// When the file is of a later version, damaged, or cannot be opened for writing.
    pub async fn open(config: DatabaseConfig) -> Result<Self, LocalError> {
        let path = config.home.join(FILE);
        private_directory(&config.home)?;
        private_file(&path)?;
        let mut writer = connect(&path, config.durability).await?;
        schema::prepare(&mut writer, &path).await?;
        let inner = Inner {
            config,
            writer: Mutex::new(Some(writer)),
            reader: Mutex::new(None),
            changes: Changes::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What an acknowledged write survives.
    pub fn durability(&self) -> Durability {
        self.inner.config.durability
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.inner.config.home.join(FILE)
    }

    /// Keeps the file below this size, in whole pages, for as long as it is open here: a write beyond it fails as
    /// on a full disk. What is there already stays.
    pub async fn limit_bytes(&self, bytes: u64) -> Result<(), LocalError> {
        let failed = |error| storage_error("the database's size cannot be limited", error);
        let mut line = self.writer().await?;
        let connection = line.connection()?;
        let row = sqlx::query("PRAGMA page_size").fetch_one(&mut *connection).await.map_err(failed)?;
        let page_bytes: i64 = row.try_get(0).map_err(failed)?;
        let pages = (bytes / page_bytes.cast_unsigned().max(1)).max(1);
        let limit = AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(limit).execute(connection).await.map_err(failed)?;
        Ok(())
    }

    /// Closes the file; the last one to close it folds its write-ahead log in. Whatever still uses this value fails
    /// from then on.
    pub async fn close(&self) -> Result<(), LocalError> {
        let failed = |error| storage_error("the database cannot be closed", error);
        if let Some(reader) = self.inner.reader.lock().await.take() {
            reader.close().await.map_err(failed)?;
        }
        if let Some(writer) = self.inner.writer.lock().await.take() {
            writer.close().await.map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.inner.config.home.join(LOCKS)
    }

    /// The connection that writes. Every statement on it is a transaction of its own: a transaction of several would
    /// stay open when its caller stops waiting, or get lost when SQLite rolls it back (a full disk).
    pub(crate) async fn writer(&self) -> Result<Line<'_>, StorageError> {
        let line = Line(self.inner.writer.lock().await);
        if line.0.is_none() { Err(closed()) } else { Ok(line) }
    }

    /// The connection that reads; it sees everything that is committed.
    pub(crate) async fn reader(&self) -> Result<Line<'_>, StorageError> {
        let mut reader = self.inner.reader.lock().await;
        if reader.is_none() {
            if self.inner.writer.lock().await.is_none() {
                return Err(closed());
            }
            *reader = Some(connect(&self.path(), self.durability()).await?);
        }
        Ok(Line(reader))
    }

    /// Tells when the file has changed, whoever changed it.
    pub(crate) fn watch(&self) -> Watch {
        self.inner.changes.watch(self)
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    pub(crate) fn downgrade(&self) -> WeakDatabase {
        WeakDatabase(Arc::downgrade(&self.inner))
    }
}

/// A database that may be gone.
#[derive(Debug)]
pub(crate) struct WeakDatabase(std::sync::Weak<Inner>);

impl WeakDatabase {
    pub(crate) fn upgrade(&self) -> Option<Database> {
        self.0.upgrade().map(|inner| Database { inner })
    }
}

/// One of the connections, held for a few statements.
pub(crate) struct Line<'a>(MutexGuard<'a, Option<SqliteConnection>>);

impl Line<'_> {
    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StorageError> {
        self.0.as_mut().ok_or_else(closed)
    }
}

fn closed() -> StorageError {
    StorageError::Io { message: "the database was closed by this program".into(), source: None }
}

async fn connect(path: &Path, durability: Durability) -> Result<SqliteConnection, StorageError> {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(durability.synchronous())
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .pragma("cache_size", CACHE_KB)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| storage_error(&format!("{} cannot be opened", path.display()), error))
}

/// Makes a directory that only its owner can enter.
pub(crate) fn private_directory(path: &Path) -> Result<(), LocalError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| LocalError::Files { path: path.to_owned(), source })
}

fn private_file(path: &Path) -> Result<(), LocalError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(LocalError::Files { path: path.to_owned(), source }),
    }
}

/// Does work with a connection in a task of its own. A stream that is not polled for a while must not sit on a connection
/// that its own reader, or the driver, waits for.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        Err(StorageError::Io {
            message: "the database could not be read".into(),
            source: Some(Box::new(error)),
        })
    })
}

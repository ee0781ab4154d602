//! Snapshots: the thread as it is after a record, in full but for the passages its inputs have.

use crate::{
    error::failed,
    passage::{Passage, Passages, marks, unmark},
    reader::ThreadReader,
    schema::{commit_key, seq_of},
};
use agent_core::StorageError;
use futures::TryStreamExt;
use sqlx::Row;
use std::collections::{BTreeMap, HashMap};

/// The inputs of some records, which come as a JSON array of keys: a snapshot refers to few of them, however long the
/// journal is.
const INPUTS: &str =
    "SELECT key, input FROM commits WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key";

/// The JSON of the latest snapshot; `None` where there is none, or where it refers to what is not there. Takes note
/// of the passages it has.
pub(crate) async fn read(
    reader: &ThreadReader,
    passages: &mut Passages,
) -> Result<Option<String>, StorageError> {
    let failed = failed("the snapshot cannot be read");
    let mut line = reader.line().await?;
    let Some(row) = sqlx::query("SELECT body FROM snapshots WHERE thread = ?")
        .bind(reader.thread)
        .fetch_optional(line.connection()?)
        .await
        .map_err(&failed)?
    else {
        return Ok(None);
    };
    let body: &str = row.try_get(0).map_err(&failed)?;
    let mut wanted: BTreeMap<u64, Vec<Passage>> = BTreeMap::new();
    for passage in marks(body).unwrap_or_default() {
        wanted.entry(passage.seq).or_default().push(passage);
    }
    let keys: Vec<i64> = wanted.keys().map(|seq| commit_key(reader.thread, *seq)).collect();
    let keys = serde_json::to_string(&keys).unwrap_or_default();
    let mut texts: HashMap<(u64, usize, usize), String> = HashMap::new();
    let mut rows = sqlx::query(INPUTS).bind(keys).fetch(line.connection()?);
    while let Some(row) = rows.try_next().await.map_err(&failed)? {
        let seq = seq_of(row.try_get(0).map_err(&failed)?);
        let input: &str = row.try_get(1).map_err(&failed)?;
        for passage in wanted.remove(&seq).unwrap_or_default() {
            passages.learn_one(input, passage);
            if let Some(text) = passage.of(input) {
                texts.insert((seq, passage.at, passage.len), text.to_owned());
            }
        }
    }
    let whole = unmark(body, |Passage { seq, at, len }| texts.get(&(seq, at, len)).map(String::as_str));
    if whole.is_none() {
        tracing::warn!(thread = %reader.key(), "the snapshot refers to text that is not there and is not used");
    }
    Ok(whole)
}

//! Files of keys: made, added to, put in another order. A file is always whole: a change is written to another file, which
//! then takes its place.

use super::{CodecError, KeyId, KeyRing, key_ring::KEY_BYTES, key_source::read_key_file};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// What its owner may do, and nobody else.
const MODE: u32 = 0o600;
/// What the ids of made keys begin with; a number follows.
const ID_PREFIX: &str = "k";

/// What stands at the top of a file that this program made.
const HEADER: &str = "# Keys of the payload codec, ID:KEY a line. The first encrypts, all of them decrypt.\n\
                      # Without its key a thread cannot be read again: keep a copy in a safe place.\n";

/// What a new key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It encrypts from now on; the others decrypt.
    Active,
    /// It only decrypts: for the time in which other machines do not have it yet. [`activate_key`] changes that.
    Standby,
}

/// A new key as a line `ID:KEY`, for an environment variable or a keyring.
///
/// # Errors
/// The operating system gives no randomness.
pub fn new_key(id: &KeyId) -> Result<SecretString, CodecError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(CodecError::Random)?;
    Ok(SecretString::from(format!("{id}:{}", STANDARD.encode(bytes))))
}

/// Makes a file with one key.
///
/// # Errors
/// There is one already, which stays as it is; it cannot be written.
pub fn create_key_file(path: &Path) -> Result<KeyId, CodecError> {
    let unwritable = |source| CodecError::Unwritable { path: path.to_owned(), source };
    let id = next_id(&[])?;
    let line = new_key(&id)?;
    let mut file =
        OpenOptions::new().write(true).mode(MODE).create_new(true).open(path).map_err(unwritable)?;
    let text = SecretString::from(format!("{HEADER}{}\n", line.expose_secret()));
    write_all(&mut file, &text).and_then(|()| sync_folder(path)).map_err(unwritable)?;
    Ok(id)
}

/// Adds a key to a file.
///
/// # Errors
/// The file is not there, not well-formed, or others can read it; it cannot be written.
pub fn add_key(path: &Path, position: Position) -> Result<KeyId, CodecError> {
    let text = read_key_file(path)?;
    let ring = KeyRing::parse(text.expose_secret(), path.display().to_string())?;
    let id = next_id(&ring.ids().collect::<Vec<_>>())?;
    let line = new_key(&id)?;
    let mut lines: Vec<&str> = text.expose_secret().lines().collect();
    let at = match position {
        Position::Active => first_key(&lines),
        Position::Standby => lines.len(),
    };
    lines.insert(at, line.expose_secret());
    replace(path, &lines)?;
    Ok(id)
}

/// Makes a key of a file the one that encrypts.
///
/// # Errors
/// There is no such key; the file is not there, not well-formed, or others can read it; it cannot be written.
pub fn activate_key(path: &Path, id: &str) -> Result<(), CodecError> {
    let text = read_key_file(path)?;
    let place = path.display().to_string();
    let ring = KeyRing::parse(text.expose_secret(), &*place)?;
    let mut lines: Vec<&str> = text.expose_secret().lines().collect();
    let is_it = |line: &&str| line.split_once(':').is_some_and(|(name, _)| name.trim() == id);
    let Some(at) = lines.iter().position(is_it) else {
        let known = ring.ids().map(ToString::to_string).collect();
        return Err(CodecError::NoSuchKey { place, id: id.to_owned(), known });
    };
    let line = lines.remove(at);
    let at = first_key(&lines);
    lines.insert(at, line);
    replace(path, &lines)
}

/// Where the first key is, or would be.
fn first_key(lines: &[&str]) -> usize {
    let is_key = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    lines.iter().position(is_key).unwrap_or(lines.len())
}

/// An id with a number higher than any that is taken.
fn next_id(taken: &[&KeyId]) -> Result<KeyId, CodecError> {
    let number = |id: &&KeyId| id.as_str().strip_prefix(ID_PREFIX)?.parse::<u32>().ok();
    let highest = taken.iter().filter_map(number).max().unwrap_or_default();
    let id = format!("{ID_PREFIX}{}", u64::from(highest) + 1);
    KeyId::new(&id).ok_or(CodecError::Empty { place: id })
}

fn replace(path: &Path, lines: &[&str]) -> Result<(), CodecError> {
    let unwritable = |source| CodecError::Unwritable { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // One that is there was left by a process that died.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).mode(MODE).create_new(true).open(&new).map_err(unwritable)?;
    let text = SecretString::from(lines.join("\n") + "\n");
    write_all(&mut file, &text).map_err(unwritable)?;
    fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(unwritable)
}

fn write_all(file: &mut File, text: &SecretString) -> io::Result<()> {
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()
}

/// The name is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

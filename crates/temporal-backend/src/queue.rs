//! The queue of a data folder: whoever serves it owns the workspaces of the threads that were begun from here.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// The file with the queue's name, in the data folder's `temporal` folder.
const FILE: &str = "queue";
/// What names begin with.
const PREFIX: &str = "everturn-";
/// No name is longer.
const MAX_CHARS: usize = 200;

/// The name of the queue of this folder, which is given one when it is first asked for. `fresh` is what makes it another
/// folder's name: chance, for example eight hex digits.
///
/// # Errors
/// When the folder cannot be written or has something else there.
pub fn queue_of(folder: &Path, fresh: &str) -> io::Result<String> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(name) => return checked(&name, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{PREFIX}{fresh}")?;
    file.as_file().sync_data()?;
    match file.persist_noclobber(&path) {
        Ok(_) => {}
        // Another process was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    checked(&fs::read_to_string(&path)?, &path)
}

fn checked(name: &str, path: &Path) -> io::Result<String> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_CHARS || name.chars().any(char::is_whitespace) {
        let message = format!("{} does not hold the name of a queue", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_the_name_it_was_given_first() {
        let folder = tempfile::tempdir().unwrap();
        let temporal = folder.path().join("temporal");
        assert_eq!(queue_of(&temporal, "1a2b3c4d").unwrap(), "everturn-1a2b3c4d");
        assert_eq!(queue_of(&temporal, "other").unwrap(), "everturn-1a2b3c4d");
        fs::write(temporal.join(FILE), "two words").unwrap();
        assert!(queue_of(&temporal, "other").is_err());
    }
}

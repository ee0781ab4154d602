//! Reads the files that the command line names.

use std::{fs::File, io::Read, path::Path};

/// The text of a file of at most so many bytes, or why there is none. No more is read of it: it may be a device that has
/// no end.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("it is larger than {max_bytes} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read_text(&path, 4), Ok("1234".into()));
        assert_eq!(read_text(&path, 3), Err("it is larger than 3 bytes".into()));
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 3), Err("it is no UTF-8 text".into()));
        assert!(read_text(Path::new("/dev/zero"), 1024).unwrap_err().contains("larger"));
    }
}

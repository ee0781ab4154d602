//! `list_dir`: what is in a directory.

use super::{ANSWER_BYTES, FileTool, Site, path_fault};
use crate::arguments::{Arguments, Field, Need, Shape};
use ignore::WalkBuilder;
use rustix::fs::FileType;
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

const DEFAULT_DEPTH: usize = 1;
const MAX_DEPTH: u64 = 10;
const DEFAULT_ENTRIES: usize = 300;
const MAX_ENTRIES: u64 = 2_000;
/// Entries read of one directory. Of a larger one, any so many.
const READ_ENTRIES: usize = 50_000;
/// Directories whose insides hardly anybody wants to see; they are listed, not entered.
const CLOSED: [&str; 1] = [".git"];

pub(crate) const LIST_DIR: FileTool = FileTool {
    name: "list_dir",
    about: "Lists a directory, hidden files included, sorted by name. Directories end with `/`, symbolic links with `@` and \
            where they lead. What .gitignore and similar files exclude is marked `(ignored)`. With `depth` also what is in its \
            directories, indented, except ignored ones and .git.",
    fields: &[
        Field {
            name: "path",
            about: "The directory, absolute or relative to the working directory, which is the default.",
            shape: Shape::Text,
            need: Need::Optional,
        },
        Field {
            name: "depth",
            about: "How many levels. 1, the default, is only the directory itself.",
            shape: Shape::Whole { min: 1, max: MAX_DEPTH },
            need: Need::Optional,
        },
        Field {
            name: "limit",
            about: "How many entries at most. 300 by default.",
            shape: Shape::Whole { min: 1, max: MAX_ENTRIES },
            need: Need::Optional,
        },
    ],
    subject: |arguments| Ok(given(arguments).to_owned()),
    look,
};

fn given(arguments: &Arguments) -> &str {
    match arguments.text("path") {
        None | Some("") => ".",
        Some(path) => path,
    }
}

fn look(arguments: &Arguments, site: &Site) -> Result<String, String> {
    let path = match given(arguments) {
        "." => site.cwd.clone(),
        path => site.path(path),
    };
    let fault = |error| path_fault(site, &path, &error);
    if !path.metadata().map_err(fault)?.is_dir() {
        return Err(format!("{} is a file; use `read_file` to read it", site.shown(&path)));
    }
    let mut listing = Listing {
        site,
        text: format!("{}/\n", path.display()),
        left: arguments.count("limit", DEFAULT_ENTRIES),
    };
    let depth = arguments.count("depth", DEFAULT_DEPTH);
    match listing.directory(&path, 1, depth).map_err(fault)? {
        Extent::Complete if listing.text.lines().count() == 1 => {
            listing.text.push_str("The directory is empty.\n");
        }
        Extent::Complete => {}
        Extent::Cut => listing.text.push_str("… there is more; raise `limit` or list a part of it …\n"),
    }
    Ok(listing.text)
}

struct Listing<'a> {
    site: &'a Site,
    text: String,
    left: usize,
}

/// Whether everything is in the listing.
#[derive(PartialEq, Eq)]
enum Extent {
    Complete,
    Cut,
}

struct Entry {
    name: String,
    path: PathBuf,
    kind: FileType,
}

impl Listing<'_> {
    fn directory(&mut self, path: &Path, level: usize, depth: usize) -> io::Result<Extent> {
        let open = rustix::fs::Dir::new(self.site.open(path)?)?;
        let mut entries: Vec<Entry> = open
            .filter_map(Result::ok)
            .filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))
            .take(READ_ENTRIES)
            .map(|entry| {
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                let path = path.join(name);
                let kind = kind(&path, entry.file_type());
                Entry { name: printable(&name.to_string_lossy()), path, kind }
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = wanted(path);
        for entry in entries {
            if self.left == 0 || self.text.len() > ANSWER_BYTES || self.site.is_halted() {
                return Ok(Extent::Cut);
            }
            self.left -= 1;
            let is_directory = entry.kind == FileType::Directory;
            let sign = match entry.kind {
                FileType::Directory => "/".to_owned(),
                FileType::Symlink => leads_to(&entry.path),
                _ => String::new(),
            };
            let is_ignored = !entry.path.file_name().is_some_and(|name| wanted.contains(name));
            let mark = if is_ignored { " (ignored)" } else { "" };
            self.text.push_str(&format!("{}{}{sign}{mark}\n", "  ".repeat(level), entry.name));
            if is_directory && !is_ignored && level < depth && !CLOSED.contains(&entry.name.as_str()) {
                match self.directory(&entry.path, level + 1, depth) {
                    Ok(Extent::Complete) => {}
                    Ok(Extent::Cut) => return Ok(Extent::Cut),
                    Err(error) => {
                        self.text.push_str(&format!("{}(cannot be read: {error})\n", "  ".repeat(level + 1)))
                    }
                }
            }
        }
        Ok(Extent::Complete)
    }
}

/// The names in a directory that no ignore file excludes.
fn wanted(directory: &Path) -> BTreeSet<OsString> {
    let walk = WalkBuilder::new(directory).hidden(false).require_git(false).max_depth(Some(1)).build();
    let entries = walk.take(READ_ENTRIES).filter_map(Result::ok).filter(|entry| entry.depth() == 1);
    entries.map(|entry| entry.file_name().to_owned()).collect()
}

/// What an entry is, which some file systems do not say while they list it.
fn kind(path: &Path, told: FileType) -> FileType {
    match told {
        FileType::Unknown => {
            rustix::fs::lstat(path).map_or(told, |found| FileType::from_raw_mode(found.st_mode))
        }
        told => told,
    }
}

fn leads_to(link: &Path) -> String {
    match fs::read_link(link) {
        Ok(target) => format!("@ -> {}", printable(&target.to_string_lossy())),
        Err(_) => "@".to_owned(),
    }
}

/// A name on one line.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

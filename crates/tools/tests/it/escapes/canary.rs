//! What may not change, as it is.

use std::{
    collections::BTreeMap,
    ffi::CString,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// A tree of files, everything of it that an attempt could change.
#[derive(PartialEq, Eq)]
pub(super) struct Canary(BTreeMap<PathBuf, Bird>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bird {
    mode: u32,
    owner: (u32, u32),
    links: u64,
    device: u64,
    modified: (i64, i64),
    content: Vec<u8>,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    flags: Option<u32>,
}

impl Canary {
    /// Looks at these trees; what is `except`ed changes by itself.
    pub(super) fn of(roots: &[PathBuf], except: &[PathBuf]) -> Self {
        let mut birds = BTreeMap::new();
        for root in roots {
            look(root, except, &mut birds);
        }
        Self(birds)
    }

    /// How another look differs, in words.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, before) in &self.0 {
            let path_text = path.display();
            match now.0.get(path) {
                None => found.push(format!("{path_text} is gone")),
                Some(after) => {
                    let changes = before.changed(after);
                    if !changes.is_empty() {
                        found.push(format!("{path_text} changed: {changes}"));
                    }
                }
            }
        }
        let new = now.0.keys().filter(|path| !self.0.contains_key(*path));
        found.extend(new.map(|path| format!("{} is new", path.display())));
        found
    }
}

impl Bird {
    /// How it differs. A name less of it somewhere else is none of its changes.
    fn changed(&self, now: &Self) -> String {
        let mut what = Vec::new();
        let mut note = |name: &str, before: String, after: String| {
            if before != after {
                what.push(format!("{name} {before} became {after}"));
            }
        };
        let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
        note("mode", format!("{:o}", self.mode), format!("{:o}", now.mode));
        note("owner", format!("{:?}", self.owner), format!("{:?}", now.owner));
        note("links", self.links.to_string(), now.links.max(self.links).to_string());
        note("device", self.device.to_string(), now.device.to_string());
        note("mtime", format!("{:?}", self.modified), format!("{:?}", now.modified));
        note("content", text(&self.content), text(&now.content));
        note("attributes", format!("{:?}", self.attributes), format!("{:?}", now.attributes));
        note("flags", format!("{:?}", self.flags), format!("{:?}", now.flags));
        what.join(", ")
    }
}

fn look(path: &Path, except: &[PathBuf], birds: &mut BTreeMap<PathBuf, Bird>) {
    let Ok(found) = path.symlink_metadata() else { return };
    if except.iter().any(|spared| spared == path) {
        return;
    }
    let content = if found.is_symlink() {
        fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else if found.is_file() {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let bird = Bird {
        mode: found.mode(),
        owner: (found.uid(), found.gid()),
        // A folder's links are its folders, which are looked at themselves.
        links: if found.is_dir() { 0 } else { found.nlink() },
        device: found.dev(),
        // A link that was put back is as good as before.
        modified: if found.is_symlink() { (0, 0) } else { (found.mtime(), found.mtime_nsec()) },
        content,
        attributes: attributes(path),
        flags: flags(path, &found),
    };
    birds.insert(path.to_owned(), bird);
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), except, birds);
        }
    }
}

fn attributes(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    let each = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    each.map(|name| {
        let mut value = vec![0; 4096];
        let length = rustix::fs::lgetxattr(path, CString::new(name).unwrap(), &mut value).unwrap_or(0);
        value.truncate(length);
        (name.to_vec(), value)
    })
    .collect()
}

fn flags(path: &Path, found: &fs::Metadata) -> Option<u32> {
    if !found.is_file() {
        return None;
    }
    rustix::fs::ioctl_getflags(fs::File::open(path).ok()?).ok().map(|flags| flags.bits())
}

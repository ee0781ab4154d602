//! Paths by their names alone, without a look at the disk.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..`. `..` of the root is the root.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

//! Whether a patch stays where it may write, as far as can be said before it runs. What counts is what the engine finds
//! when it runs; this decides whether somebody is asked first.

use crate::lexical::normal;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where writing is allowed.
pub(super) struct Bounds {
    pub(super) roots: Vec<PathBuf>,
    pub(super) protected: Vec<PathBuf>,
}

impl Bounds {
    /// Why the first of these files may not be written, `None` where all may. Looks at directories and links only.
    pub(super) fn crossed_by(&self, files: &[PathBuf]) -> Option<String> {
        let roots: Vec<PathBuf> = self.roots.iter().map(|root| real(root)).collect();
        let protected: Vec<PathBuf> =
            self.protected.iter().flat_map(|path| [normal(path), real(path)]).collect();
        files.iter().find_map(|file| {
            let place = real(file);
            let shown = file.display();
            if protected.iter().any(|path| place.starts_with(path) || normal(file).starts_with(path)) {
                Some(format!("the patch changes {shown}, which is protected"))
            } else if roots.iter().any(|root| place.starts_with(root)) {
                None
            } else {
                Some(format!("the patch changes {shown}, which is outside the writable directories"))
            }
        })
    }
}

/// The path with every link followed that is there, the rest by name.
fn real(path: &Path) -> PathBuf {
    let named = normal(path);
    for ancestor in named.ancestors() {
        if let Ok(found) = fs::canonicalize(ancestor) {
            return named.strip_prefix(ancestor).map_or(found.clone(), |rest| normal(&found.join(rest)));
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_dots_lead_where_they_lead() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        let root = inside.path();
        std::os::unix::fs::symlink(outside.path(), root.join("link")).unwrap();
        fs::create_dir(root.join("keep")).unwrap();
        let bounds = Bounds { roots: vec![root.to_owned()], protected: vec![root.join("keep")] };
        let crossed = |path: &str| bounds.crossed_by(&[root.join(path)]);
        assert_eq!(crossed("a/b/c.txt"), None);
        assert_eq!(crossed("link2/../a.txt"), None);
        assert!(crossed("link/a.txt").is_some_and(|why| why.contains("outside")));
        assert!(crossed("../a.txt").is_some_and(|why| why.contains("outside")));
        assert!(crossed("keep/a.txt").is_some_and(|why| why.contains("protected")));
        assert!(bounds.crossed_by(&[root.join("a"), PathBuf::from("/etc/passwd")]).is_some());
    }
}

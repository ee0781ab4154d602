//! No absolute path of one developer's machine in any text file: it works for nobody else.

use anyhow::Result;

use super::{Finding, Tree};

/// What comes between the first slash and the rest. Kept without slashes so that this file does not find itself.
const PLACES: [Place; 4] = [
    Place { folder: "home", below: Below::Name },
    Place { folder: "Users", below: Below::Name },
    Place { folder: "work", below: Below::Anything },
    Place { folder: "root", below: Below::Anything },
];

struct Place {
    folder: &'static str,
    below: Below,
}

enum Below {
    /// Only with a real user name: `/home/<name>` as a placeholder is fine.
    Name,
    Anything,
}

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree.files() {
        let Some(text) = tree.read_if_text(path)? else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = PLACES.iter().find_map(|place| place.find(line)) {
                let message = format!(
                    "`{found}` is a path of one machine: use a relative path, a variable or a placeholder"
                );
                findings.push(Finding::new(path, index + 1, message));
            }
        }
    }
    Ok(findings)
}

impl Place {
    /// The machine path in this line, with its trailing slash.
    fn find<'a>(&self, line: &'a str) -> Option<&'a str> {
        let prefix = format!("/{}/", self.folder);
        line.match_indices(&prefix).find_map(|(start, _)| {
            // `$HOME/work/`, `target/root/` and `example.org/home/x/` are not absolute.
            if line[..start].ends_with(|c: char| c.is_alphanumeric() || "_-.~$})>*".contains(c)) {
                return None;
            }
            let rest = start + prefix.len();
            match self.below {
                Below::Anything => Some(&line[start..rest]),
                Below::Name => {
                    let name =
                        line[rest..].split(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).next()?;
                    let end = rest + name.len();
                    (!name.is_empty() && line[end..].starts_with('/')).then(|| &line[start..=end])
                }
            }
        })
    }
}

//! The user's file.

use super::{Profiles, Reader, Said};
use crate::{
    ConfigError, KeyPath, Origin, Place, Problem, ProblemKind, SyntaxError, origin::Lines,
    value::names_a_secret,
};
use std::{io::Read, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The largest file that is read. A long one of Codex has some ten thousand bytes.
const MAX_FILE_BYTES: u64 = 1_048_576;

/// The longest line that an excerpt repeats, in letters.
const MAX_EXCERPT_CHARS: usize = 120;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// At its top level.
    pub(crate) top: Said,
    /// In each profile.
    pub(crate) profiles: Profiles,
}

/// Reads the text of a file; none where there is no such file.
pub(crate) fn read_file(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES });
    }
    Ok(Some(text))
}

impl File {
    /// Reads TOML. `lines` has the text; relative paths are relative to the file's folder.
    pub(crate) fn parse(lines: &Lines<'_>, path: &Path, home: Option<&Path>) -> Result<Self, ConfigError> {
        Self::parse_as(Origin::User, lines, path, home)
    }

    /// The same for a file of another layer.
    pub(crate) fn parse_as(
        layer: fn(Place) -> Origin,
        lines: &Lines<'_>,
        path: &Path,
        home: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let document = parse(lines)?;
        let mut file = Self::default();
        let folder = path.parent().unwrap_or(Path::new("/"));
        let origin = |at| layer(lines.place(at));
        let top = Reader { origin: &origin, shown_below: KeyPath::default(), folder, home };
        for (name, value) in document.get_ref() {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("profiles", DeValue::Table(profiles)) => {
                    for (name, value) in profiles {
                        file.profile(name.get_ref(), value, lines, &top);
                    }
                }
                ("profiles", other) => {
                    let found = super::found(other);
                    let key = KeyPath::bare("profiles");
                    let kind = ProblemKind::BadValue { key, found, allowed: "a table of tables".into() };
                    file.top.problems.push(Problem { origin: origin(value.span().start), kind });
                }
                (key, _) => top.key(KeyPath::default().with(key), name.span().start, value, &mut file.top),
            }
        }
        Ok(file)
    }

    fn profile(&mut self, name: &str, value: &Spanned<DeValue<'_>>, lines: &Lines<'_>, top: &Reader<'_>) {
        let shown_below = KeyPath::bare("profiles").with(name);
        let layer = self.profiles.entry(name.to_owned()).or_default();
        let DeValue::Table(table) = value.get_ref() else {
            let kind = ProblemKind::BadValue {
                key: shown_below,
                found: super::found(value.get_ref()),
                allowed: "a table".into(),
            };
            let origin = Origin::User(lines.place(value.span().start));
            layer.problems.push(Problem { origin, kind });
            return;
        };
        let origin = |at| Origin::Profile { name: name.to_owned(), place: lines.place(at) };
        let reader = Reader { origin: &origin, shown_below, ..*top };
        reader.table(&KeyPath::default(), table, layer);
    }
}

/// The TOML of a text, or where it stops being TOML.
pub(crate) fn parse<'a>(lines: &Lines<'a>) -> Result<Spanned<DeTable<'a>>, ConfigError> {
    DeTable::parse(lines.text()).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(lines.text().len());
        ConfigError::Syntax(SyntaxError {
            origin: Origin::User(lines.place(at)),
            message: error.message().to_owned(),
            excerpt: excerpt(lines, at),
        })
    })
}

/// The line with a caret below the byte, unless it sets something that nobody should see.
fn excerpt(lines: &Lines<'_>, at: usize) -> String {
    let place = lines.place(at);
    let line = lines.line(place.line - 1);
    let pasted = line.contains("sk-") || line.to_ascii_lowercase().contains("bearer");
    if pasted || names_a_secret(line) || line.chars().count() > MAX_EXCERPT_CHARS {
        return String::new();
    }
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    // Tabs stay tabs below, so that the caret is under its letter.
    let indent: String =
        line.chars().take(place.column - 1).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
    format!("{margin} |\n{number} | {line}\n{margin} | {indent}^")
}

//! The front matter of a Markdown file: YAML between two lines `---` at its top.

use serde::de::DeserializeOwned;
use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1; nothing where it is not about one.
    pub(crate) line: Option<u64>,
    /// What.
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { line: None, what: what.into() }
    }

    /// The warning about a file.
    pub(crate) fn warning(&self, path: &Path) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", path.display(), self.what),
            None => format!("{}: {}", path.display(), self.what),
        }
    }
}

/// The keys whose text is written without quotes where YAML wants some, and what it may begin with all the same. Files for
/// other agents have `description: Use it when: …` and `argument-hint: [file] [line]`.
const PLAIN: [(&str, &[char]); 2] =
    [("description:", &['"', '\'', '|', '>', '[', '{']), ("argument-hint:", &['"', '\'', '|', '>'])];

/// The front matter of a text, and what follows it. A text may be without any.
pub(crate) fn split<T: DeserializeOwned + Default>(text: &str) -> Result<(T, &str), Fault> {
    let Some((matter, body)) = fences(text)? else { return Ok((T::default(), text)) };
    if matter.trim().is_empty() {
        return Ok((T::default(), body));
    }
    match serde_saphyr::from_str(matter)
        .or_else(|error| serde_saphyr::from_str(&in_quotes(matter)).map_err(|_| error))
    {
        Ok(read) => Ok((read, body)),
        Err(error) => {
            // The fence above is a line of the file too.
            let line = error.location().map_or(1, |place| place.line() + 1);
            let message = error.without_snippet().to_string();
            let what = message.lines().next().unwrap_or_default();
            let what = what.split(" at line ").next().unwrap_or_default();
            Err(Fault {
                line: Some(line),
                what: format!("the front matter is not the YAML it should be: {what}"),
            })
        }
    }
}

/// The front matter with its plain texts in quotes.
fn in_quotes(matter: &str) -> String {
    let quoted = |line: &str| {
        let found = PLAIN.iter().find_map(|(key, but)| {
            let text = line.strip_prefix(key)?.trim();
            (!text.starts_with(*but)).then(|| format!("{key} '{}'\n", text.replace('\'', "''")))
        });
        found.unwrap_or_else(|| line.to_owned())
    };
    matter.split_inclusive('\n').map(quoted).collect()
}

/// What is between the fences and behind them; none where the text does not begin with one.
fn fences(text: &str) -> Result<Option<(&str, &str)>, Fault> {
    let Some((first, rest)) = text.split_once('\n') else { return Ok(None) };
    if first.trim_end() != "---" {
        return Ok(None);
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let end = at + line.len();
        if matches!(line.trim_end(), "---" | "...") {
            let (matter, body) = (rest.get(..at).unwrap_or_default(), rest.get(end..).unwrap_or_default());
            return Ok(Some((matter, body)));
        }
        at = end;
    }
    Err(Fault { line: Some(1), what: "the front matter has no end; a line `---` ends it".to_owned() })
}

/// The text of a file that is not too long; none where there is no such file.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Option<String>, Fault> {
    let unreadable = |error: io::Error| Fault::new(format!("cannot be read: {error}"));
    // Before it is opened: opening a pipe would wait for a writer.
    match path.metadata() {
        Ok(found) if !found.is_file() => return Err(Fault::new("is not a file")),
        Ok(found) if found.len() > max_bytes => {
            return Err(Fault::new(format!("has {} bytes; {max_bytes} are the most", found.len())));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        return Err(Fault::new(format!("has more than {max_bytes} bytes")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
        Err(error) => Err(Fault::new(format!("is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))),
    }
}

/// A description on one line.
pub(crate) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Matter {
        name: Option<String>,
        description: Option<String>,
    }

    #[test]
    fn front_matter_is_between_two_fences_at_the_top() {
        let cases = [
            ("---\nname: a\n---\nbody\n", Some("a"), "body\n"),
            ("---\r\nname: a\r\n---\r\nbody", Some("a"), "body"),
            ("---\nname: a\nother: [1, 2]\n...\n", Some("a"), ""),
            ("---\n---\nbody", None, "body"),
            ("body\n---\nname: a\n---\n", None, "body\n---\nname: a\n---\n"),
            ("", None, ""),
        ];
        for (text, name, body) in cases {
            let expected = Matter { name: name.map(str::to_owned), description: None };
            assert_eq!(split::<Matter>(text), Ok((expected, body)), "{text:?}");
        }
    }

    #[test]
    fn a_description_may_have_a_colon_as_files_for_other_agents_have() {
        let text = "---\nname: a\ndescription: Use it when: it's 5 o'clock # really\n---\n";
        let expected = Matter {
            name: Some("a".into()),
            description: Some("Use it when: it's 5 o'clock # really".into()),
        };
        assert_eq!(split::<Matter>(text), Ok((expected, "")));
        let quoted = "---\ndescription: \"a: b\" # comment\n---\n";
        assert_eq!(split::<Matter>(quoted).unwrap().0.description.as_deref(), Some("a: b"));
    }

    #[test]
    fn what_is_wrong_has_the_line_of_the_file() {
        let fault = split::<Matter>("---\nx: 1\nname: [a\n---\n").unwrap_err();
        assert!(fault.line.is_some_and(|line| (3..=4).contains(&line)), "{fault:?}");
        let fault = split::<Matter>("---\nname: a\nbody without an end\n").unwrap_err();
        assert_eq!(fault.line, Some(1));
        let fault = split::<Matter>("---\nx: 1\nname: {a: b}\n---\n").unwrap_err();
        assert_eq!(fault.line, Some(3), "{fault:?}");
    }
}

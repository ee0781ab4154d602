//! The arguments of a prompt, put where it has places for them.

use super::{Prompt, PromptError};
use std::collections::{BTreeMap, BTreeSet};

const ALL: &str = "ARGUMENTS";

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// From 1.
    Number(usize),
    All,
    Name(&'a str),
}

/// The text of a prompt with its arguments.
pub(super) fn filled(name: &str, prompt: &Prompt, arguments: &str) -> Result<String, PromptError> {
    let parts = parts(&prompt.text);
    if parts.iter().all(|part| matches!(part, Part::Text(_))) {
        let text: String = parts.iter().filter_map(text_of).collect();
        return Ok(if arguments.is_empty() { text } else { format!("{text}\n\n{arguments}") });
    }
    let names: BTreeSet<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Name(name) => Some(*name),
            _ => None,
        })
        .collect();
    let numbers = parts.iter().filter_map(|part| match part {
        Part::Number(number) => Some(*number),
        _ => None,
    });
    let most = numbers.max().unwrap_or(0);
    let given = Given::read(name, arguments, &names, most)?;
    let mut missing: Vec<String> = (1..=most)
        .filter(|number| given.ordered.len() < *number && parts.contains(&Part::Number(*number)))
        .map(|number| format!("${number}"))
        .collect();
    let unnamed = names.iter().filter(|name| !given.named.contains_key(**name));
    missing.extend(unnamed.map(|name| format!("${name} (as {name}=value)")));
    let hint = || prompt.argument_hint.clone();
    if !missing.is_empty() {
        return Err(PromptError::Missing { name: name.to_owned(), missing, hint: hint() });
    }
    if let Some(extra) = given.ordered.get(most).filter(|_| !parts.contains(&Part::All)) {
        return Err(PromptError::Extra { name: name.to_owned(), extra: extra.clone(), hint: hint() });
    }
    let fill = |part: &Part<'_>| match part {
        Part::Text(text) => (*text).to_owned(),
        Part::All => arguments.to_owned(),
        Part::Number(number) => given.ordered.get(number - 1).cloned().unwrap_or_default(),
        Part::Name(name) => given.named.get(*name).cloned().unwrap_or_default(),
    };
    Ok(parts.iter().map(fill).collect())
}

fn text_of<'a>(part: &Part<'a>) -> Option<&'a str> {
    match part {
        Part::Text(text) => Some(text),
        _ => None,
    }
}

/// The arguments as they were given.
#[derive(Default)]
struct Given {
    ordered: Vec<String>,
    named: BTreeMap<String, String>,
}

impl Given {
    /// Words as a shell splits them. Where the prompt only takes all of them as they are, quotes have no meaning.
    fn read(name: &str, arguments: &str, names: &BTreeSet<&str>, most: usize) -> Result<Self, PromptError> {
        let mut given = Self::default();
        if names.is_empty() && most == 0 {
            return Ok(given);
        }
        let words = shlex::split(arguments).ok_or_else(|| PromptError::Quotes { name: name.to_owned() })?;
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if names.contains(key) => {
                    given.named.insert(key.to_owned(), value.to_owned());
                }
                _ => given.ordered.push(word),
            }
        }
        Ok(given)
    }
}

/// Takes a prompt apart.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        parts.push(Part::Text(before));
        let first = behind.chars().next();
        let end = behind
            .find(|letter: char| !(letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'));
        let word = &behind[..end.unwrap_or(behind.len())];
        let (part, taken) = match first {
            Some('$') => (Part::Text("$"), 1),
            // `$10` is the first argument and a nought, as in a shell.
            Some(digit @ '1'..='9') => (Part::Number(usize::from(digit as u8 - b'0')), 1),
            Some('A'..='Z') if word == ALL => (Part::All, word.len()),
            // A name ends where a word does: `$Home` is none.
            Some('A'..='Z') if !behind[word.len()..].starts_with(|letter: char| letter.is_alphanumeric()) => {
                (Part::Name(word), word.len())
            }
            _ => (Part::Text("$"), 0),
        };
        parts.push(part);
        rest = &behind[taken..];
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Prompt {
        Prompt {
            description: String::new(),
            argument_hint: Some("[file]".into()),
            path: "p.md".into(),
            text: text.into(),
        }
    }

    fn said(text: &str, arguments: &str) -> String {
        filled("p", &prompt(text), arguments).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn arguments_stand_where_the_prompt_has_places_for_them() {
        let cases = [
            ("do $1 then $2, $1", "a \"b c\"", "do a then b c, a"),
            ("all: $ARGUMENTS.", "don't  stop", "all: don't  stop."),
            ("all: $ARGUMENTS.", "", "all: ."),
            ("$FILE at $LINE_1", "LINE_1=7 FILE='a b'", "a b at 7"),
            ("$1 of $FILE", "x FILE=y", "x of y"),
            ("$1", "a=b", "a=b"),
            ("costs $$5 and $$HOME, $x, $Home, 5$", "", "costs $5 and $HOME, $x, $Home, 5$"),
            ("$10", "a", "a0"),
            ("plain", "more words", "plain\n\nmore words"),
            ("plain", "", "plain"),
            ("$1 and $ARGUMENTS", "a b c", "a and a b c"),
        ];
        for (text, arguments, expected) in cases {
            assert_eq!(said(text, arguments), expected, "{text} / {arguments}");
        }
    }

    #[test]
    fn too_few_and_too_many_arguments_are_clear_errors() {
        let cases = [
            ("$1 $2 $FILE", "a", "error: /prompts:p needs $2, $FILE (as FILE=value); it takes [file]"),
            ("$2", "a", "error: /prompts:p needs $2; it takes [file]"),
            (
                "$1",
                "a b",
                "error: /prompts:p has no place for \"b\"; quotes keep words together; it takes [file]",
            ),
            ("$1", "\"a", "error: the arguments of /prompts:p have a quote without an end"),
        ];
        for (text, arguments, expected) in cases {
            assert_eq!(said(text, arguments), expected, "{text} / {arguments}");
        }
    }
}

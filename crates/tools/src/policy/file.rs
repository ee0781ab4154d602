//! A file of rules: what it may say, and what is wrong with one that says something else.

use super::{judge, matching};
use crate::command::assess;
use std::{
    fmt,
    path::{Path, PathBuf},
};
use toml_edit::{Document, Item, Table, Value};

/// How large a file may be, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 256 * 1024;
/// How many rules a file may have.
const MAX_RULES: usize = 1_000;
/// How many words a prefix may have.
const MAX_WORDS: usize = 32;
/// How many words may stand for each other at one place.
const MAX_ALTERNATIVES: usize = 64;
/// How many examples a rule may have.
const MAX_EXAMPLES: usize = 64;

/// A rule about commands that begin with certain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The words. Where there are several for one place, any of them is meant.
    pub prefix: Vec<Vec<String>>,
    /// What it says.
    pub decision: Decision,
    /// Why, for people and for the model.
    pub reason: Option<String>,
    /// The file it stands in.
    pub file: PathBuf,
    /// The line it begins at, counted from 1.
    pub line: usize,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It runs without a question, outside the sandbox too where it asks for that.
    Allow,
    /// The user is asked.
    Ask,
    /// It does not run.
    Forbid,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        write!(f, "{name}:{} ({} `{}`)", self.line, self.decision, self.words())
    }
}

impl Rule {
    /// The prefix as people read it.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.prefix.iter().map(|alternatives| alternatives.join("|")).collect();
        words.join(" ")
    }

    /// The rule and its reason, for whoever is told no or asked.
    pub(super) fn why(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{reason} [rule {self}]"),
            None => format!("rule {self}"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Forbid => "forbid",
        })
    }
}

/// What is wrong with a file of rules. None of its rules holds, and no command runs unasked until it is repaired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// It cannot be read.
    #[error("{}: the exec policy file cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It is not TOML.
    #[error("{}:{line}: not TOML: {why}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// A rule says what rules cannot say.
    #[error("{}:{line}: {}{what}", file.display(), rule.map(|rule| format!("rule {rule}: ")).unwrap_or_default())]
    Meaning {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The rule, counted from 1, where it is about one.
        rule: Option<usize>,
        /// What is wrong and what would be right.
        what: String,
    },
}

/// Reads the rules of a file and tries them on their own examples.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Rule>, PolicyFault> {
    let document = Document::parse(text).map_err(|error| PolicyFault::Syntax {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)),
        why: error.message().to_owned(),
    })?;
    let reading = Reading { file, text };
    for (key, item) in document.as_table() {
        if key != "rule" {
            let what = format!("unknown key `{key}`; a policy file has nothing but [[rule]]");
            return Err(reading.fault(None, span_of(item, document.as_table(), key), what));
        }
    }
    let Some(rules) = document.get("rule") else { return Ok(Vec::new()) };
    let Some(rules) = rules.as_array_of_tables() else {
        return Err(reading.fault(None, rules.span(), "`rule` must be written [[rule]]".to_owned()));
    };
    if rules.len() > MAX_RULES {
        return Err(reading.fault(None, None, format!("{} rules; {MAX_RULES} are the most", rules.len())));
    }
    rules.iter().enumerate().map(|(index, table)| reading.rule(index + 1, table)).collect()
}

struct Reading<'t> {
    file: &'t Path,
    text: &'t str,
}

type Span = Option<std::ops::Range<usize>>;

impl Reading<'_> {
    fn fault(&self, rule: Option<usize>, span: Span, what: String) -> PolicyFault {
        let line = span.map_or(1, |span| line_at(self.text, span.start));
        PolicyFault::Meaning { file: self.file.to_owned(), line, rule, what }
    }

    fn rule(&self, number: usize, table: &Table) -> Result<Rule, PolicyFault> {
        let fault = |span: Span, what: String| self.fault(Some(number), span.or_else(|| table.span()), what);
        let known = ["prefix", "decision", "reason", "match", "not_match"];
        for (key, item) in table {
            if !known.contains(&key) {
                let what = format!("unknown key `{key}`; the keys are {}", known.join(", "));
                return Err(fault(span_of(item, table, key), what));
            }
        }
        let item = |key: &str| table.get(key).map(|item| (item, item.span()));
        let (prefix, span) = item("prefix")
            .ok_or_else(|| fault(None, "`prefix` is missing: the first words of the commands".into()))?;
        let prefix = prefix_of(prefix).map_err(|what| fault(span, what))?;
        let (decision, span) = item("decision")
            .ok_or_else(|| fault(None, "`decision` is missing: \"allow\", \"ask\" or \"forbid\"".into()))?;
        let decision = match decision.as_str() {
            Some("allow") => Decision::Allow,
            Some("ask") => Decision::Ask,
            Some("forbid") => Decision::Forbid,
            _ => {
                let what = format!(
                    "`decision` must be \"allow\", \"ask\" or \"forbid\", but is {}",
                    shown(decision)
                );
                return Err(fault(span, what));
            }
        };
        let reason = match item("reason") {
            None => None,
            Some((reason, span)) => match reason.as_str() {
                Some(reason) => Some(reason.to_owned()),
                None => {
                    return Err(fault(span, format!("`reason` must be a string, but is {}", shown(reason))));
                }
            },
        };
        if let Some(word) = prefix
            .iter()
            .flatten()
            .find(|word| decision != Decision::Allow && word.contains(char::is_whitespace))
        {
            let what = format!(
                "`{word}` in `prefix` has a blank, and would match no command; write each word by itself"
            );
            return Err(fault(span, what));
        }
        let line = table.span().map_or(1, |span| line_at(self.text, span.start));
        let rule = Rule { prefix, decision, reason, file: self.file.to_owned(), line };
        for (key, wanted) in [("match", true), ("not_match", false)] {
            let Some((examples, span)) = item(key) else { continue };
            let texts = texts_of(examples, MAX_EXAMPLES)
                .map_err(|what| fault(span.clone(), format!("`{key}` {what}")))?;
            for text in texts {
                if matches_example(&rule, &text).map_err(|what| fault(span.clone(), what))? != wanted {
                    let does = if wanted { "does not match" } else { "matches" };
                    return Err(fault(
                        span,
                        format!("the example `{text}` of `{key}` {does} the prefix `{}`", rule.words()),
                    ));
                }
            }
        }
        Ok(rule)
    }
}

/// Whether a rule speaks of an example, as it would of a command.
fn matches_example(rule: &Rule, example: &str) -> Result<bool, String> {
    let line = ["bash", "-c", example].map(str::to_owned);
    let assessment = assess(&line);
    if assessment.script.commands.len() < 2 {
        return Err(format!("the example `{example}` is no command"));
    }
    Ok(judge::considered(&assessment.script)
        .any(|command| matching::matches(rule, command) == matching::Match::Yes))
}

fn prefix_of(item: &Item) -> Result<Vec<Vec<String>>, String> {
    const WANTED: &str =
        "`prefix` must be a list of words, each a string or a list of strings that may stand there";
    let Some(words) = item.as_array() else { return Err(format!("{WANTED}, but is {}", shown(item))) };
    if words.is_empty() || words.len() > MAX_WORDS {
        return Err(format!("{WANTED}, from 1 to {MAX_WORDS}, but has {}", words.len()));
    }
    let word = |value: &Value| match value {
        Value::String(text) if !text.value().is_empty() => Some(vec![text.value().clone()]),
        Value::Array(list) if !list.is_empty() && list.len() <= MAX_ALTERNATIVES => list
            .iter()
            .map(|value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
            .collect(),
        _ => None,
    };
    words
        .iter()
        .map(|value| {
            word(value).ok_or_else(|| format!("{WANTED}; `{}` is neither", value.to_string().trim()))
        })
        .collect()
}

fn texts_of(item: &Item, most: usize) -> Result<Vec<String>, String> {
    let wanted = format!("must be a list of at most {most} commands, each a string");
    let Some(list) = item.as_array().filter(|list| list.len() <= most) else { return Err(wanted) };
    list.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(|| wanted.clone())).collect()
}

fn span_of(item: &Item, table: &Table, key: &str) -> Span {
    table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span())
}

fn shown(item: &Item) -> String {
    const SHOWN_CHARS: usize = 60;
    format!("`{}`", item.to_string().trim().chars().take(SHOWN_CHARS).collect::<String>())
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

//! [`Report`]: tells findings, and in the end what they come to.

use super::finding::{Finding, Verdict};
use crate::{
    exit::Exit,
    output,
    view::{Style, clean},
};
use agent_core::Redactor;
use serde_json::json;
use std::io::IsTerminal;

/// The columns of the longest subject.
const SUBJECT_COLUMNS: usize = 16;

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// With marks, for a terminal.
    Marks,
    /// With words, for what is no terminal.
    Words,
    /// One object a line.
    Json,
}

/// Tells findings as they come, and counts them.
pub(super) struct Report {
    form: Form,
    style: Style,
    /// Keeps secrets out of all that is told, also what is learned later.
    pub(super) redactor: Redactor,
    warnings: usize,
    problems: usize,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let form = match (json, std::io::stdout().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Marks,
            (false, false) => Form::Words,
        };
        let style = output::style_of(&anstream::stdout());
        Self { form, style, redactor: Redactor::default(), warnings: 0, problems: 0 }
    }

    pub(super) fn tell(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            match finding.verdict {
                Verdict::Ok => {}
                Verdict::Warning => self.warnings += 1,
                Verdict::Problem => self.problems += 1,
            }
            let finding = Finding {
                found: self.redactor.scrub(&finding.found),
                remedy: finding.remedy.map(|remedy| self.redactor.scrub(&remedy)),
                ..finding
            };
            output::result(&match self.form {
                Form::Json => as_json(&finding),
                Form::Marks => shown(&finding, finding.verdict.mark(), "→", self.style),
                Form::Words => {
                    shown(&finding, &format!("{:<7}", finding.verdict.word()), "remedy:", self.style)
                }
            });
        }
    }

    /// Says what it comes to.
    pub(super) fn end(self) -> Exit {
        if self.form != Form::Json {
            output::remark(&summary(self.problems, self.warnings));
        }
        if self.problems == 0 { Exit::Done } else { Exit::Failed }
    }
}

fn as_json(finding: &Finding) -> String {
    let Finding { subject, verdict, found, remedy } = finding;
    json!({ "subject": subject, "verdict": verdict.word(), "found": found, "remedy": remedy }).to_string()
}

/// A line, and below it what to do; where either has more lines, those stand below its beginning.
fn shown(finding: &Finding, mark: &str, arrow: &str, style: Style) -> String {
    let indent = " ".repeat(mark.chars().count() + SUBJECT_COLUMNS + 3);
    let below = |text: &str| clean(text).trim_end().replace('\n', &format!("\n{indent}"));
    let coloured = match finding.verdict {
        Verdict::Ok => style.green(mark),
        Verdict::Warning => style.yellow(mark),
        Verdict::Problem => style.red(mark),
    };
    // Padded before it is coloured: colours have no width on the screen but one in the text.
    let subject = style.bold(format!("{:SUBJECT_COLUMNS$}", finding.subject));
    let line = format!("{coloured} {subject}  {}", below(&finding.found));
    match &finding.remedy {
        Some(remedy) => format!("{line}\n{indent}{} {}", style.dim(arrow), below(remedy)),
        None => line,
    }
}

fn summary(problems: usize, warnings: usize) -> String {
    let counted = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        number => Some(format!("{number} {word}s")),
    };
    let parts: Vec<String> =
        [counted(problems, "problem"), counted(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { "nothing is missing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_several_lines_stays_in_its_column_and_moves_no_cursor() {
        let finding = Finding::problem("model", "one\ntwo\u{1b}[2J", "type this:\n  everturn login");
        let expected = "\
✗ model             one
                    two␛[2J
                    → type this:
                      everturn login";
        assert_eq!(shown(&finding, "✗", "→", Style::Plain), expected);
        assert_eq!(shown(&Finding::ok("key", "there"), "✓", "→", Style::Plain), "✓ key               there");
    }

    #[test]
    fn the_end_counts_what_is_not_as_it_should_be() {
        assert_eq!(summary(0, 0), "nothing is missing");
        assert_eq!(summary(1, 2), "1 problem, 2 warnings");
        assert_eq!(summary(0, 1), "1 warning");
    }
}

//! `$name` in a prompt.

/// What a name is made of.
pub(super) fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ':')
}

/// The names behind a `$` that are known, each once. Code is left out: between backticks, and in fenced blocks.
pub(super) fn mentions(prompt: &str, is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in outside_of_code(prompt) {
        let mut before = None;
        for (at, letter) in text.char_indices() {
            if letter == '$' && !before.is_some_and(joins) {
                let rest = text.get(at + 1..).unwrap_or_default();
                let end = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
                // What ends a sentence or a clause is no part of a name.
                let name = rest.get(..end).unwrap_or_default().trim_end_matches(['-', '_', ':']);
                let follows = rest.get(end..).and_then(|rest| rest.chars().next());
                // A path or an assignment is about a variable of a shell.
                let is_variable = matches!(follows, Some('/' | '='));
                if !is_variable && is_known(name) && !found.iter().any(|known| known == name) {
                    found.push(name.to_owned());
                }
            }
            before = Some(letter);
        }
    }
    found
}

/// Whether a `$` behind this belongs to something else.
fn joins(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '\\')
}

/// The parts of a text that are not code.
fn outside_of_code(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => spans(line, &mut parts),
        }
    }
    parts
}

/// The parts of a line between its code spans. A backtick without a second one is a letter like any other.
fn spans<'a>(line: &'a str, parts: &mut Vec<&'a str>) {
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
        let (mark, behind) = rest[at..].split_at(ticks);
        let Some(end) = behind.find(mark) else { break };
        parts.push(&rest[..at]);
        rest = &behind[end + ticks..];
    }
    parts.push(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_word_that_is_known_and_no_code() {
        let cases: [(&str, &[&str]); 16] = [
            ("use $pdf please", &["pdf"]),
            ("$pdf", &["pdf"]),
            ("($pdf), $docx-it. And $pdf!", &["pdf", "docx-it"]),
            ("$docx-it", &["docx-it"]),
            ("$pdf-", &["pdf"]),
            ("$pdfs", &[]),
            ("$PDF and $HOME", &[]),
            ("a$pdf and \\$pdf and $$pdf", &[]),
            ("cd $pdf/x; $pdf=1", &[]),
            ("run `echo $pdf` now", &[]),
            ("run ``a ` $pdf`` now", &[]),
            ("an open ` and $pdf", &["pdf"]),
            ("```sh\n$pdf\n```\n$docx-it", &["docx-it"]),
            ("~~~\n$pdf\n```\n$pdf\n", &[]),
            ("é$pdf ü $pdf", &["pdf"]),
            ("$", &[]),
        ];
        for (prompt, expected) in cases {
            assert_eq!(mentions(prompt, |name| ["pdf", "docx-it"].contains(&name)), expected, "{prompt:?}");
        }
    }
}

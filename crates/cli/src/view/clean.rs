//! Text of others, made safe to show: a model or a command must not be able to move the cursor, hide a part of a question,
//! or rename the window.

/// The text with every control character made visible, but for line ends and tabs, and without marks that turn the
/// direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            // Unicode has a picture for each of the first 32 control characters.
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                shown.push('\u{fffd}');
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// The same on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_hide_or_move() {
        assert_eq!(clean("a\u{1b}[31mb\rc\u{202e}d\te\r\nf"), "a␛[31mb␍c\u{fffd}d\te\nf");
        assert_eq!(clean_line("rm -rf x\n  echo harmless"), "rm -rf x   echo harmless");
    }
}

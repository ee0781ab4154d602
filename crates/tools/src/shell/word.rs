//! A word: what the shell makes of it, as far as that can be told without running anything.

use tree_sitter::Node;

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it is where that is known; else as it is written.
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// How well a word is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// It is its text.
    Literal,
    /// It becomes something else, perhaps no word or many.
    Unknown,
}

impl Word {
    /// A word that is its text.
    pub(crate) fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), form: Form::Literal }
    }

    /// A word of which nothing is known.
    pub(crate) fn unknown(text: &str) -> Self {
        Self { text: text.to_owned(), form: Form::Unknown }
    }

    /// Its text, where it is that.
    pub(crate) fn known(&self) -> Option<&str> {
        (self.form == Form::Literal).then_some(&self.text)
    }
}

/// What the shell makes of a word.
pub(super) fn evaluate(node: Node<'_>, line: &str) -> Word {
    let raw = line.get(node.byte_range()).unwrap_or_default();
    match node.kind() {
        "command_name" => match only_child(node) {
            Some(child) => evaluate(child, line),
            None => unquoted(raw),
        },
        "word" | "variable_name" | "test_operator" => unquoted(raw),
        "number" if node.named_child_count() == 0 => unquoted(raw),
        "raw_string" => Word::literal(raw.trim_start_matches('\'').trim_end_matches('\'')),
        "string" if raw.starts_with('$') => Word::unknown(raw),
        "string" => double_quoted(node, raw),
        "ansi_c_string" => match ansi(raw) {
            Some(text) => Word { text, form: Form::Literal },
            None => Word::unknown(raw),
        },
        "concatenation" => concatenation(node, line, raw),
        _ if !node.is_named() => unquoted(raw),
        _ => Word::unknown(raw),
    }
}

fn only_child(node: Node<'_>) -> Option<Node<'_>> {
    (node.named_child_count() == 1).then(|| node.named_child(0)).flatten()
}

/// A word without quotes: backslashes go, and what the shell replaces is not known.
fn unquoted(raw: &str) -> Word {
    let mut text = String::with_capacity(raw.len());
    let mut form = if raw.starts_with('~') { Form::Unknown } else { Form::Literal };
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => text.push(escaped),
            },
            '*' | '?' | '[' | '$' | '`' => {
                form = Form::Unknown;
                text.push(c);
            }
            c => text.push(c),
        }
    }
    if has_braces(raw) {
        form = Form::Unknown;
    }
    Word { text, form }
}

/// `{a,b}` and `{1..3}` become several words.
fn has_braces(raw: &str) -> bool {
    raw.contains('{') && (raw.contains(',') || raw.contains(".."))
}

fn double_quoted(node: Node<'_>, raw: &str) -> Word {
    let mut cursor = node.walk();
    let expands = node.named_children(&mut cursor).any(|child| child.kind() != "string_content");
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner.filter(|_| !expands) else { return Word::unknown(raw.trim_matches('"')) };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => drop(chars.next()),
            ('\\', Some('$' | '`' | '"' | '\\')) => text.extend(chars.next()),
            // A lone dollar is itself, but which one is lone the parser may see differently.
            ('$' | '`', _) => return Word::unknown(inner),
            _ => text.push(c),
        }
    }
    Word { text, form: Form::Literal }
}

fn concatenation(node: Node<'_>, line: &str, raw: &str) -> Word {
    let mut word = Word::literal("");
    let mut end = node.start_byte();
    let mut cursor = node.walk();
    let mut bare = String::new();
    for child in node.children(&mut cursor) {
        let part = evaluate(child, line);
        if part.form != Form::Literal || child.start_byte() != end {
            word.form = Form::Unknown;
        }
        if matches!(child.kind(), "word" | "number" | "brace_expression") || !child.is_named() {
            bare.push_str(line.get(child.byte_range()).unwrap_or_default());
        }
        end = child.end_byte();
        word.text.push_str(&part.text);
    }
    if has_braces(&bare) || raw.starts_with('~') || end != node.end_byte() {
        word.form = Form::Unknown;
    }
    word
}

/// `$'…'`.
fn ansi(raw: &str) -> Option<String> {
    let inner = raw.strip_prefix("$'")?.strip_suffix('\'')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    let mut buffer = [0; 4];
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let (radix, most) = match chars.next()? {
            'n' => {
                bytes.push(b'\n');
                continue;
            }
            't' => {
                bytes.push(b'\t');
                continue;
            }
            quoted @ ('\\' | '\'' | '"' | '?') => {
                bytes.extend_from_slice(quoted.encode_utf8(&mut buffer).as_bytes());
                continue;
            }
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            digit @ '0'..='7' => {
                let code = digits(&mut chars, 8, 2, digit.to_digit(8)?);
                bytes.push(u8::try_from(code & 0xff).ok()?);
                continue;
            }
            _ => return None,
        };
        let code = digits(&mut chars, radix, most, 0);
        if most == 2 {
            bytes.push(u8::try_from(code).ok()?);
        } else {
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
        }
    }
    // The shell ends the text at a zero.
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    String::from_utf8(bytes).ok()
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize, first: u32) -> u32 {
    let mut code = first;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
        code = code.wrapping_mul(radix).wrapping_add(digit);
        chars.next();
    }
    code
}

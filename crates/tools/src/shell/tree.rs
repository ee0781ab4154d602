//! From the syntax tree of a line to its simple commands.
//!
//! Kinds of nodes are listed. What is not listed is opaque, but what is inside of it is still looked at.

use super::{
    Feed, Held, Inside, Reader, Redirect, shown,
    word::{Form, Word, evaluate},
};
use std::ops::ControlFlow;
use tree_sitter::{Node, ParseOptions, Parser};

/// How much work parsing a line may be, in steps of the parser's own count.
const MAX_PARSE_STEPS: usize = 50_000;
/// How deep syntax may be nested.
const MAX_NESTING: usize = 200;
/// Words that the shell gives a meaning where a command begins. As the program of a command they are a sign that the parser
/// took a sentence of the shell for a command.
const RESERVED: [&str; 20] = [
    "{", "}", "!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for",
    "function", "if", "in", "select", "then", "while",
];
/// Builtins that may run what is in a word although it is quoted: it may be the index of an array.
const EVALUATING: [&str; 14] = [
    "[",
    "declare",
    "export",
    "getopts",
    "let",
    "local",
    "mapfile",
    "printf",
    "read",
    "readarray",
    "readonly",
    "test",
    "typeset",
    "unset",
];

/// Reads a line.
pub(super) fn read(reader: &mut Reader, line: &str) {
    if let Some(strange) = line.chars().find(|c| is_strange(*c)) {
        reader.opaque(format!("it has the character U+{:04X}", u32::from(strange)));
    }
    let joined = join_lines(line);
    if joined.is_some() {
        reader.opaque("a line goes on in the middle of a word");
    }
    let line = joined.as_deref().unwrap_or(line);
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_bash::LANGUAGE.into()).is_err() {
        reader.opaque("the grammar of the shell cannot be loaded");
        return;
    }
    let mut steps = 0;
    let mut count = |_: &tree_sitter::ParseState| {
        steps += 1;
        if steps > MAX_PARSE_STEPS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let bytes = for_parser(line);
    let mut input = |at: usize, _| bytes.get(at..).unwrap_or_default();
    let options = ParseOptions::new().progress_callback(&mut count);
    let Some(tree) = parser.parse_with_options(&mut input, None, Some(options)) else {
        reader.opaque("it takes too long to parse");
        return;
    };
    if tree.root_node().has_error() {
        reader.opaque("it cannot be parsed as a line of bash");
    }
    Walk { reader, line, nesting: 0, current: 0, behind: Vec::new() }.node(tree.root_node());
}

/// What the parser gets, byte for byte at the places of the line, from which words are read. Two faults of the grammar (0.25.1) are
/// kept away: its scanner asks the C library about letters that its tables do not have, and reads beyond them; and a line end
/// before a backslash ends no word, though `\r` at the start of a line is `r`.
fn for_parser(line: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = line.bytes().map(|byte| if byte.is_ascii() { byte } else { b'_' }).collect();
    let mut starts = false;
    for at in 0..bytes.len() {
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        match bytes[at] {
            b'\n' => starts = true,
            b' ' | b'\t' => {}
            b'\\' if starts && (next.is_ascii_alphanumeric() || b"_-./".contains(&next)) => {
                bytes[at] = b' ';
                starts = false;
            }
            _ => starts = false,
        }
    }
    bytes
}

/// Characters that shells and parsers may see differently.
fn is_strange(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t') || !c.is_ascii() && c.is_whitespace() || c == '\u{feff}'
}

/// The line without the line ends that are escaped within a word, which the parser takes for the end of the word.
fn join_lines(line: &str) -> Option<String> {
    let splits_word = line
        .match_indices("\\\n")
        .any(|(at, _)| !line[..at].ends_with([' ', '\t', '\\']) && !line[at + 2..].starts_with([' ', '\t']));
    splits_word.then(|| line.replace("\\\n", ""))
}

/// A walk through the tree of one line.
struct Walk<'r, 'l> {
    reader: &'r mut Reader,
    line: &'l str,
    nesting: usize,
    /// The command whose words are looked at.
    current: usize,
    /// Words behind the redirections of the command that is read next: `git 2>&1 push` is `git push`.
    behind: Vec<Word>,
}

impl Walk<'_, '_> {
    fn text(&self, node: Node<'_>) -> &str {
        self.line.get(node.byte_range()).unwrap_or_default()
    }

    fn children(&mut self, node: Node<'_>) {
        if self.nesting >= MAX_NESTING {
            self.reader.opaque(format!("it is nested more than {MAX_NESTING} deep"));
            return;
        }
        self.nesting += 1;
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            self.node(child);
        }
        self.nesting -= 1;
    }

    fn node(&mut self, node: Node<'_>) {
        if node.is_error() || node.is_missing() {
            self.reader.opaque(format!("it cannot be parsed at `{}`", shown(self.text(node))));
        }
        match node.kind() {
            "command" | "declaration_command" | "unset_command" => self.command(node),
            "pipeline" => self.pipeline(node),
            "redirected_statement" => self.redirected(node),
            "file_redirect" => self.redirect(node),
            "function_definition" => self.function(node),
            "command_substitution" | "process_substitution" => self.substitution(node),
            "variable_assignment" => self.assignment(node),
            "test_command" | "subscript" | "arithmetic_expansion" | "raw_string" | "ansi_c_string" => {
                // `[[ -v 'a[$(x)]' ]]` and `((a['$(x)']))` run what is quoted.
                if node.kind() != "arithmetic_expansion" && hides_commands(node, self.line) {
                    self.reader.opaque("a quoted text may be run as the index of an array");
                }
                self.children(node);
            }
            kind if is_structure(kind) || !node.is_named() => self.children(node),
            kind => {
                self.reader.opaque(format!("it has a {}", kind.replace('_', " ")));
                self.children(node);
            }
        }
    }

    /// A command: its words first, then what is substituted in them.
    fn command(&mut self, node: Node<'_>) {
        let (mut words, mut sets) = (Vec::new(), Vec::new());
        let mut feed = None;
        let keeps_names = node.kind() != "command";
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            match child.kind() {
                "variable_assignment" if keeps_names => words.push(evaluate(child, self.line)),
                "variable_assignment" => sets.push(self.assigned(child)),
                "file_redirect" if !self.words_behind_redirect(child).is_empty() => {
                    self.reader.opaque("a command goes on behind a redirection");
                }
                "file_redirect" | "subshell" | "comment" => {}
                "herestring_redirect" => feed = self.here_string(child),
                // `$"…"`, which may be translated.
                "$" => self.reader.opaque("it has a text to be translated"),
                _ => words.push(evaluate(child, self.line)),
            }
        }
        words.append(&mut self.behind);
        let outer = feed.map(|word| std::mem::replace(&mut self.reader.feed, Feed::Text(word)));
        self.current = self.reader.script.commands.len();
        self.push(words, sets);
        if let Some(outer) = outer {
            self.reader.feed = outer;
        }
        self.parts(node);
    }

    fn push(&mut self, words: Vec<Word>, sets: Vec<String>) {
        let name = words.first().map_or("", |word| word.text.as_str());
        if RESERVED.contains(&name) || words.iter().any(|word| word.text == "{") {
            self.reader.opaque("it has a word of the shell where a command should be");
        }
        let evaluates = EVALUATING.contains(&name);
        if evaluates && words.iter().any(|word| word.text.contains("$(") || word.text.contains('`')) {
            self.reader.opaque(format!("`{name}` may run what is in its words"));
        }
        self.reader.command(words, sets);
    }

    /// What is inside of the parts of a command.
    fn parts(&mut self, node: Node<'_>) {
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            match child.kind() {
                "file_redirect" | "subshell" => self.node(child),
                _ => self.substitutions(child),
            }
        }
    }

    /// Finds substitutions, wherever they are.
    fn substitutions(&mut self, node: Node<'_>) {
        if matches!(node.kind(), "command_substitution" | "process_substitution") {
            self.substitution(node);
            return;
        }
        if node.kind() == "word" && has_bare_blank(self.text(node)) {
            self.reader.opaque("the parser takes several words for one");
        }
        if self.nesting >= MAX_NESTING {
            self.reader.opaque(format!("it is nested more than {MAX_NESTING} deep"));
            return;
        }
        self.nesting += 1;
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            if child.is_error() || child.is_missing() {
                self.reader.opaque("it cannot be parsed within a word");
            }
            self.substitutions(child);
        }
        self.nesting -= 1;
    }

    fn substitution(&mut self, node: Node<'_>) {
        let text = self.text(node);
        if text.starts_with('`') && text.contains('\\') {
            self.reader.opaque("it has a backslash within backquotes");
        }
        let inside = Inside { command: self.current, word: 0, held: Held::Substitution };
        let (line, nesting, current) = (self.line, self.nesting, self.current);
        self.reader.within(inside, Feed::Outside, |reader| {
            Walk { reader, line, nesting, current, behind: Vec::new() }.children(node);
        });
    }

    fn assigned(&self, node: Node<'_>) -> String {
        node.child_by_field_name("name").map_or("", |name| self.text(name)).to_owned()
    }

    /// Variables that are set for what follows.
    fn assignment(&mut self, node: Node<'_>) {
        let name = self.assigned(node);
        self.current = self.reader.script.commands.len();
        self.reader.command(Vec::new(), vec![name]);
        self.substitutions(node);
    }

    fn pipeline(&mut self, node: Node<'_>) {
        let outer = self.reader.feed.clone();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            let begin = self.reader.script.commands.len();
            self.node(child);
            let end = self.reader.script.commands.len();
            self.reader.feed = Feed::Pipe(begin..end);
        }
        self.reader.feed = outer;
    }

    /// A statement with redirections, which come first: they feed it.
    fn redirected(&mut self, node: Node<'_>) {
        let outer = self.reader.feed.clone();
        let begin = self.reader.script.commands.len();
        let mut cursor = node.walk();
        let children: Vec<Node<'_>> = node.children(&mut cursor).collect();
        for child in &children {
            let fed = match child.kind() {
                "herestring_redirect" => self.here_string(*child),
                "heredoc_redirect" => here_document(*child, self.line),
                _ => None,
            };
            if let Some(word) = fed {
                self.reader.feed = Feed::Text(word);
            }
        }
        let body = node.child_by_field_name("body");
        let behind: Vec<Word> =
            children.iter().flat_map(|child| self.words_behind_redirect(*child)).collect();
        if body.is_some_and(|body| body.kind() == "command") {
            self.behind = behind;
        } else if !behind.is_empty() {
            self.reader.opaque("a command goes on behind a redirection");
        }
        if let Some(body) = body {
            self.node(body);
        }
        let end = self.reader.script.commands.len();
        self.reader.feed = outer;
        for child in children {
            match child.kind() {
                "heredoc_redirect" => self.behind_here_document(child, begin..end),
                "herestring_redirect" => self.substitutions(child),
                _ if node.child_by_field_name("body") == Some(child) => {}
                _ => self.node(child),
            }
        }
    }

    /// The parser puts what is behind `<<EOF` in the same line below the redirection.
    fn behind_here_document(&mut self, node: Node<'_>, body: std::ops::Range<usize>) {
        let mut cursor = node.walk();
        let mut piped = false;
        for (index, child) in node.children(&mut cursor).enumerate() {
            let field = node.field_name_for_child(u32::try_from(index).unwrap_or(u32::MAX));
            match (child.kind(), field) {
                ("heredoc_body", _) => self.substitutions(child),
                ("heredoc_start" | "heredoc_end", _) => {}
                ("pipeline", _) => {
                    let outer = std::mem::replace(&mut self.reader.feed, Feed::Pipe(body.clone()));
                    self.children(child);
                    self.reader.feed = outer;
                    piped = true;
                }
                (_, Some("argument")) => {
                    // An argument of the command before; which place it has is not worth knowing.
                    self.reader.opaque("a command goes on behind a here-document");
                    self.substitutions(child);
                }
                _ => {
                    if !self.words_behind_redirect(child).is_empty() {
                        self.reader.opaque("a command goes on behind a redirection");
                    }
                    self.node(child);
                }
            }
        }
        if piped && self.reader.script.commands.len() == body.end {
            self.reader.opaque("what a here-document is piped into is not understood");
        }
    }

    fn here_string(&mut self, node: Node<'_>) -> Option<Word> {
        let mut cursor = node.walk();
        let word = node.named_children(&mut cursor).filter(|child| child.kind() != "file_descriptor").last();
        word.map(|word| evaluate(word, self.line))
    }

    /// The parser takes what is behind the target of a redirection for further targets. They are words of the command.
    fn words_behind_redirect(&mut self, node: Node<'_>) -> Vec<Word> {
        if node.kind() != "file_redirect" {
            return Vec::new();
        }
        let mut cursor = node.walk();
        let named: Vec<Node<'_>> =
            node.named_children(&mut cursor).filter(|child| child.kind() != "file_descriptor").collect();
        // `>&-` has no target.
        let behind = named.get(usize::from(!self.closes(node))..).unwrap_or_default();
        // `a &>b c` is one command in bash, and two in other shells: `a` in the background and `c`.
        if !behind.is_empty() && self.text(node).starts_with("&>") {
            self.reader.opaque("a command goes on behind `&>`");
        }
        behind.iter().map(|child| evaluate(*child, self.line)).collect()
    }

    /// Whether a redirection closes a descriptor.
    fn closes(&self, node: Node<'_>) -> bool {
        let mut cursor = node.walk();
        node.children(&mut cursor).any(|child| matches!(self.text(child), ">&-" | "<&-"))
    }

    fn redirect(&mut self, node: Node<'_>) {
        let mut operator = String::new();
        let mut has_target = self.closes(node);
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            if child.kind() == "file_descriptor" {
                continue;
            }
            if child.is_named() && has_target {
                self.substitutions(child);
            } else if child.is_named() {
                has_target = true;
                let target = evaluate(child, self.line);
                if target.form != Form::Literal && target.text.contains("/dev/tcp") {
                    self.reader.opaque("it opens a connection");
                }
                self.reader.script.redirects.push(Redirect { operator: operator.clone(), target });
                self.substitutions(child);
            } else {
                operator = self.text(child).to_owned();
            }
        }
    }

    fn function(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name").map_or("", |name| self.text(name)).to_owned();
        let begin = self.reader.script.commands.len();
        self.children_behind_name(node);
        let calls = self.reader.script.commands[begin..]
            .iter()
            .filter(|command| command.words.first().is_some_and(|word| word.text == name))
            .count();
        let text = self.text(node).replace("&&", "").replace("||", "");
        if calls > 0 && text.contains(['&', '|']) {
            self.reader.script.bombs.push(name);
        }
    }

    fn children_behind_name(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name");
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            if Some(child) != name {
                self.node(child);
            }
        }
    }
}

/// The text of a here-document: all between the lines of its marks, for the parser sees other things in some of them.
fn here_document(node: Node<'_>, line: &str) -> Option<Word> {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.children(&mut cursor).collect();
    let part = |kind: &str| parts.iter().find(|child| child.kind() == kind);
    let expands = part("heredoc_body").is_some_and(|body| {
        let mut cursor = body.walk();
        body.named_children(&mut cursor).any(|child| child.kind() != "heredoc_content")
    });
    let begin = part("heredoc_start")?.end_byte();
    let begin = begin + line.get(begin..)?.find('\n')? + 1;
    let end = part("heredoc_end").map_or(line.len(), Node::start_byte);
    let text = line.get(begin..end.max(begin))?.to_owned();
    Some(Word { text, form: if expands { Form::Unknown } else { Form::Literal } })
}

/// A line end before a backslash ends no word for the parser (0.25.1).
fn has_bare_blank(raw: &str) -> bool {
    let mut escaped = false;
    raw.chars().any(|c| {
        let is_bare = c.is_whitespace() && !escaped;
        escaped = c == '\\' && !escaped;
        is_bare
    })
}

/// Whether a quoted text below this holds a substitution.
fn hides_commands(node: Node<'_>, line: &str) -> bool {
    let text = line.get(node.byte_range()).unwrap_or_default();
    text.contains('\'') && (text.contains("$(") || text.contains('`'))
}

/// Nodes that hold others and mean nothing else.
fn is_structure(kind: &str) -> bool {
    matches!(
        kind,
        "program"
            | "list"
            | "subshell"
            | "compound_statement"
            | "if_statement"
            | "elif_clause"
            | "else_clause"
            | "for_statement"
            | "c_style_for_statement"
            | "while_statement"
            | "do_group"
            | "case_statement"
            | "case_item"
            | "negated_command"
            | "variable_assignments"
            | "herestring_redirect"
            | "comment"
            | "word"
            | "string"
            | "string_content"
            | "translated_string"
            | "number"
            | "concatenation"
            | "simple_expansion"
            | "expansion"
            | "variable_name"
            | "special_variable_name"
            | "array"
            | "extglob_pattern"
            | "regex"
            | "brace_expression"
            | "unary_expression"
            | "binary_expression"
            | "ternary_expression"
            | "postfix_expression"
            | "parenthesized_expression"
            | "test_operator"
            | "file_descriptor"
            | "ERROR"
    )
}

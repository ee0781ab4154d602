//! The grammar and what it forgives.

use super::super::{Chunk, ChunkLine, Ending, FileOp, Hunk, MAX_HUNKS, MAX_PATCH_BYTES, Patch, parse};
use super::{check, envelope};

#[track_caller]
fn check_syntax(text: &str, line: usize, part: &str) {
    let error = parse(text).expect_err("the text should be refused");
    assert_eq!(error.code(), "patch_syntax", "{error}");
    let message = error.to_string();
    assert!(message.starts_with(&format!("patch line {line}: ")), "{message}");
    assert!(message.contains(part), "expected `{part}` in: {message}");
}

fn added(name: &str, text: &str) -> Patch {
    let op = FileOp::Add { lines: vec![text.to_owned()], ending: Ending::Lf };
    Patch { workdir: None, hunks: vec![Hunk { line: 2, path: name.to_owned(), op }] }
}

#[test]
fn whole_grammar_is_read() {
    let text = "*** Begin Patch\n*** Add File: a b.txt\n+one\n+\n*** Delete File: c\n*** Update File: d\n\
                *** Move to: e\n@@ class A\n@@   def f(self):\n ctx\n-old\n+new\n\n*** End of File\n*** End Patch";
    let chunk = Chunk {
        line: 8,
        headers: vec!["class A".into(), "  def f(self):".into()],
        lines: vec![
            ChunkLine::Context("ctx".into()),
            ChunkLine::Remove("old".into()),
            ChunkLine::Add("new".into()),
            ChunkLine::Context(String::new()),
        ],
        end_of_file: true,
    };
    let hunks = vec![
        Hunk {
            line: 2,
            path: "a b.txt".into(),
            op: FileOp::Add { lines: vec!["one".into(), String::new()], ending: Ending::Lf },
        },
        Hunk { line: 5, path: "c".into(), op: FileOp::Delete },
        Hunk {
            line: 6,
            path: "d".into(),
            op: FileOp::Update { move_to: Some("e".into()), chunks: vec![chunk] },
        },
    ];
    assert_eq!(parse(text).unwrap(), Patch { workdir: None, hunks });
}

#[test]
fn wrappers_are_taken_off() {
    let body = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch";
    for (text, workdir) in [
        (format!("\n\n  \n{body}\n\n \t\n"), None),
        (format!("\u{feff}{body}"), None),
        (format!("<<EOF\n{body}\nEOF"), None),
        (format!("<<'EOF'\n{body}\nEOF\n"), None),
        (format!("  <<\"PATCH\"\n\n{body}\n\nPATCH\n\n"), None),
        (format!("<<-EOF\n\t{}\nEOF", body.replace('\n', "\n\t")), None),
        (format!("apply_patch <<'EOF'\n{body}\nEOF"), None),
        (format!("applypatch << 'EOF'\n{body}\nEOF"), None),
        (format!("apply_patch <<'EOF'\n{body}"), None),
        (format!("cd sub && apply_patch <<'EOF'\n{body}\nEOF\n"), Some("sub")),
        (format!("cd 'my dir/x' && apply_patch <<EOF\n{body}\nEOF\n"), Some("my dir/x")),
        (format!("cd \"/abs dir\" && apply_patch <<EOF\n{body}\nEOF\n"), Some("/abs dir")),
    ] {
        let patch = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(patch.workdir.as_deref(), workdir, "{text}");
        assert_eq!(patch.hunks[0].path, "a");
        assert_eq!(patch.hunks[0].op, added("a", "x").hunks[0].op);
    }
}

#[test]
fn other_commands_are_no_patch() {
    let body = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch";
    for head in [
        "cat <<'EOF'",
        "cd x && cat <<EOF",
        "cd x && <<EOF",
        "cd x; apply_patch <<EOF",
        "cd x || apply_patch <<EOF",
        "apply_patch <<EOF > log",
        "apply_patch <<<EOF",
        "apply_patch <<",
        "apply_patch 'unclosed <<EOF",
        "echo hi && apply_patch <<EOF",
    ] {
        check_syntax(&format!("{head}\n{body}\nEOF\n"), 1, "expected `*** Begin Patch`");
    }
    for dir in ["$HOME", "'`id`'", "~/x", "a*"] {
        check_syntax(&format!("cd {dir} && apply_patch <<EOF\n{body}\nEOF\n"), 1, "plain directory");
    }
    check_syntax(
        &format!("apply_patch <<EOF\n{body}\nEOF\nrm -rf x\n"),
        7,
        "`rm -rf x`, expected nothing after",
    );
    check_syntax("apply_patch <<EOF\nEOF\n", 2, "empty here-document");
    check_syntax("<<EOF\nhello\nEOF\n", 2, "found `hello`");
}

#[test]
fn white_space_and_crlf_around_markers_are_forgiven() {
    for text in [
        "  *** Begin Patch  \n*** Add File:   a  \n+x\n  *** End Patch \n",
        "*** Begin Patch\n\n  *** Add File: a\n+x\n\n*** End Patch",
        "*** Begin Patch\n*** Add File: a\n+x\n*** End of File\n*** End Patch",
        "*** Begin Patch\r\n*** Add File: a\r\n+x\r\n*** End Patch\r\n",
    ] {
        assert_eq!(parse(text).unwrap().hunks[0].op, added("a", "x").hunks[0].op, "{text:?}");
    }
    // A space makes a context line out of a marker inside a chunk.
    check(
        &[("f", "*** Update File: g\nx\n")],
        &envelope("*** Update File: f\n@@\n *** Update File: g\n-x\n+y"),
        Ok(&[("f", "*** Update File: g\ny\n")]),
    );
}

#[test]
fn added_lines_may_have_lost_their_plus_when_empty() {
    let patch = parse(&envelope("*** Add File: a\n+one\n\n\n+two\n\n")).unwrap();
    let lines = ["one", "", "", "two"].map(str::to_owned).to_vec();
    assert_eq!(patch.hunks[0].op, FileOp::Add { lines, ending: Ending::Lf });
}

#[test]
fn added_file_takes_crlf_only_from_its_own_lines() {
    let of = |text: &str| match parse(text).unwrap().hunks.remove(0).op {
        FileOp::Add { ending, .. } => ending,
        other => panic!("{other:?}"),
    };
    assert_eq!(of("*** Begin Patch\n*** Add File: a\n+x\r\n+y\r\n*** End Patch"), Ending::CrLf);
    assert_eq!(of("*** Begin Patch\n*** Add File: a\n+x\r\n+y\n*** End Patch"), Ending::Lf);
    assert_eq!(of("*** Begin Patch\r\n*** Add File: a\r\n+x\r\n+y\r\n*** End Patch"), Ending::Lf);
    assert_eq!(of("*** Begin Patch\n*** Add File: a\n*** End Patch"), Ending::Lf);
}

#[test]
fn syntax_errors_name_line_found_and_expected() {
    check_syntax("", 1, "an empty text, expected `*** Begin Patch`");
    check_syntax(" \n\n", 1, "an empty text");
    check_syntax("hello", 1, "found `hello`, expected `*** Begin Patch`");
    check_syntax("*** Begin Patch", 2, "found the end of the text, expected `*** End Patch`");
    check_syntax("*** Begin Patch\n*** End Patch", 2, "at least one file operation");
    check_syntax("*** Begin Patch\n*** Add File: a\n+x", 4, "the end of the text");
    check_syntax(
        "*** Begin Patch\n*** Delete File: a\n*** End Patch\nmore",
        4,
        "nothing after `*** End Patch`",
    );
    let at_line_3 = |operations: &str, part: &str| check_syntax(&envelope(operations), 3, part);
    at_line_3("*** Delete File: a\n-x", "expected `*** Add File: <path>`");
    at_line_3("*** Delete File: a\n*** Begin Patch", "expected `*** Add File: <path>`");
    at_line_3("*** Add File: a\nx", "found `x`, expected a line of the added file, beginning with `+`");
    at_line_3("*** Update File: a", "expected `@@` and the lines to change");
    at_line_3("*** Update File: a\nfoo", "a line of the chunk, beginning with");
    at_line_3("*** Update File: a\n*** Rename to: b", "expected `@@`");
    let at_line_2 = |operations: &str, part: &str| check_syntax(&envelope(operations), 2, part);
    at_line_2("*** Add File:", "a path after the colon");
    at_line_2("*** Delete File:   ", "a path after the colon");
    at_line_2("*** Update File: a\0b", "a path after the colon");
    at_line_2("*** Frobnicate File: x", "`*** Frobnicate File: x`");
    at_line_2("@@\n-x", "found `@@`");
    check_syntax(&envelope("*** Update File: a\n@@"), 4, "at least one line beginning with");
    check_syntax(&envelope("*** Update File: a\n@@\n\n"), 6, "at least one line beginning with");
    check_syntax(&envelope("*** Update File: a\n@@\n*** End of File"), 4, "at least one line");
    check_syntax(&envelope("*** Update File: a\n@@\n-x\n*** Move to: b"), 5, "expected `*** Add File");
    check_syntax(&envelope("*** Update File: a\n@@\n-x\n\tfoo"), 5, "a line of the chunk, beginning with");
    check_syntax(&envelope("*** Update File: a\n@@\n-x\n*** End of File\n-y"), 6, "expected `@@`");
    check_syntax(&envelope("*** Update File: a\n*** Move to:\n"), 3, "a path after the colon");
}

#[test]
fn blank_lines_between_parts_are_layout() {
    check(
        &[("f", "a\nb\n"), ("g", "c\n")],
        &envelope("\n*** Update File: f\n\n@@\n-a\n+A\n\n@@ \n-b\n+B\n\n\n*** Update File: g\n@@\n+d\n\n"),
        Ok(&[("f", "A\nB\n"), ("g", "c\nd\n")]),
    );
}

#[test]
fn limits_are_kept() {
    let long = format!("*** Begin Patch\n*** Add File: a\n+{}\n*** End Patch", "x".repeat(MAX_PATCH_BYTES));
    let many = envelope(&vec!["*** Delete File: a"; MAX_HUNKS + 1].join("\n"));
    let chunks =
        envelope(&format!("*** Update File: a\n{}", "@@\n+x\n".repeat(super::super::MAX_CHUNKS + 1)));
    for text in [long, many, chunks] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error.code(), "patch_too_large");
        assert!(error.to_string().contains("send several smaller patches"), "{error}");
    }
}

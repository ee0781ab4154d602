//! Finding old lines, and what becomes of the bytes around them.

use super::super::PatchError;
use super::{Sandbox, check_update, envelope};

#[test]
fn lines_are_replaced_removed_and_added() {
    check_update("a\nb\nc\n", "@@\n a\n-b\n+B\n c", Ok("a\nB\nc\n"));
    check_update("a\nb\nc\n", " a\n-b\n+B", Ok("a\nB\nc\n"));
    check_update("a\nb\nc\n", "@@\n-b", Ok("a\nc\n"));
    check_update("a\nb\nc\n", "@@\n a\n+x\n+y\n b", Ok("a\nx\ny\nb\nc\n"));
    check_update("a\nb\nc\n", "@@\n+x\n a", Ok("x\na\nb\nc\n"));
    check_update("a\nb\nc\n", "@@\n-a\n-b\n-c", Ok(""));
    check_update("a\nb\nc\n", "@@\n-a\n+A\n b\n-c\n+C", Ok("A\nb\nC\n"));
    check_update("a\n\nb\n", "@@\n a\n\n-b\n+B", Ok("a\n\nB\n"));
}

#[test]
fn stricter_match_wins_over_an_earlier_looser_one() {
    check_update("x  \n x\nx\n", "@@\n-x\n+y", Ok("x  \n x\ny\n"));
    check_update("  x\nx  \n", "@@\n-x\n+y", Ok("  x\ny\n"));
    check_update("\u{2013}x\n  -x\n", "@@\n--x\n+y", Ok("\u{2013}x\ny\n"));
    check_update("a\nx\nb\nx\n", "@@\n-x\n+y", Ok("a\ny\nb\nx\n"));
}

#[test]
fn context_found_loosely_keeps_the_bytes_of_the_file() {
    check_update("a  \n\tb\nc\u{a0}c\n", "@@\n a\n-b\n+B\n c c", Ok("a  \nB\nc\u{a0}c\n"));
    check_update(
        "say \u{201c}hi\u{201d}, it\u{2019}s\nold \u{2014} x\n",
        "@@\n say \"hi\", it's\n-old - x\n+new - x",
        Ok("say \u{201c}hi\u{201d}, it\u{2019}s\nnew - x\n"),
    );
    // The other way round: the patch has the typography.
    check_update("it's - a\nb\n", "@@\n it\u{2019}s \u{2212} a\n-b\n+B", Ok("it's - a\nB\n"));
}

#[test]
fn every_exotic_space_dash_and_quote_is_plain() {
    for c in "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{fe63}\u{ff0d}".chars() {
        check_update(&format!("a{c}b\n"), "@@\n-a-b\n+y", Ok("y\n"));
    }
    for c in "\u{2018}\u{2019}\u{201a}\u{201b}".chars() {
        check_update(&format!("a{c}b\n"), "@@\n-a'b\n+y", Ok("y\n"));
    }
    for c in "\u{201c}\u{201d}\u{201e}\u{201f}".chars() {
        check_update(&format!("a{c}b\n"), "@@\n-a\"b\n+y", Ok("y\n"));
    }
    for c in "\u{a0}\u{2000}\u{2002}\u{2003}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}".chars() {
        check_update(&format!("a{c}b\n"), "@@\n-a b\n+y", Ok("y\n"));
    }
}

#[test]
fn chunks_are_searched_below_the_one_before() {
    check_update("a\nx\nx\n", "@@\n-a\n+A\n x\n@@\n-x\n+y", Ok("A\nx\ny\n"));
    check_update("x\nm\nx\nn\n", "@@\n-x\n+1\n@@\n-x\n+2", Ok("1\nm\n2\nn\n"));
    check_update(
        "a\nx\nb\n",
        "@@\n-x\n+y\n@@\n-a\n+A",
        Err("They stand at line 1 of the file, above the place"),
    );
    check_update("a\nx\nb\n", "@@\n-x\n+y\n@@\n-x\n+z", Err("do not repeat changed lines"));
}

#[test]
fn neighbouring_chunks_may_share_context() {
    check_update("a\nb\nc\nd\ne\n", "@@\n-a\n+A\n b\n c\n@@\n b\n c\n-d\n+D", Ok("A\nb\nc\nD\ne\n"));
    check_update("a\nb\nc\n", "@@\n-a\n+A\n b\n@@\n b\n+x\n c", Ok("A\nb\nx\nc\n"));
    check_update("a\nb\n", "@@\n a\n+x\n b\n@@\n+y\n b", Ok("a\nx\ny\nb\n"));
}

#[test]
fn header_order_is_whole_lines_below_then_above_then_beginnings() {
    check_update(
        "class Fooled:\n  x\nclass Foo(B):\n  x\n",
        "@@ class Foo\n-  x",
        Ok("class Fooled:\n  x\nclass Foo(B):\n"),
    );
    check_update("A\n1\n2\nA (B)\n2\n", "@@\n-1\n+x\n@@ A\n-2\n+y", Ok("A\nx\ny\nA (B)\n2\n"));
    // Below a header that was found, the next one is not searched above.
    check_update("def g\nclass A\n  x\n", "@@ class A\n@@ def g\n-  x", Err("not in the file: `def g`"));
    check_update("g\n1\nA\nx\n", "@@\n-1\n+2\n@@ A\n@@ g\n-x", Err("not in the file: `g`"));
}

#[test]
fn headers_narrow_down() {
    let file =
        "class A:\n  def f():\n    x\n  def g():\n    x\nclass B:\n  def f():\n    x\n  def g():\n    x\n";
    let b_g =
        "class A:\n  def f():\n    x\n  def g():\n    x\nclass B:\n  def f():\n    x\n  def g():\n    y\n";
    check_update(file, "@@ class B:\n@@   def g():\n-    x\n+    y", Ok(b_g));
    check_update(file, "@@ class B\n@@ def g()\n-    x\n+    y", Ok(b_g));
    check_update(file, "@@\n@@ class B:\n\n@@ def g():\n-    x\n+    y", Ok(b_g));
    // A chunk that repeats its header as context.
    check_update("a\nf:\n  x\n", "@@ f:\n f:\n-  x\n+  y", Ok("a\nf:\n  y\n"));
    // A header above the place reached encloses the second chunk too.
    check_update("C\n1\n2\n", "@@ C\n-1\n+a\n@@ C\n-2\n+b", Ok("C\na\nb\n"));
    check_update("class Fo:\nclass Foo:\n  x\n", "@@ class Foo\n-  x", Ok("class Fo:\nclass Foo:\n"));
    check_update(
        "a\n",
        "@@ nowhere\n-a",
        Err("the line of the header at patch line 3 is not in the file: `nowhere`"),
    );
    check_update("def foo(a):\n  x\n", "@@ def fooo(a):\n-  x", Err("line 1 of the file: `def foo(a):`"));
}

#[test]
fn line_ranges_of_unified_diffs_are_ignored() {
    check_update("a\nb\n", "@@ -1,2 +1,2 @@ fn x()\n a\n-b\n+c", Ok("a\nc\n"));
    check_update("a\n-1 +1 b\nc\n", "@@ -1 +1 b\n-c\n+d", Ok("a\n-1 +1 b\nd\n"));
}

#[test]
fn lines_only_added_go_below_the_header_or_to_the_end() {
    check_update("a\nb\n", "@@ a\n+x", Ok("a\nx\nb\n"));
    check_update("a\nb\n", "@@\n+x", Ok("a\nb\nx\n"));
    check_update("a\nb\n", "@@ a\n+x\n*** End of File", Ok("a\nb\nx\n"));
    check_update("", "@@\n+x\n+y", Ok("x\ny\n"));
    check_update("a\nb\nc\n", "@@\n+end\n@@\n-b\n+B", Ok("a\nB\nc\nend\n"));
    check_update("h\na\n", "@@ h\n+x\n@@ h\n+y", Ok("h\nx\ny\na\n"));
    check_update("h\na\nb\n", "@@\n-b\n+B\n@@ h\n+y", Err("They stand at line 1"));
}

#[test]
fn end_of_file_marker_takes_the_last_place_first() {
    check_update("x\na\nx\n", "@@\n-x\n+y\n*** End of File", Ok("x\na\ny\n"));
    check_update("x\na\n", "@@\n-x\n+y\n*** End of File", Ok("y\na\n"));
    // The end in a loose way is taken before an exact match elsewhere.
    check_update("x\na\n  x\n", "@@\n-x\n+y\n*** End of File", Ok("x\na\ny\n"));
    check_update("x\nx\n", "@@\n-x\n\n*** End of File", Ok("x\n"));
    check_update("h\nx\nx\n", "@@\n-h\n+H\n x\n x\n@@\n x\n+y\n*** End of File", Ok("H\nx\nx\ny\n"));
    check_update("a\nx\n", "@@\n-x\n+y\n*** End of File\n@@\n-a\n+b", Err("They stand at line 1"));
}

#[test]
fn empty_lines_at_the_end_may_be_no_lines() {
    check_update("a\nb\n", "@@\n-b\n+c\n\n", Ok("a\nc\n"));
    check_update("a\nb\n", "@@\n-b\n-\n+c\n+", Ok("a\nc\n"));
    check_update("a\nb\n", "@@\n b\n \n+c", Ok("a\nb\nc\n"));
    check_update("a\n\nb\n", "@@\n-a\n+A\n\n", Ok("A\n\nb\n"));
    check_update("\nb\n", "@@\n+x\n\n\n", Ok("\nb\nx\n"));
}

#[test]
fn line_endings_of_the_file_are_kept() {
    check_update("a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+B2\n c", Ok("a\r\nB\r\nB2\r\nc\r\n"));
    check_update("a\r\nb\r\nc\r\n", "@@\r\n a\r\n-b\r\n+B\r\n c\r", Ok("a\r\nB\r\nc\r\n"));
    check_update("a\nb\n", "@@\r\n-b\r\n+B\r", Ok("a\nB\n"));
    // Mixed endings: the most frequent for new lines, the others stay.
    check_update("a\r\nb\nc\r\nd\n", "@@\n b\n+x\n c", Ok("a\r\nb\nx\r\nc\r\nd\n"));
    check_update("a\nb\nc\r\nd\n", "@@\n c\n+x", Ok("a\nb\nc\r\nx\nd\n"));
    check_update("a\r\rb\n", "@@\n-a\r\rb\n+c", Ok("c\n"));
}

#[test]
fn final_newline_stays_as_it_was() {
    check_update("a\nb", "@@\n-b\n+c", Ok("a\nc"));
    check_update("a\nb", "@@\n-a\n+c", Ok("c\nb"));
    check_update("a\nb", "@@\n+c", Ok("a\nb\nc"));
    check_update("a\nb", "@@\n-b", Ok("a"));
    check_update("a\r\nb", "@@\n b\n+c", Ok("a\r\nb\r\nc"));
    check_update("a\nb\n", "@@\n-b\n+c\n*** End of File", Ok("a\nc\n"));
    check_update("a", "@@\n-a\n+b", Ok("b"));
}

#[test]
fn byte_order_mark_stays() {
    check_update("\u{feff}a\nb\n", "@@\n-a\n+A", Ok("\u{feff}A\nb\n"));
    check_update("\u{feff}a\n", "@@\n+x\n a", Ok("\u{feff}x\na\n"));
}

#[test]
fn missing_lines_are_reported_with_the_closest_place() {
    let sandbox = Sandbox::new(&[("src/m.rs", "fn a() {\n    one();\n    two();\n    three();\n}\n")]);
    let patch =
        envelope("*** Update File: src/m.rs\n@@\n fn a() {\n     one();\n-    too();\n+    2\n     three();");
    let error = sandbox.refuses(&patch, "src/m.rs: the lines of the chunk at patch line 3");
    assert_eq!(error.code(), "patch_lines_not_found");
    assert_eq!(
        error.to_string(),
        "src/m.rs: the lines of the chunk at patch line 3 are not in the file (searched from its line 1):\n    \
         fn a() {\n        one();\n        too();\n        three();\n\
         The closest place is line 1 of the file, where 3 of 4 lines agree; \
         line 3 there is `    two();`, the patch has `    too();`."
    );
    let PatchError::NotFound(mismatch) = error else { panic!() };
    assert_eq!(mismatch.from_line, 1);

    check_update(
        "alpha beta\ngamma\n",
        "@@\n-alpha betta\n+x",
        Err("most similar line is line 1 of the file: `alpha"),
    );
    check_update("a\nb\n", "@@\n a\n b\n-c", Err("the file ends before line 3, the patch has `c`"));
    check_update("a\n", "@@\n-zzzzzzz", Err("Nothing in the file is like them"));
    check_update("x\nx\nx\n}\n", "@@\n-aaaa bbbb\n-cc\n-dd\n }", Err("Nothing in the file is like them"));
    check_update("", "@@\n-x", Err("Nothing in the file"));
    check_update("x\n", &format!("@@\n-{}", "é".repeat(500)), Err("é…"));
    let many: Vec<String> = (0..40).map(|i| format!("-line {i}")).collect();
    check_update(
        "x
",
        &format!(
            "@@
{}",
            many.join(
                "
"
            )
        ),
        Err("... and 28 more"),
    );
}

#[test]
fn repetitive_files_are_searched_in_linear_time() {
    check_update("a\na\na\nb\n", "@@\n a\n-a\n-b\n+c", Ok("a\na\nc\n"));
    check_update("a\nb\na\nb\na\nc\n", "@@\n-a\n-b\n-a\n-c", Ok("a\nb\n"));
    let before = "a\n".repeat(500_000) + "b\n";
    let wanted = "-a\n".repeat(50_000) + "-b\n+c";
    let after = "a\n".repeat(450_000) + "c\n";
    check_update(&before, &format!("@@\n{wanted}"), Ok(&after));
}

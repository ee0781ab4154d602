//! Reading shell lines.

use super::*;
use rstest::rstest;

/// The commands of a script, their words joined; words that are not known in brackets.
fn commands(script: &Script) -> Vec<String> {
    let shown = |word: &Word| match word.form {
        Form::Literal => word.text.clone(),
        Form::Unknown => format!("[{}]", word.text),
    };
    script
        .commands
        .iter()
        .map(|command| command.words.iter().map(shown).collect::<Vec<_>>().join(" "))
        .collect()
}

#[rstest]
#[case("ls -la 'a b' \"c d\"e", &["ls -la a b c de"])]
#[case("a; b && c || d | e\nf &", &["a", "b", "c", "d", "e", "f"])]
#[case("(a; { b; })", &["a", "b"])]
#[case("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"])]
#[case("for i in x $(a); do b $i; done", &["a", "b [$i]"])]
#[case("while a; do b; done < x", &["a", "b"])]
#[case("case $x in a) b;; *) c;; esac", &["b", "c"])]
#[case("f() { a; }; f", &["a", "f"])]
#[case("echo $(a \"$(b)\") `c` <(d)", &["echo [$(a \"$(b)\")] [`c`] [<(d)]", "a [$(b)]", "b", "c", "d"])]
#[case("echo {a,b} ~ * $x \"$y\" $'\\x61\\142'", &["echo [{a,b}] [~] [*] [$x] [$y] ab"])]
#[case("A=$(a) b", &["b", "a"])]
#[case("a 2>&1 b >/dev/null c; d", &["a b c", "d"])]
#[case("a 2>&- b", &["a b"])]
#[case("a 2>x b $(c)", &["a b [$(c)]", "c"])]
#[case("env -i A=b C=d x y", &["env -i A=b C=d x y", "x y"])]
#[case("sudo -u me A=b x", &["sudo -u me A=b x", "x"])]
#[case("bash -c 'a; b' c", &["bash -c a; b c", "a", "b"])]
#[case("ls | xargs -0 -n 2 a b", &["ls", "xargs -0 -n 2 a b", "a b [{}]"])]
#[case("find . -exec a {} + -o -exec b ';'", &["find . -exec a {} + -o -exec b ;", "a [{}]", "b"])]
#[case("git -c alias.x='!a b' x", &["git -c alias.x=!a b x", "a b"])]
#[case("bash <<'E'\na\nb $x\nE\n", &["bash", "a", "b [$x]"])]
#[case("cat <<E | sh\na\nE\n", &["cat", "sh", "a"])]
#[case("echo 'a; b' | sh", &["echo a; b", "sh", "a", "b"])]
#[case("ssh -p 1 host a '; b'", &["ssh -p 1 host a ; b", "a", "b"])]
#[case("ls\n\\a b", &["ls", "a b"])]
fn the_commands_of_a_line_are_found(#[case] line: &str, #[case] expected: &[&str]) {
    let script = read_line(line);
    assert_eq!(commands(&script), expected, "{line}");
}

#[rstest]
#[case("ls 'a", "cannot be parsed")]
#[case("$x a", "the program `$x`")]
#[case("eval \"$x\"", "`eval` runs a line")]
#[case("bash -c $x", "`bash` runs a line")]
#[case("bash $x", "the options of a shell")]
#[case("ls | sh", "a shell reads commands")]
#[case("bash <(a)", "the options of a shell")]
#[case("xargs $x a", "the options of `xargs`")]
#[case("ls \u{a0}", "U+00A0")]
#[case("ls \r\n", "U+000D")]
#[case("a\\\nb", "in the middle of a word")]
#[case("echo $\"a\"", "translated")]
#[case("printf -v 'a[$(b)]' c", "may run what is in its words")]
#[case("[[ -v 'a[$(b)]' ]]", "index of an array")]
#[case("! { a; }", "a word of the shell")]
#[case("a &>b c", "behind `&>`")]
#[case("{ a; } >b c", "behind a redirection")]
#[case("parallel", "")]
#[case("parallel a ::: b", "`parallel` adds")]
fn what_is_not_understood_is_opaque(#[case] line: &str, #[case] why: &str) {
    let opaque = read_line(line).opaque.unwrap_or_default();
    assert!(opaque.contains(why), "{line}: {opaque:?}");
}

#[rstest]
#[case("ls -la && git push 2>&1 | tail -n 5")]
#[case("for f in *.rs; do rustfmt $f; done")]
#[case("cat <<'EOF' > a.txt\nit's $(here)\nEOF")]
#[case("python3 - <<'EOF'\nprint(\"a\")\nEOF")]
#[case("if [ -f x ]; then make; fi")]
#[case("cargo build \\\n  --release")]
#[case("echo \u{1f600} 'ä' # \u{e9}")]
#[case("x=$(git rev-parse HEAD); echo \"$x\"")]
#[case("sed -i 's/a\\/b/c/' x && grep -c '[a-z]*' x")]
fn what_people_write_is_not_opaque(#[case] line: &str) {
    assert_eq!(read_line(line).opaque, None, "{line}");
}

#[test]
fn where_a_command_was_found_is_told() {
    let script = read_argv(&["sudo", "-n", "sh", "-c", "a $(b)"].map(str::to_owned));
    let inside: Vec<_> = script.commands.iter().map(|command| command.inside).collect();
    let inside_of = |command, word, held| Some(Inside { command, word, held });
    let expected = [
        None,
        inside_of(0, 2, Held::Words),
        inside_of(1, 2, Held::Line),
        inside_of(2, 0, Held::Substitution),
    ];
    assert_eq!(inside, expected);
    assert_eq!(commands(&script), ["sudo -n sh -c a $(b)", "sh -c a $(b)", "a [$(b)]", "b"]);
}

#[rstest]
#[case("a 'b c' \"d\\n\\\"\" e\\(", &["a/b c/d\\n\"/e("])]
#[case("a|b&&c||d;e\nf", &["a", "b", "c", "d", "e", "f"])]
#[case("a 2>&1 >/dev/null b", &["a/b"])]
#[case("\n a \n\n b;\n", &["a", "b"])]
fn plain_lines_are_split(#[case] line: &str, #[case] expected: &[&str]) {
    let joined =
        |command: &Plain| command.words.iter().map(|word| word.text().unwrap()).collect::<Vec<_>>().join("/");
    let found: Vec<String> = plain(line).unwrap().iter().map(joined).collect();
    assert_eq!(found, expected);
}

#[test]
fn patterns_that_cannot_be_options_are_plain() {
    let words = vec![Arg::Text("ls".into()), Arg::Pattern("src/*.rs".into()), Arg::Pattern("a?".into())];
    assert_eq!(plain("ls src/*.rs a?"), Some(vec![Plain { words }]));
    for line in ["ls *", "ls -*", "ls \"-\"*", "ls ''*", "ls [a]", "a* b"] {
        assert_eq!(plain(line), None, "{line}");
    }
}

//! What holds of every command: wrapping makes nothing harmless, and nothing makes the reader fail.

use agent_core::{Class, Verdict};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use std::{
    cell::Cell,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tools::policy::{PolicySources, check, proposal};

/// Long enough for a machine that does much else; a reader that is not bounded takes far longer.
const BOUND: Duration = Duration::from_secs(5);

fn class(line: &str) -> Class {
    let argv = ["/bin/bash", "-c", line].map(str::to_owned);
    check(&argv, &PolicySources::default(), Path::new("/")).class
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Ways to write a command inside of another one, which the reader follows.
const WRAPPINGS: [fn(&str) -> String; 38] = [
    |line| format!("bash -c {}", quoted(line)),
    |line| format!("/bin/sh -lc {}", quoted(line)),
    |line| format!("bash -eu -o pipefail -c {}", quoted(line)),
    |line| format!("eval {}", quoted(line)),
    |line| format!("env -i A=b sh -c {}", quoted(line)),
    |line| format!("env -S {}", quoted(&format!("sh -c {}", quoted(line)))),
    |line| format!("A=b sh -c {}", quoted(line)),
    |line| format!("timeout -k 1 5 sh -c {}", quoted(line)),
    |line| format!("nohup nice -n 5 sh -c {}", quoted(line)),
    |line| format!("ls | xargs -n 1 sh -c {}", quoted(line)),
    |line| format!("find . -name x -exec sh -c {} \\;", quoted(line)),
    |line| format!("find . -type f -execdir bash -c {} {{}} +", quoted(line)),
    |line| format!("ssh -p 22 host {}", quoted(line)),
    |line| format!("docker run --rm -e A=b alpine sh -c {}", quoted(line)),
    |line| format!("watch -n 1 {}", quoted(line)),
    |line| format!("trap {} EXIT", quoted(line)),
    |line| format!("parallel {} ::: a b", quoted(line)),
    |line| format!("flock x -c {}", quoted(line)),
    |line| format!("coproc sh -c {}", quoted(line)),
    |line| format!("echo {} | sh", quoted(line)),
    |line| format!("bash <<< {}", quoted(line)),
    |line| format!("bash <<'END{0}'\n{line}\nEND{0}\n", line.len()),
    |line| format!("cat <<'END{0}' | bash -s\n{line}\nEND{0}\n", line.len()),
    |line| format!("ls; {line}"),
    |line| format!("ls && {line}"),
    |line| format!("false || {line}"),
    |line| format!("{line}\nls"),
    |line| format!("ls\n{line}"),
    |line| format!("ls | {line}"),
    |line| format!("({line}\n)"),
    |line| format!("{{ {line}\n}}"),
    |line| format!("if true; then {line}\nfi"),
    |line| format!("for i in a b; do {line}\ndone"),
    |line| format!("case x in x) {line}\n;; esac"),
    |line| format!("f() {{ {line}\n}}\nf"),
    |line| format!("echo \"a $({line}\n) b\""),
    |line| format!("X=$({line}\n)"),
    |line| format!("cat <({line}\n)"),
];
/// Ways that are not followed. What is in them is never safe all the same.
const HIDING: [fn(&str) -> String; 6] = [
    |line| format!("X={}; eval \"$X\"", quoted(line)),
    |line| format!("X={}; $X", quoted(line)),
    |line| format!("echo {} > x; . ./x", quoted(line)),
    |line| format!("python3 -c {}", quoted(line)),
    |line| format!("echo {} | base64 | base64 -d | sh", quoted(line)),
    |line| format!("awk 'BEGIN {{ system(\"{}\") }}'", line.replace(['"', '\''], "")),
];
const UNSAFE: [&str; 10] = [
    "touch x",
    "echo x > y",
    "mv a b",
    "git commit -m x",
    "make",
    "./x",
    "sed -i s/a/b/ c",
    "curl x -o y",
    "cargo build",
    "PAGER=x git log",
];
const DANGEROUS: [&str; 10] = [
    "rm -rf x",
    "git push --force",
    "git reset --hard",
    "mkfs.ext4 x",
    "dd if=a of=/dev/sda",
    "chmod -R 777 /",
    "find . -delete",
    "kill -9 -1",
    "sudo ls",
    "git clean -fd",
];

fn wrapped(commands: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    (select(commands), vec(select(&WRAPPINGS[..]), 0..=most))
        .prop_map(|(command, wrappings)| wrappings.iter().fold(command.to_owned(), |line, wrap| wrap(&line)))
}

/// A word as it may be written in a shell.
fn disguised(word: &'static str) -> impl Strategy<Value = String> {
    (0..6, 1..word.len().max(2)).prop_map(move |(way, at)| {
        let (start, end) = word.split_at(at.min(word.len()));
        match way {
            0 => word.to_owned(),
            1 => format!("'{word}'"),
            2 => format!("\"{word}\""),
            3 => format!("{start}''\"{end}\""),
            4 => format!("$'{}'", word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>()),
            _ => word.chars().map(|c| format!("\\{c}")).collect(),
        }
    })
}

proptest! {
    #![proptest_config(Config { cases: 1_500, ..Config::default() })]

    #[test]
    fn no_wrapping_makes_a_command_safe(line in wrapped(&UNSAFE, 4)) {
        prop_assert_ne!(class(&line), Class::Safe, "{}", line);
    }

    #[test]
    fn no_wrapping_hides_a_dangerous_command(line in wrapped(&DANGEROUS, 3)) {
        prop_assert_eq!(class(&line), Class::Dangerous, "{}", line);
    }

    #[test]
    fn no_way_of_writing_words_hides_a_command(
        program in disguised("rm"), flag in disguised("-rf"), name in disguised("x"),
        wrappings in vec(select(&WRAPPINGS[..]), 0..=1),
    ) {
        let line = wrappings.iter().fold(format!("{program} {flag} {name}"), |line, wrap| wrap(&line));
        prop_assert_eq!(class(&line), Class::Dangerous, "{}", line);
    }

    #[test]
    fn what_is_hidden_is_not_safe(
        line in wrapped(&UNSAFE, 1), hide in select(&HIDING[..]), wrappings in vec(select(&WRAPPINGS[..]), 0..=2),
    ) {
        let line = wrappings.iter().fold(hide(&line), |line, wrap| wrap(&line));
        prop_assert_ne!(class(&line), Class::Safe, "{}", line);
    }

    #[test]
    fn any_text_is_read_in_bounded_time(text in any::<String>(), words in vec(any::<String>(), 0..4)) {
        let begun = Instant::now();
        class(&text);
        proposal(&words);
        check(&words, &PolicySources::default(), Path::new("/"));
        prop_assert!(begun.elapsed() < BOUND);
    }

    #[test]
    fn any_shell_text_is_read_in_bounded_time(tokens in vec(select(&SOUP[..]), 0..120)) {
        let begun = Instant::now();
        class(&tokens.concat());
        prop_assert!(begun.elapsed() < BOUND);
    }
}

/// Rules that allow every program of the wrappings, and forbid to push.
const RULES: &str = r#"
[[rule]]
prefix = [["bash", "sh", "/bin/sh", "eval", "env", "timeout", "nohup", "nice", "xargs", "find", "ssh", "docker", "watch", "trap", "parallel",
    "flock", "coproc", "echo", "cat", "ls", "f"]]
decision = "allow"

[[rule]]
prefix = ["git", "push"]
decision = "forbid"
"#;

/// What the rules say of a line.
fn verdict(folder: &Path, line: &str) -> Verdict {
    let argv = ["/bin/bash", "-c", line].map(str::to_owned);
    check(&argv, &PolicySources { folder: Some(folder.to_owned()), files: Vec::new() }, Path::new("/"))
        .verdict
}

#[test]
fn no_wrapping_gets_past_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.toml"), RULES).unwrap();
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let forbidden =
        runner.run(&wrapped(&["git push", "git -C x push origin", "/usr/bin/git push"], 3), |line| {
            let verdict = verdict(folder.path(), &line);
            // What looks like arithmetic, `$((git push))`, cannot be read and is asked.
            prop_assert!(
                matches!(verdict, Verdict::Forbid { .. } | Verdict::Ask { .. }),
                "{}: {:?}",
                line,
                verdict
            );
            Ok(())
        });
    forbidden.unwrap();
    let not_allowed = runner.run(&wrapped(&UNSAFE, 3), |line| {
        let verdict = verdict(folder.path(), &line);
        prop_assert!(!matches!(verdict, Verdict::Allow { .. }), "{}: {:?}", line, verdict);
        Ok(())
    });
    not_allowed.unwrap();
}

/// Pieces of shell, to be put together in any order. Whatever they come to can make files where it runs, and do no more.
const SOUP: [&str; 64] = [
    "ls",
    "echo",
    "cat",
    "touch",
    "sort",
    "uniq",
    "find",
    "sed",
    "git",
    "diff",
    "grep",
    "printf",
    "date",
    "test",
    "cd",
    " ",
    " ",
    " ",
    " ",
    " ",
    " ",
    "\t",
    "\n",
    "a.txt",
    "new",
    "'",
    "\"",
    "\\",
    "$",
    "$(",
    ")",
    "`",
    "{",
    "}",
    "(",
    "*",
    "~",
    "!",
    "&",
    "&&",
    "|",
    "||",
    ";",
    "#",
    "<",
    ">",
    ">>",
    "<<",
    "2>&1",
    ">/dev/null",
    "=",
    "X=",
    "-o",
    "-n",
    "-exec",
    "-fprint",
    "--output=new",
    "w new",
    "-i",
    "p",
    "1",
    ",",
    "\\\n",
    "\u{a0}",
];

/// What a line of the soup begins with, so that some of it makes sense.
const PROGRAMS: [&str; 11] = [
    "ls",
    "echo",
    "cat a.txt",
    "sort a.txt",
    "uniq",
    "find .",
    "sed -n",
    "git diff",
    "grep a",
    "printf",
    "test -f",
];

/// The folder's names and the file's content.
fn seen(folder: &Path) -> (Vec<String>, String) {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (names, std::fs::read_to_string(folder.join("a.txt")).unwrap())
}

#[test]
fn whatever_is_taken_for_safe_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "a\nb\n").unwrap();
    let before = seen(folder.path());
    let ran = Cell::new(0);
    let strategy = vec(
        (select(&PROGRAMS[..]), vec(select(&SOUP[..]), 0..6), select(&[" | ", "; ", " && ", "\n"][..])),
        1..3,
    );
    let mut runner = TestRunner::new(Config { cases: 4_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&strategy, |parts| {
        let line: String = parts
            .iter()
            .enumerate()
            .map(|(index, (program, soup, joint))| {
                let joint = if index + 1 == parts.len() { "" } else { joint };
                format!("{program} {}{joint}", soup.concat())
            })
            .collect();
        if class(&line) != Class::Safe {
            return Ok(());
        }
        ran.set(ran.get() + 1);
        let status = Command::new("/bin/bash")
            .args(["-c", &line])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        prop_assert!(status.is_ok());
        prop_assert_eq!(seen(folder.path()), before.clone(), "{:?} changed something", line);
        Ok(())
    });
    result.unwrap();
    assert!(ran.get() > 200, "only {} lines were taken for safe", ran.get());
}

/// The parser reads beyond its tables for letters that are far from ASCII, unless it is kept from them.
#[test]
fn letters_of_all_planes_are_read() {
    for code in (0x80..=0x10_ffff).step_by(61) {
        let Some(letter) = char::from_u32(code) else { continue };
        class(&format!(
            "echo {letter} '{letter}' \"${{{letter}}}\" $'{letter}' <<{letter}\n{letter}\n{letter}\n"
        ));
        class(&format!("{letter}{letter} # {letter}"));
    }
    assert_eq!(class("echo '\u{1f600}' | grep \"\u{e4}\u{10348}\""), Class::Safe);
    assert_eq!(class("echo \u{1f600} $(rm -rf \u{1f600})"), Class::Dangerous);
}

#[test]
fn what_is_too_long_or_too_deep_is_not_understood_and_costs_little() {
    let deep =
        |open: &str, close: &str, count: usize| format!("{}ls{}", open.repeat(count), close.repeat(count));
    let nested = (0..12).fold("rm -rf x".to_owned(), |line, _| format!("eval {}", quoted(&line)));
    for line in [
        "ls ".repeat(1_000_000),
        "ls;".repeat(100_000),
        "(".repeat(100_000),
        deep("$(", ")", 5_000),
        deep("{ ", "; }", 5_000),
        deep("if ", "; then ls; fi", 2_000),
        deep("\"$(", ")\"", 3_000),
        "a=".repeat(50_000),
        "<<A ".repeat(5_000),
        "`".repeat(100_001),
        "[[ ".repeat(20_000),
        "${".repeat(20_000),
        "case x in ".repeat(5_000),
        nested,
    ] {
        let begun = Instant::now();
        assert_ne!(class(&line), Class::Safe);
        let took = begun.elapsed();
        assert!(took < BOUND, "{}… took {took:?}", &line[..20]);
    }
}

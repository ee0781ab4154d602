//! Rules and what they make of commands.

use super::{sources::Policy, *};
use rstest::rstest;
use std::path::Path;

const RULES: &str = r#"
# What this team allows.
[[rule]]
prefix = ["cargo", ["test", "check", "clippy"]]
decision = "allow"
match = ["cargo test", "cargo check -p tools"]
not_match = ["cargo publish", "./cargo test", "cargo +nightly test"]

[[rule]]
prefix = ["git", "push"]
decision = "ask"
reason = "others see it"
match = ["git push origin", "git -C x push", "/usr/bin/git push"]
not_match = ["git status", "echo git push"]

[[rule]]
prefix = ["git", "push", ["--force", "-f"]]
decision = "forbid"
reason = "never overwrite what others have"
match = ["git push --force origin", "sudo git push -f"]

[[rule]]
prefix = ["npm", "publish"]
decision = "forbid"

[[rule]]
prefix = ["./check.sh"]
decision = "allow"
match = ["./check.sh -v"]
not_match = ["check.sh", "/tmp/check.sh", "./x/check.sh"]

[[rule]]
prefix = ["rm", "-rf", "target"]
decision = "allow"

[[rule]]
prefix = ["rm"]
decision = "allow"

[[rule]]
prefix = ["sudo", "apt-get", "update"]
decision = "allow"

[[rule]]
prefix = ["cat", "secrets.txt"]
decision = "forbid"
"#;

fn verdict_of(rules: &str, argv: &[&str]) -> Verdict {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    judge(&Policy::of("rules/team.toml", rules), &assess(&argv))
}

fn verdict(line: &str) -> Verdict {
    verdict_of(RULES, &["/bin/bash", "-c", line])
}

fn said(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Allow { rule } => rule,
        Verdict::Ask { reason } | Verdict::Forbid { reason } => reason,
        other => panic!("{other:?} says nothing"),
    }
}

#[rstest]
#[case("cargo test")]
#[case("cargo test -p tools 2>&1 | tail -n 20")]
#[case("cargo check && cargo test")]
#[case("cd crates && cargo test --all")]
#[case("cargo clippy -- -D warnings >/dev/null")]
#[case("cargo test 'a b' \"c\"")]
#[case("cargo test src/*.rs")]
#[case("timeout 60 cargo test")]
#[case("time nice cargo test")]
#[case("./check.sh all")]
#[case("rm a.txt")]
#[case("rm -rf target")]
#[case("sudo apt-get update")]
fn every_part_that_a_rule_allows_or_that_only_looks_is_allowed(#[case] line: &str) {
    let verdict = verdict(line);
    assert!(matches!(verdict, Verdict::Allow { .. }), "{line}: {verdict:?}");
}

#[rstest]
#[case::no_rule("cargo build")]
#[case::only_a_part("cargo test && touch x")]
#[case::only_a_part("touch x; cargo test")]
#[case::safe_needs_none("ls | head")]
#[case::writes("cargo test > out.txt")]
#[case::sets_a_variable("RUSTC_WRAPPER=./x cargo test")]
#[case::sets_a_variable("env RUSTC_WRAPPER=./x cargo test")]
#[case::another_cargo("./cargo test")]
#[case::another_cargo("/tmp/cargo test")]
#[case::another_toolchain("cargo +nightly test")]
#[case::in_the_background("cargo test &")]
#[case::substitutes("cargo test $(touch x)")]
#[case::substitutes("cargo test `touch x`")]
#[case::substitutes("cargo test <(touch x)")]
#[case::unknown_word("cargo $X")]
#[case::unknown_option("cargo test $X")]
#[case::pattern_may_be_an_option("cargo test *")]
#[case::in_a_loop("for x in a; do cargo test; done")]
#[case::in_a_subshell("(cargo test)")]
#[case::here_document("cargo test <<EOF\nx\nEOF")]
#[case::in_a_line("bash -c 'cargo test'")]
#[case::in_a_line("eval cargo test")]
#[case::on_input("echo cargo test | sh")]
#[case::of_xargs("ls | xargs cargo test")]
#[case::is_a_function("cargo() { touch x; }; cargo test")]
#[case::more_dangerous_than_the_rule("rm -rf src")]
#[case::more_than_the_rule("sudo apt-get install x")]
#[case::cannot_be_parsed("cargo test 'a")]
#[case::carrier_writes("'time' -f x -a -o a.txt cargo test")]
#[case::carrier_writes("\"time\" --output=a.txt cargo test")]
fn else_no_rule_speaks(#[case] line: &str) {
    let rules = r#"
        [[rule]]
        prefix = ["cargo", ["test", "check"]]
        decision = "allow"
        [[rule]]
        prefix = ["rm"]
        decision = "allow"
        [[rule]]
        prefix = ["sudo", "apt-get", "update"]
        decision = "allow"
    "#;
    assert_eq!(verdict_of(rules, &["/bin/bash", "-c", line]), Verdict::Silent, "{line}");
}

#[rstest]
#[case("git push --force")]
#[case("git -C x push -f origin")]
#[case("git 2>&1 push --force")]
#[case("ls; git >/dev/null push --force | cat")]
#[case("git --attr-source HEAD push --force")]
#[case("env -iS 'git push --force'")]
#[case("script -qc 'git push --force' /dev/null")]
#[case("runuser -u me git push --force")]
#[case("git submodule foreach --quiet 'git push --force'")]
#[case("git rebase -x'git push --force' HEAD")]
#[case("git -c a.b=c push --force")]
#[case("/usr/bin/git push --force")]
#[case("./git push --force")]
#[case("'git' \"push\" --for'ce'")]
#[case("ls; git push --force")]
#[case("cargo test && git push --force")]
#[case("bash -c 'git push --force'")]
#[case("echo $(git push --force)")]
#[case("env A=b git push --force")]
#[case("A=b git push --force")]
#[case("echo 'git push --force' | sh")]
#[case("if true; then git push --force; fi")]
#[case("find . -exec git push --force \\;")]
#[case("npm --silent publish")]
#[case("cat secrets.txt")]
#[case("timeout 5 npm publish")]
fn what_is_forbidden_is_forbidden_everywhere(#[case] line: &str) {
    let verdict = verdict(line);
    assert!(matches!(verdict, Verdict::Forbid { .. }), "{line}: {verdict:?}");
}

#[rstest]
#[case::a_rule("git push", "others see it [rule team.toml:9 (ask `git push`)]")]
#[case::a_rule("git push && cargo test", "others see it")]
#[case::may_be_forbidden("git $X", "variables are known: never overwrite")]
#[case::may_be_forbidden("npm \"$@\"", "variables are known: rule team.toml")]
#[case::may_be_forbidden("$X publish", "it cannot be told whether rules like")]
#[case::may_be_forbidden("echo push | xargs git", "variables are known: never overwrite")]
#[case::may_be_forbidden("git pu*", "variables are known: never overwrite")]
#[case::cannot_be_read("ls 'a", "it cannot be told whether rules like")]
#[case::cannot_be_read("eval \"$X\"", "it cannot be told whether rules like")]
#[case::cannot_be_read("ls | sh", "a shell reads commands from the output")]
fn what_a_rule_may_speak_of_is_asked(#[case] line: &str, #[case] expected: &str) {
    let verdict = verdict(line);
    assert!(matches!(verdict, Verdict::Ask { .. }), "{line}: {verdict:?}");
    assert!(said(&verdict).contains(expected), "{line}: {verdict:?}");
}

#[test]
fn the_rule_is_named() {
    assert_eq!(
        verdict("cargo test"),
        Verdict::Allow { rule: "team.toml:3 (allow `cargo test|check|clippy`)".into() }
    );
    let reason =
        "never overwrite what others have [rule team.toml:16 (forbid `git push --force|-f`)]".to_owned();
    assert_eq!(verdict("git push -f"), Verdict::Forbid { reason });
    assert_eq!(
        verdict("npm publish"),
        Verdict::Forbid { reason: "rule team.toml:22 (forbid `npm publish`)".into() }
    );
}

#[test]
fn git_is_allowed_only_in_the_repository_of_the_thread() {
    let home = tempfile::tempdir().unwrap();
    amend(home.path(), &words("git commit")).unwrap();
    let sources = PolicySources::of_home(home.path(), Vec::new());
    let work = tempfile::tempdir().unwrap();
    for folder in [".git", "inner/.git/hooks", "src"] {
        std::fs::create_dir_all(work.path().join(folder)).unwrap();
    }
    let verdict = |line: &str| check(&["bash", "-c", line].map(str::to_owned), &sources, work.path()).verdict;
    for line in ["git commit -m x", "cd src && git commit -m x", "timeout 5 git commit -m x"] {
        assert!(matches!(verdict(line), Verdict::Allow { .. }), "{line}");
    }
    for line in [
        "cd inner && git commit -m x",
        "cd inner && timeout 5 git commit",
        "cd src && cd ../inner && git commit",
    ] {
        assert_eq!(verdict(line), Verdict::Silent, "{line}");
    }
}

#[test]
fn a_list_is_judged_as_it_is() {
    assert!(
        matches!(verdict_of(RULES, &["cargo", "test", "$(x)"]), Verdict::Allow { .. }),
        "no shell sees this"
    );
    assert!(matches!(verdict_of(RULES, &["git", "push", "-f"]), Verdict::Forbid { .. }));
    assert_eq!(verdict_of(RULES, &["touch", "x"]), Verdict::Silent);
    assert_eq!(verdict_of(RULES, &[]), Verdict::Silent);
}

#[rstest]
#[case("rule = 3", "team.toml:1: `rule` must be written [[rule]]")]
#[case("x = 3", "team.toml:1: unknown key `x`")]
#[case("\n[[rule]]\nprefix = [", "team.toml:3: not TOML")]
#[case(
    "[[rule]]\nprefix = []\ndecision = \"allow\"",
    "team.toml:2: rule 1: `prefix` must be a list of words"
)]
#[case("[[rule]]\nprefix = \"git\"\ndecision = \"allow\"", "`prefix` must be a list of words")]
#[case("[[rule]]\nprefix = [\"\"]\ndecision = \"allow\"", "`prefix` must be a list of words")]
#[case("[[rule]]\nprefix = [\"a\", []]\ndecision = \"allow\"", "`prefix` must be a list of words")]
#[case("[[rule]]\nprefix = [\"npm view\"]\ndecision = \"forbid\"", "`npm view` in `prefix` has a blank")]
#[case("[[rule]]\ndecision = \"allow\"", "team.toml:1: rule 1: `prefix` is missing")]
#[case("[[rule]]\nprefix = [\"a\"]", "`decision` is missing")]
#[case(
    "[[rule]]\nprefix = [\"a\"]\ndecision = \"yes\"",
    "team.toml:3: rule 1: `decision` must be \"allow\", \"ask\" or \"forbid\", but is `\"yes\"`"
)]
#[case(
    "[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\nreason = 1",
    "team.toml:4: rule 1: `reason` must be a string"
)]
#[case("[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\nwhy = 1", "team.toml:4: rule 1: unknown key `why`")]
#[case(
    "[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\nmatch = [\"b\"]",
    "team.toml:4: rule 1: the example `b` of `match` does not match the prefix `a`"
)]
#[case(
    "[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\n\n[[rule]]\nprefix = [\"b\"]\ndecision = \"ask\"\nnot_match = [\"b c\"]",
    "team.toml:8: rule 2: the example `b c` of `not_match` matches the prefix `b`"
)]
#[case("[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\nmatch = [\"\"]", "the example `` is no command")]
#[case("[[rule]]\nprefix = [\"a\"]\ndecision = \"ask\"\nmatch = \"a\"", "`match` must be a list")]
fn a_bad_file_is_refused_whole_and_lets_nothing_run_unasked(#[case] text: &str, #[case] expected: &str) {
    let text = format!("{text}\n");
    let Verdict::Ask { reason } = verdict_of(&text, &["ls"]) else { panic!("also what is safe is asked") };
    assert!(reason.contains("the exec policy is broken") && reason.contains(expected), "{reason}");
}

#[test]
fn a_bad_file_does_not_undo_what_another_forbids() {
    let home = tempfile::tempdir().unwrap();
    let rules = home.path().join(RULES_FOLDER);
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.toml"), "[[rule]]\nprefix = [\"x\"]\ndecision = \"forbid\"\n").unwrap();
    std::fs::write(rules.join("b.toml"), "?").unwrap();
    let sources = PolicySources::of_home(home.path(), Vec::new());
    let verdict = |program: &str| check(&[program.to_owned()], &sources, home.path()).verdict;
    assert!(matches!(verdict("x"), Verdict::Forbid { .. }));
    assert!(matches!(verdict("y"), Verdict::Ask { .. }));
}

#[test]
fn files_are_read_again_when_they_change() {
    let home = tempfile::tempdir().unwrap();
    let extra = home.path().join("extra.toml");
    let store = PolicyStore::new(PolicySources::of_home(home.path(), vec![extra.clone()]));
    let verdict = |word: &str| judge(&store.read(), &assess(&[word.to_owned()]));
    assert!(
        said(&verdict("x")).contains("extra.toml: the exec policy file cannot be read"),
        "a named file must be there"
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let write = |decision: &str| {
        std::fs::write(&extra, format!("[[rule]]\nprefix = [\"x\"]\ndecision = \"{decision}\"\n")).unwrap();
        std::fs::File::options().write(true).open(&extra).unwrap().set_modified(old).unwrap();
    };
    write("allow");
    assert!(matches!(verdict("x"), Verdict::Allow { .. }));
    assert!(matches!(verdict("x"), Verdict::Allow { .. }));
    // As long as the other, and with the same time.
    write("deny!");
    assert!(matches!(verdict("x"), Verdict::Ask { .. }));
    std::fs::remove_file(&extra).unwrap();
    std::fs::create_dir(home.path().join(RULES_FOLDER)).unwrap();
    std::os::unix::fs::symlink("nowhere", home.path().join("rules/z.toml")).unwrap();
    std::fs::write(home.path().join("rules/ignored.txt"), "?").unwrap();
    std::fs::write(&extra, "").unwrap();
    assert!(said(&verdict("x")).contains("z.toml"), "a dangling link is no rule");
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn amended(home: &Path, line: &str) -> Amended {
    amend(home, &words(line)).unwrap()
}

#[test]
fn an_approval_is_written_once_and_holds() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rules/approved.toml");
    assert_eq!(amended(home.path(), "cargo test"), Amended::Added(file.clone()));
    assert_eq!(amended(home.path(), "cargo test"), Amended::Known(file.clone()));
    amend(home.path(), &["./say".to_owned(), "it's a \"b\"".to_owned()]).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let expected = "# Rules that were added by approvals. Edit or remove them as you like; `everturn policy list` shows all rules.\n\n\
        [[rule]]\nprefix = [\"cargo\", \"test\"]\ndecision = \"allow\"\nmatch = [\"cargo test\"]\n\n\
        [[rule]]\nprefix = [\"./say\", 'it''s a \"b\"']\n";
    assert!(text.starts_with(&expected[..expected.find("'it''s").unwrap()]), "{text}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let sources = PolicySources::of_home(home.path(), Vec::new());
    let verdict = |argv: &[&str]| {
        check(&argv.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &sources, home.path()).verdict
    };
    let rule = "approved.toml:3 (allow `cargo test`)".to_owned();
    assert_eq!(verdict(&["bash", "-c", "cargo test --all"]), Verdict::Allow { rule });
    assert!(matches!(verdict(&["./say", "it's a \"b\"", "c"]), Verdict::Allow { .. }));
    assert_eq!(verdict(&["cargo", "build"]), Verdict::Silent);
}

#[test]
fn what_people_wrote_in_the_file_stays() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rules/approved.toml");
    std::fs::create_dir(home.path().join("rules")).unwrap();
    let mine = "# mine\n[[rule]] # here\nprefix = [\"a\", [\"b\", \"c\"]]\ndecision = \"allow\"\n# end\n";
    std::fs::write(&file, mine).unwrap();
    assert_eq!(amended(home.path(), "a c"), Amended::Known(file.clone()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mine);
    amended(home.path(), "make all");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(mine.trim_end_matches("# end\n")) && text.contains("# end"), "{text}");
    assert_eq!(list(&PolicySources::of_home(home.path(), Vec::new()))[0].rules.as_ref().unwrap().len(), 2);
    std::fs::write(&file, "?").unwrap();
    let error = amend(home.path(), &words("make x")).unwrap_err();
    assert_eq!(error.code(), "policy_broken");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "?");
}

#[test]
fn many_approvals_at_once_are_all_written() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let home = home.path();
            scope.spawn(move || amended(home, &format!("make target{number}")));
        }
    });
    assert_eq!(list(&PolicySources::of_home(home.path(), Vec::new()))[0].rules.as_ref().unwrap().len(), 8);
}

#[rstest]
#[case("")]
#[case("bash")]
#[case("bash -c ls")]
#[case("sh -c")]
#[case("python")]
#[case("python3 -c")]
#[case("python -m")]
#[case("/usr/bin/python3 -c x")]
#[case("node -e x")]
#[case("env")]
#[case("env A=b cargo")]
#[case("sudo")]
#[case("sudo apt-get")]
#[case("xargs rm")]
#[case("find .")]
#[case("git")]
#[case("git -C")]
#[case("git -c a=b")]
#[case("git config")]
#[case("git rebase")]
#[case("cargo")]
#[case("cargo +nightly")]
#[case("npm")]
#[case("npm run")]
#[case("npm exec")]
#[case("uv run")]
#[case("uv run python")]
#[case("docker run alpine")]
#[case("docker exec c")]
#[case("npx x")]
#[case("ssh host")]
#[case("rm -rf")]
#[case("eval ls")]
#[case("timeout 5")]
#[case("awk {print}")]
fn a_rule_that_would_allow_too_much_is_not_written(#[case] line: &str) {
    let home = tempfile::tempdir().unwrap();
    let prefix = if line.is_empty() { Vec::new() } else { words(line) };
    assert_eq!(amend(home.path(), &prefix).unwrap_err().code(), "rule_too_broad");
    assert!(!home.path().join("rules").exists());
}

#[rstest]
#[case("cargo test -p tools", Some("cargo test"))]
#[case("cargo test 2>&1 | tail -n 20", Some("cargo test"))]
#[case("cd x && cargo test", Some("cargo test"))]
#[case("git commit -m 'a b'", Some("git commit"))]
#[case("npm run build -- --x", Some("npm run build"))]
#[case("uv run pytest -q", Some("uv run pytest"))]
#[case("pytest -q tests", Some("pytest"))]
#[case("python3 -m pytest -q", Some("python3 -m pytest"))]
#[case("make", None)]
#[case("make all", Some("make all"))]
#[case("./check.sh -v", Some("./check.sh -v"))]
#[case("python3 x.py", Some("python3 x.py"))]
#[case::safe("ls", None)]
#[case::dangerous("git push --force", None)]
#[case::several("cargo test && cargo build", None)]
#[case::opaque("cargo test $X", None)]
#[case::too_broad("python3 -c x", None)]
#[case::too_broad("bash -c 'cargo test'", None)]
#[case::too_broad("uv run python x.py", None)]
#[case::too_broad("env A=b cargo test", None)]
#[case::too_broad("A=b cargo test", None)]
#[case::too_broad("git -C x commit", None)]
#[case::too_broad("docker run alpine", None)]
#[case::names_things("curl https://example.org", None)]
#[case::names_things("touch x", None)]
fn the_rule_to_offer_is_narrow(#[case] line: &str, #[case] expected: Option<&str>) {
    let argv = ["/bin/bash", "-c", line].map(str::to_owned);
    let offered = proposal(&argv);
    assert_eq!(offered.as_ref().map(|words| words.join(" ")).as_deref(), expected);
    if let Some(prefix) = offered {
        let home = tempfile::tempdir().unwrap();
        amend(home.path(), &prefix).unwrap();
        let sources = PolicySources::of_home(home.path(), Vec::new());
        let verdict = check(&argv, &sources, home.path()).verdict;
        assert!(matches!(verdict, Verdict::Allow { .. }), "the rule that was offered must help: {verdict:?}");
    }
}

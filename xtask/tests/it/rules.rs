//! Each rule of tidy against a small tree which breaks it, and one which does not.

use std::path::Path;

use tempfile::TempDir;
use toml::value::Date;
use xtask::{CHECKS, Tree};

const TODAY: Date = Date { year: 2026, month: 6, day: 15 };

/// Runs one rule on a tree of these files and compares everything it found.
#[track_caller]
fn check(rule: &str, files: &[(&str, &str)], expected: &[&str]) {
    let folder = write_tree(files);
    let tree = Tree::at_date(folder.path(), TODAY).unwrap();
    let check = CHECKS.iter().find(|check| check.name == rule).expect("a rule of that name");
    let found: Vec<String> = check.run(&tree).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

fn write_tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// Rust source of so many lines.
fn source(lines: usize) -> String {
    "//! Long.\n".repeat(lines)
}

mod layering {
    use super::check as check_rule;

    /// Checks a workspace of crates, each with what its manifest says after the `[package]` table.
    #[track_caller]
    fn check(crates: &[(&str, &str)], expected: &[&str]) {
        let mut files = vec![("Cargo.toml".to_owned(), "[workspace]\nmembers = [\"crates/*\"]\n".to_owned())];
        for (name, tables) in crates {
            let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
            files.push((format!("crates/{name}/Cargo.toml"), package + tables));
            files.push((format!("crates/{name}/src/lib.rs"), "//! Empty.\n".to_owned()));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        check_rule("layering", &files, expected);
    }

    const CORE: (&str, &str) = ("agent-core", "");
    const MODELS: (&str, &str) = ("models", "[dependencies]\nagent-core = { path = \"../agent-core\" }\n");

    #[test]
    fn inward_edges_pass() {
        let cli = (
            "cli",
            "[dependencies]\nagent-core.path = \"../agent-core\"\nmodels.path = \"../models\"\nanyhow = \"1\"\n",
        );
        let test_kit = (
            "test-kit",
            "[dependencies]\nagent-core.path = \"../agent-core\"\nmodels.path = \"../models\"\n",
        );
        let tools = ("tools", "[dev-dependencies]\ntest-kit.path = \"../test-kit\"\ntools.path = \".\"\n");
        let tests = ("tests", "[dependencies]\ncli.path = \"../cli\"\ntools.path = \"../tools\"\n");
        check(&[CORE, MODELS, cli, test_kit, tools, tests], &[]);
    }

    #[test]
    fn core_uses_no_crate_of_the_workspace() {
        check(
            &[("agent-core", "[dependencies]\nsink = { path = \"../sink\" }\n"), ("sink", "")],
            &[
                "crates/agent-core/Cargo.toml:6: `agent-core` must not depend on `sink`: dependencies point inward",
            ],
        );
    }

    #[test]
    fn crates_of_one_ring_do_not_use_each_other() {
        check(
            &[CORE, MODELS, ("tools", "[dependencies.models]\npath = \"../models\"\n")],
            &["crates/tools/Cargo.toml:5: `tools` must not depend on `models`: dependencies point inward"],
        );
    }

    #[test]
    fn outward_edges_are_found_in_every_kind_of_dependency() {
        let tables = "[dependencies]\nserde = \"1\"\n\n[dev-dependencies]\ncli = { path = \"../cli\" }\n\n\
            [target.'cfg(unix)'.build-dependencies]\ncli = { path = \"../cli\" }\n";
        check(
            &[CORE, ("cli", ""), ("models", tables)],
            &[
                "crates/models/Cargo.toml:9: `models` must not depend on `cli`: dependencies point inward",
                "crates/models/Cargo.toml:12: `models` must not depend on `cli`: dependencies point inward",
            ],
        );
    }

    #[test]
    fn test_kit_is_for_tests_only() {
        check(
            &[CORE, ("test-kit", ""), ("sink", "[dependencies]\ntest-kit.path = \"../test-kit\"\n")],
            &["crates/sink/Cargo.toml:6: `sink` must not depend on `test-kit`: dependencies point inward"],
        );
    }

    #[test]
    fn nobody_uses_the_tests_or_the_chores() {
        check(
            &[("xtask", ""), ("cli", "[dev-dependencies]\nxtask.path = \"../xtask\"\n")],
            &["crates/cli/Cargo.toml:6: `cli` must not depend on `xtask`: dependencies point inward"],
        );
    }

    #[test]
    fn core_knows_no_runtime_even_behind_a_feature() {
        let tables = "[dependencies]\nserde = \"1\"\ntokio-util = { version = \"0.7\", optional = true }\n\
            rt = { package = \"tokio\", version = \"1\" }\n\n[dev-dependencies]\ntokio = \"1\"\n";
        let advice = "put it behind a trait, in an outer crate";
        check(
            &[("agent-core", tables)],
            &[
                &format!("crates/agent-core/Cargo.toml:8: `agent-core` must not know `tokio`: {advice}"),
                &format!("crates/agent-core/Cargo.toml:7: `agent-core` must not know `tokio-util`: {advice}"),
            ],
        );
    }

    #[test]
    fn new_crate_needs_a_place() {
        check(
            &[("extras", "")],
            &["crates/extras/Cargo.toml:1: crate `extras` has no place in the layers: give it one in \
               tidy/layering.rs"],
        );
    }
}

mod file_length {
    use super::{check as check_rule, source};

    const RULE: &str = "file length";
    const LIST: &str = "xtask/tidy-exceptions.toml";

    fn entry(lines: usize, until: &str) -> String {
        format!(
            "# Why.\n[[file_length]]\npath = \"src/long.rs\"\nlines = {lines}\nreason = \"a table\"\nuntil = {until}\n"
        )
    }

    /// Checks one file of a length against one entry.
    #[track_caller]
    fn check(lines: usize, entry: &str, expected: &[&str]) {
        check_rule(RULE, &[("src/long.rs", &source(lines)), (LIST, entry)], expected);
    }

    #[test]
    fn long_file_is_found_and_600_lines_are_not_long() {
        check(600, "", &[]);
        check(601, "", &["src/long.rs:601: 601 lines, at most 600: split it by concept"]);
    }

    #[test]
    fn tests_may_be_long() {
        let long = source(900);
        let files =
            ["src/tests.rs", "src/turn_tests.rs", "tests/it/turn.rs", "benches/turn.rs", "src/tests/turn.rs"];
        check_rule(RULE, &files.map(|path| (path, long.as_str())), &[]);
    }

    #[test]
    fn exception_counts_through_its_last_day() {
        check(700, &entry(700, "2026-06-15"), &[]);
        check(
            700,
            &entry(700, "2026-06-14"),
            &[
                "xtask/tidy-exceptions.toml:2: the entry of src/long.rs ended on 2026-06-14: split the file and \
                 remove the entry",
                "src/long.rs:601: 700 lines, at most 600: split it by concept",
            ],
        );
    }

    #[test]
    fn exceptions_only_shrink() {
        let later = "2026-12-31";
        check(
            650,
            &entry(700, later),
            &[
                "xtask/tidy-exceptions.toml:2: src/long.rs has 650 lines now: shrink this entry from 700 to 650",
            ],
        );
        check(
            701,
            &entry(700, later),
            &[
                "xtask/tidy-exceptions.toml:2: src/long.rs grew to 701 lines, the entry says 700: entries only shrink",
            ],
        );
        check(
            600,
            &entry(700, later),
            &[
                "xtask/tidy-exceptions.toml:2: src/long.rs is gone or has at most 600 lines: remove this entry",
            ],
        );
    }

    #[test]
    fn exception_needs_a_reason() {
        check(
            700,
            &entry(700, "2026-12-31").replace("a table", " "),
            &["xtask/tidy-exceptions.toml:2: the entry of src/long.rs gives no reason: add one"],
        );
    }
}

#[test]
fn each_rust_file_says_what_it_is() {
    check(
        "module headers",
        &[
            ("src/good.rs", "//! Says it.\n"),
            ("src/bare.rs", "use std::fmt;\n//! Too late.\n"),
            ("src/blank.rs", "//!\n//! Too late.\n"),
            ("src/empty.rs", ""),
            ("tests/it/fixtures/data.rs", "fn main() {}\n"),
        ],
        &[
            "src/bare.rs:1: the file does not start with `//!`: say what it is",
            "src/blank.rs:1: the first `//!` line is empty: say what this is",
            "src/empty.rs:1: the file does not start with `//!`: say what it is",
        ],
    );
}

#[test]
fn lib_rs_stays_a_map() {
    let (short, long) = (source(120), source(121));
    check(
        "lib.rs is a map",
        &[("crates/a/src/lib.rs", &short), ("crates/b/src/lib.rs", &long), ("crates/b/src/other.rs", &long)],
        &[
            "crates/b/src/lib.rs:121: 121 lines, at most 120 in a lib.rs: it is a map, move code to a module of its own",
        ],
    );
}

#[test]
fn modules_have_names_that_say_something() {
    let advice = "says nothing: name it by the concept it holds";
    check(
        "module names",
        &[
            ("src/utils.rs", "//! Things.\n"),
            ("tests/it/common/mod.rs", "//! Things.\n"),
            ("src/inline.rs", "//! Things.\nmod outer {\n    mod helpers {}\n}\n"),
            ("src/renamed.rs", "//! Things.\npub use inner as prelude;\n"),
            ("src/fine.rs", "//! On the common helpers.\nfn common() { let utils = 1; }\n"),
        ],
        &[
            &format!("src/inline.rs:3: a module named `helpers` {advice}"),
            &format!("src/renamed.rs:2: a module named `prelude` {advice}"),
            &format!("src/utils.rs:1: a module named `utils` {advice}"),
            &format!("tests/it/common/mod.rs:1: a module named `common` {advice}"),
        ],
    );
}

#[test]
fn links_lead_somewhere() {
    let readme = "\
# Read me
[file](docs/design.md), [folder](docs), [itself](#read-me), [root](/docs/design.md), [line](src/a.rs#L3),
[heading](docs/design.md#2-the-loop), [escaped](docs/with%20space.md), [site](https://example.org/nowhere),
[mail](mailto:a@example.org)
[gone](docs/gone.md)
[lost](docs/design.md#3-the-loop)
[up](../outside.md)
![image](docs/gone.png)
[label][nowhere]
`[code](gone.md)`
";
    check(
        "links",
        &[
            ("README.md", readme),
            ("docs/design.md", "## 2. The `loop`\n[back](../README.md#read-me) [dead](README.md)\n"),
            ("docs/with space.md", ""),
            ("src/a.rs", ""),
        ],
        &[
            "README.md:5: the link `docs/gone.md` is dead: there is no `docs/gone.md`",
            "README.md:6: the link `docs/design.md#3-the-loop` is dead: no heading of `docs/design.md` has the anchor \
             #3-the-loop",
            "README.md:7: the link `../outside.md` leads out of the repository",
            "README.md:8: the link `docs/gone.png` is dead: there is no `docs/gone.png`",
            "README.md:9: nothing defines the link label [nowhere]",
            "docs/design.md:2: the link `README.md` is dead: there is no `docs/README.md`",
        ],
    );
}

#[test]
fn nothing_is_left_half_done_or_silenced() {
    let code = r##"//! Says todo!() in a comment.
#![allow(dead_code)]
#[allow(clippy::panic, reason = "even with one")]
fn first() {
    todo!("write")
}
#[cfg_attr(unix, cfg_attr(test, allow(unused)), inline)]
#[expect(unused)]
fn second() {
    std::unimplemented!();
    let _ = dbg!(1);
}
#[test]
#[ignore]
fn third() {}
#[ignore = "needs a server"]
#[expect(unused, reason = "for tests")]
fn fourth() -> bool {
    let allow = ["todo!()", "#[allow(x)]"];
    let todo = 1;
    todo != 2
}
"##;
    let allow = "`#[allow(..)]` outlives its cause in silence: use `#[expect(.., reason = \"..\")]`";
    check(
        "markers",
        &[("src/a.rs", code), ("src/b.rs", "//! Not closed.\nfn f() {\n")],
        &[
            &format!("src/a.rs:2: {allow}"),
            &format!("src/a.rs:3: {allow}"),
            "src/a.rs:5: `todo!` is left in the code: write it, or return a typed error",
            &format!("src/a.rs:7: {allow}"),
            "src/a.rs:8: `#[expect(..)]` does not say why: add `reason = \"..\"`",
            "src/a.rs:10: `unimplemented!` is left in the code: write it, or return a typed error",
            "src/a.rs:11: `dbg!` is left in the code: remove it, or use tracing",
            "src/a.rs:14: `#[ignore]` does not say why: write `#[ignore = \"..\"]`",
            "src/b.rs:2: this file is not Rust: cannot parse string into token stream",
        ],
    );
}

#[test]
fn paths_of_one_machine_are_found() {
    // Written without the slashes, or the repository would not be tidy.
    let line = |parts: &[&str]| parts.join("/");
    let text = [
        line(&["cd ", "home", "anna", "src"]),
        line(&["path = \"", "work", "main\""]),
        line(&["see ", "root", ".cargo"]),
        line(&["", "Users", "anna", "x"]),
        line(&["the folder ", "home", "<name>", "src is a placeholder"]),
        line(&[
            "$HOME",
            "work",
            "x, target",
            "root",
            "x and https:",
            "",
            "example.org",
            "home",
            "anna",
            "x are not",
        ]),
    ]
    .join("\n");
    let advice = "is a path of one machine: use a relative path, a variable or a placeholder";
    let found = |number: usize, path: String| format!("notes.txt:{number}: `{path}` {advice}");
    check(
        "machine paths",
        &[("notes.txt", &text), ("image.bin", &format!("\0{text}"))],
        &[
            &found(1, line(&["", "home", "anna", ""])),
            &found(2, line(&["", "work", ""])),
            &found(3, line(&["", "root", ""])),
            &found(4, line(&["", "Users", "anna", ""])),
        ],
    );
}

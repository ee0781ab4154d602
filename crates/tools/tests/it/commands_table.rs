//! Commands and what they are taken for: the table in `tests/data/commands.toml`, and the safe ones run for real.

use agent_core::Class;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use toml_edit::{Document, Item};
use tools::policy::{Checked, PolicySources, check};

const TABLE: &str = include_str!("../data/commands.toml");
/// Fewer would be another table.
const AT_LEAST: usize = 300;

fn table() -> Document<String> {
    Document::parse(TABLE.to_owned()).unwrap()
}

fn texts(item: &Item) -> Vec<String> {
    item.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

fn lists(item: &Item) -> Vec<Vec<String>> {
    let list = |value: &toml_edit::Value| {
        value.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    item.as_array().unwrap().iter().map(list).collect()
}

fn line(line: &str) -> Vec<String> {
    ["/bin/bash", "-c", line].map(str::to_owned).to_vec()
}

fn checked(argv: &[String], cwd: &Path) -> Checked {
    check(argv, &PolicySources::default(), cwd)
}

/// A workspace with a repository, and something in it for every safe command to look at.
fn canary() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("src")).unwrap();
    std::fs::write(path("a.txt"), "a 1\nb 2\n").unwrap();
    std::fs::write(path("b.txt"), "b\n").unwrap();
    std::fs::write(path("data.json"), "{\"a\": 1}").unwrap();
    std::fs::write(path("src/main.rs"), "fn main() {}\n").unwrap();
    for arguments in
        ["init -q -b main", "add .", "-c user.name=me -c user.email=me@localhost commit -q -m first"]
    {
        let status =
            Command::new("git").args(arguments.split(' ')).current_dir(folder.path()).status().unwrap();
        assert!(status.success(), "git {arguments}");
    }
    folder
}

/// Every file below with its content; what is a folder or a link with what it is.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            let content = if kind.is_dir() {
                open.push(path.clone());
                "folder".to_owned()
            } else if kind.is_file() && path.file_name().unwrap() == "index" {
                // Git writes down there when it saw which file. That is all that a status may change.
                "index".to_owned()
            } else if kind.is_file() {
                format!("{:?}", std::fs::read(&path).unwrap())
            } else {
                format!("{:?}", std::fs::read_link(&path).ok())
            };
            all.insert(path, content);
        }
    }
    all
}

#[test]
fn every_command_of_the_table_has_its_class() {
    let folder = canary();
    let table = table();
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut expect = |argv: Vec<String>, class: Class, said: &str| {
        count += 1;
        let found = checked(&argv, folder.path());
        if found.class != class || !found.reason.as_deref().unwrap_or_default().contains(said) {
            wrong.push(format!("{argv:?}: {:?}, {:?}; expected {class:?} {said}", found.class, found.reason));
        }
    };
    for text in texts(&table["safe"]["run"]).into_iter().chain(texts(&table["safe"]["known"])) {
        expect(line(&text), Class::Safe, "");
    }
    for text in texts(&table["ordinary"]["lines"]) {
        expect(line(&text), Class::Ordinary, "");
    }
    for list in lists(&table["ordinary"]["lists"]) {
        expect(list, Class::Ordinary, "");
    }
    for pair in lists(&table["dangerous"]["lines"]) {
        expect(line(&pair[0]), Class::Dangerous, &pair[1]);
    }
    for list in lists(&table["dangerous"]["lists"]) {
        expect(list, Class::Dangerous, "");
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > AT_LEAST, "the table has only {count} commands");
}

#[test]
fn what_only_looks_dangerous_is_not() {
    let folder = canary();
    let wrong: Vec<_> = texts(&table()["dangerous"]["similar"])
        .into_iter()
        .filter_map(|text| {
            let found = checked(&line(&text), folder.path());
            (found.class == Class::Dangerous).then(|| format!("{text}: {:?}", found.reason))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn safe_commands_change_nothing() {
    let folder = canary();
    let before = contents(folder.path());
    let commands = texts(&table()["safe"]["run"]);
    assert!(commands.len() >= 60);
    for text in commands {
        let status = Command::new("/bin/bash")
            .args(["-c", &text])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_ne!(status.code(), Some(127), "`{text}` asks for a program that is not here");
        assert_eq!(contents(folder.path()), before, "`{text}` changed something");
    }
}

#[test]
fn git_in_a_repository_that_the_agent_may_have_made_is_not_safe() {
    let folder = canary();
    let inner = folder.path().join("inner");
    let init = |arguments: &[&str]| {
        let status = Command::new("git").args(arguments).current_dir(folder.path()).status().unwrap();
        assert!(status.success());
    };
    init(&["init", "-q", "inner"]);
    init(&["init", "-q", "--bare", "bare"]);
    let class = |text: &str, cwd: &Path| checked(&line(text), cwd).class;
    for text in [
        "cd inner && git status",
        "git -C inner status",
        "git -C bare log",
        "cd bare; git diff",
        "git -C nowhere log",
    ] {
        assert_eq!(class(text, folder.path()), Class::Ordinary, "{text}");
    }
    assert_eq!(class("cd src && git status", folder.path()), Class::Safe);
    assert_eq!(class("ls inner", folder.path()), Class::Safe);
    // The thread that works in it trusts it.
    assert_eq!(class("git status", &inner), Class::Safe);
    assert_eq!(class("git -C ../bare log", &inner), Class::Ordinary);
    assert_eq!(class("git status", &folder.path().join("src")), Class::Safe);
}

//! Which files count as the repository.

use std::process::Command;

use xtask::{CHECKS, Tree};

/// The findings of all checks but layering, which wants a workspace, as they are printed.
fn findings(root: &std::path::Path) -> Vec<String> {
    let tree = Tree::at(root).unwrap();
    let checks = CHECKS.iter().filter(|check| check.name != "layering");
    checks.flat_map(|check| check.run(&tree).unwrap()).map(|finding| finding.to_string()).collect()
}

#[test]
fn ignored_and_deleted_files_do_not_count_but_new_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let status = Command::new("git").args(args).current_dir(folder.path()).status().unwrap();
        assert!(status.success(), "git {args:?}");
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    git(&["init", "--quiet"]);
    write(".gitignore", "ignored.md\n");
    write("ignored.md", "[dead](nowhere.md)\n");
    write("deleted.md", "[dead](nowhere.md)\n");
    git(&["add", "deleted.md"]);
    std::fs::remove_file(folder.path().join("deleted.md")).unwrap();
    write("new.md", "[ignored](ignored.md) [deleted](deleted.md)\n");

    assert_eq!(
        findings(folder.path()),
        [
            "new.md:1: the link `ignored.md` is dead: there is no `ignored.md`",
            "new.md:1: the link `deleted.md` is dead: there is no `deleted.md`",
        ]
    );
}

#[test]
fn copy_without_git_is_checked_without_what_builds_leave_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("target/doc")).unwrap();
    std::fs::write(folder.path().join("target/doc/README.md"), "[dead](nowhere.md)\n").unwrap();
    std::fs::write(folder.path().join("README.md"), "[dead](nowhere.md)\n").unwrap();

    assert_eq!(
        findings(folder.path()),
        ["README.md:1: the link `nowhere.md` is dead: there is no `nowhere.md`"]
    );
}

#[test]
fn folder_without_files_is_an_error_instead_of_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let error = Tree::at(folder.path()).unwrap_err();
    assert!(error.to_string().contains("tidy would check nothing"), "{error}");
}

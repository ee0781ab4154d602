//! What a plan shows and what it refuses before anything is written.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::super::{ChangeKind, FileChange, MAX_FILE_BYTES, Scope, parse, plan};
use super::{Sandbox, check, envelope, snapshot, write};

#[test]
fn files_are_added_updated_moved_and_deleted_together() {
    check(
        &[("a", "1\n"), ("b", "2\n"), ("c", "3\n")],
        &envelope(
            "*** Add File: new/deep/x\n+hello\n*** Update File: a\n@@\n-1\n+one\n*** Delete File: b\n\
             *** Update File: c\n*** Move to: d/c\n@@\n-3\n+three",
        ),
        Ok(&[("new/deep/x", "hello\n"), ("a", "one\n"), ("d/c", "three\n")]),
    );
    check(&[], &envelope("*** Add File: empty"), Ok(&[("empty", "")]));
    check(&[("a", "x")], &envelope("*** Update File: a\n*** Move to: b"), Ok(&[("b", "x")]));
    check(&[("a", "x")], &envelope("*** Update File: a\n*** Move to: ./a"), Ok(&[("a", "x")]));
}

#[test]
fn operations_on_one_file_build_on_each_other() {
    let a: &[(&str, &str)] = &[("a", "1\n2\n")];
    check(
        a,
        &envelope("*** Update File: a\n@@\n-2\n+B\n*** Update File: ./a\n@@\n-1\n+A"),
        Ok(&[("a", "A\nB\n")]),
    );
    check(&[], &envelope("*** Add File: a\n+x\n*** Update File: a\n@@\n-x\n+y"), Ok(&[("a", "y\n")]));
    check(a, &envelope("*** Delete File: a\n*** Add File: a\n+x"), Ok(&[("a", "x\n")]));
    check(a, &envelope("*** Add File: b\n+x\n*** Delete File: b"), Ok(a));
    check(
        a,
        &envelope("*** Update File: a\n*** Move to: b\n*** Update File: b\n*** Move to: c\n@@\n-1"),
        Ok(&[("c", "2\n")]),
    );
    check(
        &[("a", "A\n"), ("b", "B\n")],
        &envelope(
            "*** Update File: a\n*** Move to: t\n*** Update File: b\n*** Move to: a\n*** Update File: t\n*** Move to: b",
        ),
        Ok(&[("a", "B\n"), ("b", "A\n")]),
    );
    check(
        &[("a", "A\n"), ("b", "B\n")],
        &envelope("*** Delete File: b\n*** Update File: a\n*** Move to: b"),
        Ok(&[("b", "A\n")]),
    );
    check(
        a,
        &envelope("*** Delete File: a\n*** Update File: a\n@@\n-1"),
        Err("patch line 3: a: there is no such file"),
    );
    check(a, &envelope("*** Delete File: a\n*** Delete File: a"), Err("there is no such file"));
}

#[test]
fn a_later_failure_leaves_earlier_files_alone() {
    let operations = "*** Add File: x/y\n+1\n*** Update File: a\n@@\n-1\n+2\n*** Delete File: b\n";
    for (failing, part) in [
        ("*** Update File: none\n@@\n-x", "patch line 9: none: there is no such file"),
        ("*** Delete File: none", "there is no such file; check the path"),
        ("*** Delete File: dir", "this is a directory"),
        ("*** Update File: dir\n@@\n-x", "this is a directory"),
        ("*** Add File: dir\n+x", "this is a directory"),
        ("*** Add File: dir/\n+x", "this is a directory"),
        ("*** Add File: .\n+x", "this is a directory"),
        ("*** Add File: dir/f\n+other", "use `*** Update File: `"),
        ("*** Update File: dir/f\n*** Move to: c", "the file to move to exists already"),
        ("*** Update File: dir/f\n*** Move to: dir", "this is a directory"),
        ("*** Add File: dir/f/g\n+x", "something above it is a file"),
        ("*** Add File: n\n+x\n*** Add File: n/m\n+x", "both as a file and as a directory"),
        ("*** Update File: dir/f\n@@\n-nope", "are not in the file"),
        ("*** Add File: ../out\n+x", "outside the writable roots"),
        ("*** Update File: dir/f\n*** Move to: ../out", "patch line 9: ../out: its real place"),
    ] {
        let files = [("a", "1\n"), ("b", "2\n"), ("c", "3\n"), ("dir/f", "f\n")];
        check(&files, &envelope(&format!("{operations}{failing}")), Err(part));
    }
}

#[test]
fn adding_the_same_contents_again_changes_nothing() {
    let sandbox = Sandbox::new(&[("a", "x\n"), ("b", "1\n")]);
    let patch = envelope("*** Add File: a\n+x\n*** Update File: b\n@@\n-1\n+1");
    let inode = || fs::metadata(sandbox.work().join("b")).unwrap().ino();
    let before = inode();
    let summary = sandbox.apply(&patch).unwrap();
    assert_eq!(inode(), before);
    assert_eq!(
        summary.to_string(),
        "Success. No file had to change.\nAlready as the patch wants it: a\nAlready as the patch wants it: b"
    );
    sandbox.refuses(&envelope("*** Add File: a\n+y"), "the file exists already");
}

#[test]
fn changes_and_summary_tell_everything() {
    let sandbox = Sandbox::new(&[("a", "1\n2\n3\n4\n5\n"), ("b", "x"), ("c", "3\n"), ("sub/s", "s\n")]);
    let absolute = sandbox.work().join("sub/s");
    let patch = envelope(&format!(
        "*** Update File: a\n@@\n-5\n+five\n*** Delete File: ./b\n*** Update File: c\n*** Move to: d\n@@\n-3\n+three\n\
         *** Add File: n\n+new\n*** Update File: {}\n*** Move to: t",
        absolute.display()
    ));
    let plan = sandbox.plan(&patch).unwrap();
    let change =
        |path: &str, kind, diff: &str| FileChange { path: path.into(), kind, unified_diff: diff.into() };
    let moved = |to: &str| ChangeKind::Update { move_to: Some(to.into()) };
    assert_eq!(
        plan.changes,
        [
            change(
                "a",
                ChangeKind::Update { move_to: None },
                "--- a/a\n+++ b/a\n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+five\n"
            ),
            change(
                "b",
                ChangeKind::Delete,
                "--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\\ No newline at end of file\n"
            ),
            change(
                "c",
                moved("d"),
                "rename from c\nrename to d\n--- a/c\n+++ b/d\n@@ -1 +1 @@\n-3\n+three\n"
            ),
            change("n", ChangeKind::Add, "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+new\n"),
            change("sub/s", moved("t"), "rename from sub/s\nrename to t\n"),
        ]
    );
    let before = snapshot(sandbox.work());
    drop(plan);
    assert_eq!(snapshot(sandbox.work()), before);
    let summary = sandbox.apply(&patch).unwrap();
    assert_eq!(summary.to_string(), "Success. Updated the following files:\nA n\nM a\nM d\nM t\nD b");
}

#[test]
fn swapped_files_are_reported_as_updates() {
    let sandbox = Sandbox::new(&[("a", "A\n"), ("b", "B\n")]);
    let patch = envelope(
        "*** Update File: a\n*** Move to: t\n*** Update File: b\n*** Move to: a\n*** Update File: t\n*** Move to: b",
    );
    let changes = sandbox.plan(&patch).unwrap().changes;
    let kinds: Vec<_> = changes.iter().map(|change| (change.path.as_str(), &change.kind)).collect();
    let update = &ChangeKind::Update { move_to: None };
    assert_eq!(kinds, [("a", update), ("b", update)]);
}

#[test]
fn diff_of_a_large_change_is_cut() {
    let sandbox = Sandbox::new(&[]);
    write(sandbox.work(), "big", "some line of text\n".repeat(200_000));
    let changes = sandbox.plan(&envelope("*** Delete File: big")).unwrap().changes;
    assert!(changes[0].unified_diff.len() < 1_100_000);
    assert!(changes[0].unified_diff.ends_with("the rest of this diff is cut\n"));
}

#[test]
fn paths_start_at_the_working_directory_of_the_script() {
    let sandbox = Sandbox::new(&[("sub/f", "x\n")]);
    let script =
        |dir: &str| format!("cd {dir} && apply_patch <<'EOF'\n{}EOF\n", envelope("*** Add File: g\n+y"));
    let changes = sandbox.plan(&script("sub")).unwrap().changes;
    assert_eq!(changes[0].path, "sub/g");
    sandbox.apply(&script("./sub/")).unwrap();
    assert_eq!(fs::read_to_string(sandbox.work().join("sub/g")).unwrap(), "y\n");
    sandbox.refuses(&script("nowhere"), "there is no such directory");
    sandbox.refuses(&script("sub/f"), "there is no such directory");
    sandbox.refuses(&script(".."), "outside the writable roots");
}

#[test]
fn absolute_paths_and_dots_are_allowed_inside_the_roots() {
    let sandbox = Sandbox::new(&[("a", "1\n")]);
    let inside = sandbox.work().join("x/../a");
    sandbox.apply(&envelope(&format!("*** Update File: {}\n@@\n-1\n+2", inside.display()))).unwrap();
    sandbox.apply(&envelope("*** Update File: no/such/../../a\n@@\n-2\n+3")).unwrap();
    sandbox.apply(&envelope("*** Update File: ../work/./a\n@@\n-3\n+4")).unwrap();
    assert_eq!(fs::read_to_string(sandbox.work().join("a")).unwrap(), "4\n");
    let outside = sandbox.outside().join("work2/f");
    sandbox.refuses(
        &envelope(&format!("*** Add File: {}\n+x", outside.display())),
        "outside the writable roots",
    );
    sandbox.refuses(
        &envelope("*** Add File: ../../../../../../../../etc/everturn\n+x"),
        "outside the writable roots",
    );
}

#[test]
fn roots_decide_where_writes_may_go() {
    let sandbox = Sandbox::new(&[("a", "1\n")]);
    let patch = parse(&envelope("*** Add File: ../other/f\n+x")).unwrap();
    let scope = |roots| Scope { writable_roots: roots, ..sandbox.scope.clone() };
    plan(&patch, &scope(Some(vec![]))).unwrap_err();
    plan(&patch, &scope(Some(vec![sandbox.outside().join("othe")]))).unwrap_err();
    plan(&patch, &scope(Some(vec![sandbox.work().to_owned(), sandbox.outside().join("other")]))).unwrap();
    let changes = plan(&patch, &scope(None)).unwrap().changes;
    assert_eq!(changes[0].path, sandbox.outside().join("other/f").to_str().unwrap());
}

#[test]
fn git_folders_and_protected_paths_stay() {
    let mut sandbox =
        Sandbox::new(&[(".git/config", "c\n"), ("sub/.git", "gitdir: x\n"), ("keep/k", "k\n"), ("a", "a\n")]);
    symlink(".git", sandbox.work().join("alias")).unwrap();
    symlink("keep/k", sandbox.work().join("k2")).unwrap();
    sandbox.scope.protected = vec![sandbox.work().join("keep"), sandbox.work().join("later")];
    for (operation, part) in [
        ("*** Update File: .git/config\n@@\n-c\n+d", "files of a .git"),
        ("*** Delete File: .git/config", "files of a .git"),
        ("*** Add File: .git/hooks/pre-commit\n+x", "files of a .git"),
        ("*** Add File: new/.git/config\n+x", "files of a .git"),
        ("*** Add File: new/.GIT/config\n+x", "files of a .git"),
        ("*** Delete File: sub/.git", "files of a .git"),
        ("*** Add File: alias/hooks/x\n+x", "files of a .git"),
        ("*** Update File: a\n*** Move to: .git/a", "files of a .git"),
        ("*** Update File: keep/k\n@@\n-k", "protected"),
        ("*** Update File: k2\n@@\n-k", "protected"),
        ("*** Add File: keep/new/x\n+x", "protected"),
        ("*** Add File: later/x\n+x", "protected"),
        ("*** Update File: a\n*** Move to: later", "protected"),
    ] {
        sandbox.refuses(&envelope(operation), part);
    }
    sandbox.scope.writable_roots = None;
    sandbox.refuses(&envelope("*** Delete File: .git/config"), "files of a .git");
    sandbox.apply(&envelope("*** Add File: .gitignore\n+x\n*** Add File: keeper\n+x")).unwrap();
}

#[test]
fn protection_holds_under_every_name() {
    let mut sandbox = Sandbox::new(&[("store/config", "c\n"), ("keep/k", "k\n"), ("real/p", "p\n")]);
    symlink("store", sandbox.work().join(".git")).unwrap();
    symlink("keep", sandbox.work().join("alias")).unwrap();
    symlink("real", sandbox.work().join("link")).unwrap();
    sandbox.scope.protected = vec![sandbox.work().join("alias/k"), sandbox.work().join("link")];
    for (operation, part) in [
        ("*** Update File: .git/config\n@@\n-c", "files of a .git"),
        ("*** Delete File: .git", "files of a .git"),
        ("*** Delete File: keep/k", "protected"),
        ("*** Delete File: alias/k", "protected"),
        ("*** Delete File: link", "protected"),
        ("*** Delete File: real/p", "protected"),
    ] {
        sandbox.refuses(&envelope(operation), part);
    }
}

#[test]
fn links_cannot_lead_out() {
    let sandbox = Sandbox::new(&[("in/f", "1\n"), ("a", "a\n")]);
    let (work, outside) = (sandbox.work(), sandbox.outside());
    write(outside, "secret/s", "s\n");
    symlink("../secret", work.join("dir")).unwrap();
    symlink("../secret/s", work.join("file")).unwrap();
    symlink("../secret/none", work.join("dangling")).unwrap();
    symlink("loop2", work.join("loop1")).unwrap();
    symlink("loop1", work.join("loop2")).unwrap();
    symlink("nowhere", work.join("broken")).unwrap();
    for (operation, part) in [
        ("*** Add File: dir/new\n+x", "outside the writable roots"),
        ("*** Add File: dir/deep/new\n+x", "outside the writable roots"),
        ("*** Update File: dir/s\n@@\n-s", "outside the writable roots"),
        ("*** Delete File: dir/s", "outside the writable roots"),
        ("*** Update File: file\n@@\n-s", "outside the writable roots"),
        ("*** Add File: file\n+s", "outside the writable roots"),
        ("*** Update File: a\n*** Move to: dir/a", "outside the writable roots"),
        ("*** Update File: a\n*** Move to: file", "outside the writable roots"),
        ("*** Add File: dangling\n+x", "leads nowhere"),
        ("*** Add File: dangling/x\n+x", "leads nowhere"),
        ("*** Add File: broken/x/y\n+x", "leads nowhere"),
        ("*** Update File: loop1\n@@\n-x", "leads nowhere"),
        ("*** Add File: loop1/x\n+x", "leads nowhere"),
    ] {
        sandbox.refuses(&envelope(operation), part);
    }
}

#[test]
fn links_inside_are_written_through_and_deleted_themselves() {
    let sandbox = Sandbox::new(&[("real/f", "1\n2\n")]);
    let work = sandbox.work();
    symlink("real/f", work.join("link")).unwrap();
    symlink("real", work.join("dir")).unwrap();
    let both =
        "*** Update File: link\n@@\n-1\n+one\n*** Update File: dir/f\n@@\n-2\n+two\n*** Add File: dir/g\n+g";
    sandbox.apply(&envelope(both)).unwrap();
    assert_eq!(fs::read_to_string(work.join("real/f")).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(work.join("real/g")).unwrap(), "g\n");
    assert!(work.join("link").is_symlink());

    sandbox
        .refuses(&envelope("*** Update File: link\n*** Move to: moved"), "symbolic link and cannot be moved");
    let replaced = sandbox.plan(&envelope("*** Delete File: link\n*** Add File: link\n+own")).unwrap();
    assert_eq!(replaced.changes[0].kind, ChangeKind::Update { move_to: None });
    replaced.commit().unwrap();
    assert!(!work.join("link").is_symlink());
    assert_eq!(fs::read_to_string(work.join("link")).unwrap(), "own\n");

    // A link that leads out may go: only the link goes.
    write(sandbox.outside(), "secret", "s");
    symlink("../secret", work.join("out")).unwrap();
    let plan = sandbox.plan(&envelope("*** Delete File: out")).unwrap();
    assert_eq!(plan.changes[0].unified_diff, "deleted symbolic link out -> ../secret\n");
    plan.commit().unwrap();
    assert!(!work.join("out").is_symlink());
    assert_eq!(fs::read_to_string(sandbox.outside().join("secret")).unwrap(), "s");
}

#[test]
fn only_regular_files_are_opened() {
    let sandbox = Sandbox::new(&[]);
    let _listener = std::os::unix::net::UnixListener::bind(sandbox.work().join("socket")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(sandbox.work().join("pipe")).status().unwrap();
    assert!(pipe.success());
    for name in ["socket", "pipe"] {
        let planned = sandbox.plan(&envelope(&format!("*** Update File: {name}\n@@\n-x")));
        assert_eq!(planned.unwrap_err().code(), "patch_special_file");
        let planned = sandbox.plan(&envelope(&format!("*** Delete File: {name}")));
        assert_eq!(planned.unwrap_err().code(), "patch_special_file");
    }
}

#[test]
fn files_that_are_not_text_are_deleted_and_moved_but_not_patched() {
    let sandbox = Sandbox::new(&[]);
    let bytes = b"\xff\xfe\x00bin";
    write(sandbox.work(), "bin", bytes);
    write(sandbox.work(), "bin2", bytes);
    sandbox.refuses(&envelope("*** Update File: bin\n@@\n-x"), "bin: the file is not UTF-8 text");
    sandbox.refuses(&envelope("*** Add File: bin\n+x"), "exists already");
    let patch = envelope("*** Update File: bin\n*** Move to: moved\n*** Delete File: bin2");
    let plan = sandbox.plan(&patch).unwrap();
    assert_eq!(plan.changes[1].unified_diff, "Binary files a/bin2 and /dev/null differ\n");
    plan.commit().unwrap();
    assert_eq!(fs::read(sandbox.work().join("moved")).unwrap(), bytes);
    assert_eq!(snapshot(sandbox.work()).len(), 1);
}

#[test]
fn large_files_are_refused() {
    let sandbox = Sandbox::new(&[]);
    let limit = MAX_FILE_BYTES;
    write(sandbox.work(), "over", vec![b'x'; limit + 1]);
    write(sandbox.work(), "full", [&vec![b'x'; limit - 2][..], b"\ny"].concat());
    sandbox.refuses(&envelope("*** Update File: over\n@@\n-x"), "over: 10485761 bytes, but at most 10485760");
    sandbox.refuses(&envelope("*** Delete File: over"), "change this file with a command");
    sandbox.refuses(&envelope("*** Update File: full\n@@\n-y\n+zz"), "full: 10485761 bytes");
    sandbox.apply(&envelope("*** Update File: full\n@@\n-y\n+z")).unwrap();
    for i in 0..7 {
        write(sandbox.work(), &format!("f{i}"), vec![b'x'; limit]);
    }
    let all: Vec<String> = (0..7).map(|i| format!("*** Delete File: f{i}")).collect();
    sandbox.refuses(&envelope(&all.join("\n")), "the files of this patch together: 73400320 bytes");
}

#[test]
fn read_only_files_are_not_changed() {
    // Nothing is read-only to root.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new(&[("a", "1\n")]);
    let path = sandbox.work().join("a");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    sandbox.refuses(&envelope("*** Update File: a\n@@\n-1\n+2"), "the file is read-only");
    sandbox.apply(&envelope("*** Update File: a\n*** Move to: b\n*** Delete File: b")).unwrap();
}

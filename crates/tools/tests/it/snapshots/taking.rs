//! What a snapshot covers, what it does not, and what it leaves alone.

use super::*;
use std::{ffi::OsStr, os::unix::fs::symlink};

/// The names of what a snapshot holds, by writing it out.
async fn held(site: &Site, snapshot: &Snapshot) -> BTreeMap<PathBuf, String> {
    let into = tempfile::tempdir().unwrap();
    site.snapshots.export(snapshot, into.path()).await.unwrap();
    state(into.path(), &[])
}

#[tokio::test]
async fn the_users_repository_and_workspace_stay_as_they_are_to_the_last_bit() {
    let site = Site::repository(|site| {
        site.write("kept", "1");
        site.write("changed", "1");
        site.write("staged", "1");
    });
    site.write("changed", "2");
    site.write("staged", "2");
    site.git(&["add", "staged"]);
    site.write("stashed", "x");
    site.git(&["stash", "push", "-q", "-u", "stashed"]);
    site.write("new", "1");
    for hook in ["pre-commit", "post-commit", "post-index-change", "reference-transaction"] {
        site.write(format!(".git/hooks/{hook}"), "#!/bin/sh\ntouch hook-ran\n");
        site.chmod(format!(".git/hooks/{hook}"), 0o755);
    }
    site.git(&["config", "core.fsmonitor", "touch monitor-ran; false"]);
    let status =
        || site.git(&["--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2"]);
    let (before, exact) = (status(), exact_state(&site.root()));
    let first = site.take().await;
    let second = site.take().await;
    assert_ne!(first.id, "");
    assert_eq!(exact_state(&site.root()), exact);
    assert_eq!(status(), before);
    assert_eq!(site.snapshots.diff(&first, &second).await.unwrap().count, 0);
}

#[tokio::test]
async fn the_store_is_for_this_user_only() {
    let site = Site::new();
    site.write("a", "1");
    site.take().await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(site.store()), 0o700);
    for entry in fs::read_dir(site.store()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(path.clone()) & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn ignore_rules_of_every_place_are_honoured_and_told() {
    let site = Site::repository(|site| {
        site.write(".gitignore", "*.log\nbuild/\n!keep.log\n");
        site.write("src/.gitignore", "generated\n");
        site.write("tracked.log", "1");
        site.git(&["add", "-f", "tracked.log"]);
    });
    site.write(".git/info/exclude", "private\n");
    let user = site.folder.path().join("user");
    fs::write(user.join("my-ignores"), "*.swp\n").unwrap();
    fs::write(user.join(".gitconfig"), "[core]\n\texcludesFile = ~/my-ignores\n").unwrap();
    for path in ["a.log", "keep.log", "build/x/y", "src/generated", "src/code", "private", "z.swp", "plain"] {
        site.write(path, "1");
    }
    let snapshot = site.take().await;
    let expected = [".gitignore", "keep.log", "plain", "src", "src/.gitignore", "src/code", "tracked.log"];
    assert_eq!(names(&held(&site, &snapshot).await), expected);
    let note = "cannot be restored, ignored: a.log, build, private, src/generated, z.swp";
    assert_eq!(snapshot.notes, [note]);
}

#[tokio::test]
async fn the_users_default_ignore_file_counts_and_git_settings_of_this_process_do_not() {
    let site = Site::repository(|_| {});
    fs::write(site.folder.path().join("user/.config/git/ignore"), "*.tmp\n").unwrap();
    site.write("a.tmp", "1");
    site.write("b", "1");
    let snapshot = site.take().await;
    assert_eq!(names(&held(&site, &snapshot).await), ["b"]);
}

#[tokio::test]
async fn a_directory_that_is_no_repository_works_without_what_tools_make() {
    let site = Site::new();
    for path in ["src/main.py", "node_modules/x/index.js", ".venv/bin/python", "target/debug/x"] {
        site.write(path, "1");
    }
    let snapshot = site.take().await;
    assert_eq!(names(&held(&site, &snapshot).await), ["src", "src/main.py"]);
    assert_eq!(snapshot.notes, ["cannot be restored, ignored: .venv, node_modules, target"]);
    assert_eq!(snapshot.root, site.root().to_str().unwrap());
}

#[tokio::test]
async fn the_root_is_the_top_of_the_repository() {
    let site = Site::repository(|site| site.write("deep/er/file", "1"));
    let snapshot = taken(site.snapshots.snapshot(request(&site.path("deep/er"))).await);
    assert_eq!(snapshot.root, site.root().to_str().unwrap());
    let tree = site.folder.path().join("tree");
    site.git(&["worktree", "add", "-q", tree.to_str().unwrap()]);
    let of_tree = taken(site.snapshots.snapshot(request(&tree.join("deep"))).await);
    assert_eq!(of_tree.root, tree.canonicalize().unwrap().to_str().unwrap());
}

#[tokio::test]
async fn contents_are_kept_byte_for_byte_whatever_attributes_say() {
    let attributes = "* text=auto eol=crlf\n*.id ident\n*.f filter=evil\n*.u working-tree-encoding=UTF-16\n";
    let site = Site::repository(|site| site.write(".gitattributes", attributes));
    let touched = site.path("filter-ran");
    site.git(&["config", "filter.evil.clean", &format!("touch {}; cat", touched.display())]);
    site.git(&["config", "filter.evil.required", "true"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let files: [(&str, &[u8]); 6] = [
        ("crlf.txt", b"a\r\nb\nc\r\n"),
        ("lf.txt", b"a\nb\n"),
        ("a.id", b"$Id: something $\n"),
        ("a.f", pointer.as_bytes()),
        ("a.u", b"\xff\xfeplain"),
        ("binary", b"\0\r\n\xff\n"),
    ];
    for (path, bytes) in files {
        site.write(path, bytes);
    }
    let before = site.take().await;
    let state = site.state();
    for (path, _) in files {
        site.write(path, "other");
    }
    let after = site.take().await;
    site.undo(&before, &after).await;
    assert_eq!(site.state(), state);
    assert!(!touched.exists());
}

#[tokio::test]
async fn odd_names_links_programs_and_empty_folders_are_kept() {
    let site = Site::new();
    let odd = [
        &b"new\nline"[..],
        b"\xff\xfe",
        b" space ",
        b"-dash",
        b"tab\t",
        b"qu\"ote\\",
        b":(top)",
        b"*?[",
        b"git~1",
        b"%41",
    ];
    for name in odd {
        site.write(Path::new(OsStr::from_bytes(name)), name);
    }
    site.write("Case", "1");
    site.write("case", "2");
    site.write("run.sh", "x");
    site.chmod("run.sh", 0o755);
    site.write("secret", "x");
    site.chmod("secret", 0o600);
    fs::create_dir_all(site.path("empty/inner")).unwrap();
    symlink("run.sh", site.path("link")).unwrap();
    symlink("/nowhere/at all", site.path("dangling")).unwrap();
    symlink("empty", site.path("to-folder")).unwrap();
    let snapshot = site.take().await;
    assert_eq!(held(&site, &snapshot).await, site.state());
    assert_eq!(snapshot.notes, [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_named() {
    let site = Site::with(|config| config.max_file_bytes = 1_000);
    site.write("small", "1");
    site.write("huge", "x".repeat(1_001));
    site.write("other/.git/HEAD", "ref: refs/heads/main\n");
    site.write("other/file", "1");
    make_fifo(&site.path("fifo"));
    let socket = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
    symlink("x", site.path(".gitmodules")).unwrap();
    let snapshot = site.take().await;
    drop(socket);
    assert_eq!(names(&held(&site, &snapshot).await), ["small"]);
    let expected = [
        "cannot be restored, larger than 1000 bytes: huge",
        "cannot be restored, a repository of its own: other",
        "cannot be restored, no plain file: .gitmodules, fifo, socket",
    ];
    assert_eq!(snapshot.notes, expected);
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn other_writable_directories_are_told() {
    let site = Site::new();
    let other = site.folder.path().canonicalize().unwrap().join("user");
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let writable_roots = vec![text(other.clone()), text(site.path("inside"))];
    let sandbox = SandboxPolicy::WorkspaceWrite { writable_roots, network: NetworkAccess::Off };
    let snapshot = taken(site.snapshots.snapshot(SnapshotRequest { sandbox, ..request(&site.root()) }).await);
    assert_eq!(snapshot.notes, [format!("cannot be restored, not in this workspace: {}", other.display())]);
}

#[tokio::test]
async fn a_snapshot_goes_well_beside_the_users_own_git() {
    let site = Site::repository(|site| {
        for number in 0..100 {
            site.write(format!("file{number}"), "1");
        }
    });
    let root = site.root();
    let user = std::thread::spawn(move || {
        for round in 0..15 {
            fs::write(root.join("file0"), format!("round {round}")).unwrap();
            git(&root, &["commit", "-q", "-a", "-m", "next"]);
            git(&root, &["checkout", "-q", "-b", &format!("branch{round}"), "HEAD~1"]);
            git(&root, &["gc", "-q"]);
        }
    });
    let mut count = 0;
    while !user.is_finished() {
        site.take().await;
        count += 1;
    }
    user.join().unwrap();
    assert!(count > 2, "{count}");
    site.git(&["fsck", "--strict"]);
    assert_eq!(site.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_submodule_is_not_entered() {
    let other = Site::repository(|site| site.write("file", "1"));
    let site = Site::repository(|site| {
        site.git(&["submodule", "--quiet", "add", other.root().to_str().unwrap(), "sub"]);
    });
    let snapshot = site.take().await;
    assert_eq!(names(&held(&site, &snapshot).await), [".gitmodules"]);
    assert_eq!(snapshot.notes, ["cannot be restored, a repository of its own: sub"]);
}

#[tokio::test]
async fn a_workspace_beyond_a_bound_gets_a_reason_and_is_not_looked_at_again_at_once() {
    let site = Site::with(|config| config.max_files = 3);
    for number in 0..4 {
        site.write(format!("file{number}"), "1");
    }
    let root = site.root();
    let expected = format!(
        "{} has more than 3 files that are not ignored; list in .gitignore what need not be undone, or start in a \
         smaller directory",
        root.display()
    );
    assert_eq!(site.unavailable().await, expected);
    site.remove("file3");
    assert_eq!(site.unavailable().await, expected);
    let bytes = Site::with(|config| config.max_tree_bytes = 10);
    bytes.write("a", "123456");
    bytes.write("b", "123456");
    assert!(bytes.unavailable().await.contains("has more than 10 bytes"));
    let time = Site::with(|config| config.snapshot_ms = 0);
    assert!(time.unavailable().await.starts_with("it was not done within 0 ms"));
}

#[tokio::test]
async fn no_git_no_directory_and_no_project_are_said() {
    let site = Site::with(|config| config.git = "no-such-git".into());
    let expected = "the program `no-such-git` was not found or may not be run; install Git 2.32 or later, and file changes can be undone";
    assert_eq!(site.unavailable().await, expected);
    let site = Site::new();
    let why = async |cwd: PathBuf| match site.snapshots.snapshot(request(&cwd)).await {
        SnapshotAnswer::Unavailable { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(site.path("missing")).await.contains("cannot find the working directory"));
    assert!(why(site.folder.path().join("user")).await.contains("is your home directory, or holds it"));
    assert!(why(site.folder.path().to_owned()).await.contains("is your home directory, or holds it"));
    assert!(why("/".into()).await.contains("is the root of the file system"));
}

#[tokio::test]
async fn a_change_of_the_same_length_right_after_a_snapshot_is_not_missed() {
    let site = Site::new();
    site.write("file", "0000");
    let mut last = site.take().await;
    for round in 1..20 {
        site.write("file", format!("{round:04}"));
        let next = site.take().await;
        assert_eq!(
            site.snapshots.diff(&last, &next).await.unwrap().paths,
            [Path::new("file")],
            "round {round}"
        );
        last = next;
    }
}

#[tokio::test]
async fn the_data_home_in_the_workspace_is_not_kept_in_itself() {
    let site = Site::with(|config| config.home = config.home.with_file_name("work").join(".everturn"));
    site.write("file", "1");
    site.take().await;
    let snapshot = site.take().await;
    assert_eq!(names(&held(&site, &snapshot).await), ["file"]);
}

#[tokio::test]
async fn a_file_goes_on_to_be_covered_when_a_rule_ignores_it_later() {
    let site = Site::repository(|site| site.write("notes.txt", "1"));
    site.write("draft", "1");
    let before = site.take().await;
    site.write(".gitignore", "draft\nnotes.txt\n");
    site.write("draft", "2");
    let after = site.take().await;
    site.undo(&before, &after).await;
    assert_eq!(site.read("draft"), "1");
    assert!(!site.path(".gitignore").exists());
}

#[tokio::test]
async fn folders_that_this_user_may_not_read_are_told_and_files_too() {
    // Root may read everything.
    if is_root() {
        return;
    }
    let site = Site::new();
    site.write("closed/file", "1");
    site.write("unreadable", "1");
    site.write("open", "1");
    site.chmod("closed", 0o000);
    site.chmod("unreadable", 0o200);
    let snapshot = site.take().await;
    site.chmod("closed", 0o755);
    assert_eq!(names(&held(&site, &snapshot).await), ["open"]);
    assert_eq!(snapshot.notes, ["cannot be restored, not readable by this user: closed, unreadable"]);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

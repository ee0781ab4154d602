//! What the machine is like: shell, local date, what is checked out.

use agent_core::Surroundings;
use config::{Environment, surroundings, surroundings_at};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

const COMMIT: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn git_at(cwd: &Path) -> Option<String> {
    surroundings(&Environment::default(), cwd).git
}

fn git(files: &[(&str, &str)]) -> Option<String> {
    git_at(folder(files).path())
}

fn date(zone: &str, seconds: u64) -> String {
    let now = UNIX_EPOCH + Duration::from_secs(seconds);
    surroundings_at(&environment(&[("TZ", zone)]), Path::new("/"), now).date.unwrap()
}

#[test]
fn all_of_it_together() {
    let repository = folder(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", COMMIT)]);
    let environment = environment(&[("SHELL", "/usr/bin/zsh"), ("TZ", "UTC0")]);
    let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
    let expected = Surroundings {
        shell: Some("zsh".to_owned()),
        date: Some("2026-11-21".to_owned()),
        git: Some("main @ 1a2b3c4".to_owned()),
    };
    assert_eq!(surroundings_at(&environment, repository.path(), now), expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let folder = folder(&[]);
    let before_time = UNIX_EPOCH - Duration::from_secs(1);
    let found = surroundings_at(&environment(&[("SHELL", "")]), folder.path(), before_time);
    assert_eq!(found, Surroundings::default());
    assert!(surroundings(&Environment::default(), Path::new("/nowhere")).date.is_some());
}

#[test]
fn the_date_is_the_local_one() {
    // 2026-11-21 00:00:00 UTC.
    let midnight = 1_795_219_200;
    assert_eq!(date("UTC0", midnight), "2026-11-21");
    assert_eq!(date("UTC0", midnight - 1), "2026-11-20");
    assert_eq!(date("<-01>1", midnight), "2026-11-20");
    assert_eq!(date("<+14>-14", midnight - 14 * 3600), "2026-11-21");
    // Winter time: five hours behind, from the first Sunday of November on.
    assert_eq!(date("EST5EDT,M3.2.0,M11.1.0", midnight + 5 * 3600 - 1), "2026-11-20");
    assert_eq!(date("EST5EDT,M3.2.0,M11.1.0", midnight + 5 * 3600), "2026-11-21");
    // Summer time, 2026-07-01: four hours behind.
    assert_eq!(date("EST5EDT,M3.2.0,M11.1.0", 1_782_864_000 + 4 * 3600), "2026-07-01");
    assert_eq!(date("UTC0", 951_782_400), "2000-02-29");
}

#[test]
fn a_zone_that_nobody_knows_is_utc() {
    assert_eq!(date("No/Such_Zone", 1_795_219_200), "2026-11-21");
}

#[test]
fn a_branch_with_a_slash_and_one_in_the_packed_refs() {
    let packed = format!(
        "# pack-refs with: peeled fully-peeled sorted \n{OTHER} refs/heads/fix\n{COMMIT} refs/heads/fix/deep\n^{OTHER}\n"
    );
    let found = git(&[(".git/HEAD", "ref: refs/heads/fix/deep\n"), (".git/packed-refs", &packed)]);
    assert_eq!(found.as_deref(), Some("fix/deep @ 1a2b3c4"));
}

#[test]
fn a_loose_ref_goes_before_a_packed_one() {
    let found = git(&[
        (".git/HEAD", "ref: refs/heads/main\n"),
        (".git/refs/heads/main", &format!("{COMMIT}\n")),
        (".git/packed-refs", &format!("{OTHER} refs/heads/main\n")),
    ]);
    assert_eq!(found.as_deref(), Some("main @ 1a2b3c4"));
}

#[test]
fn a_detached_head_and_a_branch_without_a_commit() {
    assert_eq!(git(&[(".git/HEAD", &format!("{COMMIT}\n"))]).as_deref(), Some("detached at 1a2b3c4"));
    let sha256 = COMMIT.to_owned() + &OTHER[..24];
    assert_eq!(git(&[(".git/HEAD", &sha256)]).as_deref(), Some("detached at 1a2b3c4"));
    assert_eq!(git(&[(".git/HEAD", "ref: refs/heads/main")]).as_deref(), Some("main, no commit yet"));
    let packed = format!("{OTHER} refs/heads/other\n");
    let found = git(&[(".git/HEAD", "ref: refs/heads/main"), (".git/packed-refs", &packed)]);
    assert_eq!(found.as_deref(), Some("main, no commit yet"));
}

#[test]
fn a_worktree_has_a_head_of_its_own_and_shares_the_branches() {
    let folder = folder(&[
        ("main/.git/HEAD", "ref: refs/heads/main\n"),
        ("main/.git/refs/heads/main", OTHER),
        ("main/.git/refs/heads/side", COMMIT),
        ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n"),
        ("main/.git/worktrees/side/commondir", "../..\n"),
        ("side/.git", "gitdir: ../main/.git/worktrees/side\n"),
        ("side/src/x", ""),
    ]);
    assert_eq!(git_at(&folder.path().join("side/src")).as_deref(), Some("side @ 1a2b3c4"));
    assert_eq!(git_at(&folder.path().join("main")).as_deref(), Some("main @ fffffff"));
}

#[test]
fn a_reftable_is_unknown() {
    let files = [(".git/HEAD", "ref: refs/heads/.invalid\n"), (".git/reftable/tables.list", "x")];
    assert_eq!(git(&files), None);
}

#[test]
fn a_repository_cannot_have_other_files_read_or_more_said() {
    let outside = [("secret", COMMIT), ("r/.git/HEAD", "ref: refs/../../../secret\n")];
    assert_eq!(git_at(&folder(&outside).path().join("r")), None);
    assert_eq!(git(&[(".git/HEAD", "ref: /etc/hostname\n")]), None);
    assert_eq!(git(&[(".git/HEAD", "ref: config\n"), (".git/config", "[core]\n")]), None);
    assert_eq!(git(&[(".git/HEAD", "not a head")]), None);
    let name = format!("ref: refs/heads/a\u{7}\n{}", "b".repeat(1000));
    let found = git(&[(".git/HEAD", &name)]).unwrap();
    assert!(found.len() < 230 && found.starts_with("a??bbb"), "{found}");
    let long = "x".repeat(5000);
    assert_eq!(git(&[(".git/HEAD", &format!("ref: refs/heads/{long}"))]), None);
}

#[test]
fn more_packed_refs_than_are_worth_reading_leave_the_branch() {
    let line = format!("{OTHER} refs/tags/{}\n", "t".repeat(100));
    let packed = line.repeat(1024 * 1024 / line.len() + 1);
    let found = git(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", &packed)]);
    assert_eq!(found.as_deref(), Some("main"));
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_stop_the_program() {
    let folder = folder(&[(".git/x", "")]);
    let made = Command::new("mkfifo").arg(folder.path().join(".git/HEAD")).status().unwrap();
    assert!(made.success());
    let path = folder.path().to_owned();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(git_at(&path)));
    assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(None));
}

/// What Git itself writes is read as Git reads it.
#[test]
fn real_repositories_are_read_as_git_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("r");
    fs::create_dir(&root).unwrap();
    let run = |cwd: &PathBuf, words: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"])
            .args(words)
            .current_dir(cwd)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&root, &["init", "--quiet", "--initial-branch=trunk"]);
    assert_eq!(git_at(&root).as_deref(), Some("trunk, no commit yet"));
    run(&root, &["commit", "--quiet", "--allow-empty", "--message=one"]);
    let commit = run(&root, &["rev-parse", "HEAD"])[..7].to_owned();
    assert_eq!(git_at(&root), Some(format!("trunk @ {commit}")));
    run(&root, &["pack-refs", "--all"]);
    assert_eq!(git_at(&root), Some(format!("trunk @ {commit}")));
    let side = folder.path().join("side");
    run(&root, &["worktree", "add", "--quiet", "-b", "feature/x", side.to_str().unwrap()]);
    assert_eq!(git_at(&side), Some(format!("feature/x @ {commit}")));
    run(&side, &["checkout", "--quiet", "--detach"]);
    assert_eq!(git_at(&side), Some(format!("detached at {commit}")));
}

#[test]
fn now_is_now() {
    let environment = environment(&[("TZ", "UTC0")]);
    let before = surroundings_at(&environment, Path::new("/"), SystemTime::now());
    let now = surroundings(&environment, Path::new("/"));
    let after = surroundings_at(&environment, Path::new("/"), SystemTime::now());
    assert!(now == before || now == after);
}

//! What is kept, for how long, and where else it can go.

use super::*;
use tools::snapshot::{SnapshotError, Swept};

#[tokio::test]
async fn a_worktree_has_the_files_and_git_shows_them_as_changes() {
    let site = Site::repository(|site| {
        site.write("committed", "1");
        site.write("changed", "1");
    });
    site.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch \"$GIT_DIR/hook-ran\"\n");
    site.chmod(".git/hooks/post-checkout", 0o755);
    site.write("changed", "2");
    site.write("new", "2");
    let snapshot = site.take().await;
    site.write("changed", "3");
    let status = site.git(&["status", "--porcelain"]);
    let tree = site.folder.path().join("fork/tree");
    assert_eq!(site.snapshots.worktree(&snapshot, &tree).await.unwrap(), 3);
    assert_eq!(git(&tree, &["status", "--porcelain"]), " M changed\n?? new\n");
    assert_eq!(fs::read_to_string(tree.join("changed")).unwrap(), "2");
    assert_eq!(site.git(&["status", "--porcelain"]), status);
    assert!(!site.path(".git/worktrees/tree/hook-ran").exists());
    let again = site.snapshots.worktree(&snapshot, &tree).await;
    assert!(matches!(again, Err(SnapshotError::NotEmpty(_))), "{again:?}");
}

#[tokio::test]
async fn a_repository_without_a_commit_refuses_a_worktree_with_a_reason() {
    let site = Site::new();
    site.git(&["init", "-q"]);
    site.write("a", "1");
    let snapshot = site.take().await;
    let error = site.snapshots.worktree(&snapshot, &site.folder.path().join("tree")).await.unwrap_err();
    assert_eq!(error.code(), "git");
}

#[tokio::test]
async fn a_plain_directory_gets_a_copy_and_a_full_one_nothing() {
    let site = Site::new();
    site.write("a/b", "1");
    let snapshot = site.take().await;
    let into = site.folder.path().join("copy");
    assert_eq!(site.snapshots.worktree(&snapshot, &into).await.unwrap(), 1);
    assert_eq!(state(&into, &[]), site.state());
    let error = site.snapshots.export(&snapshot, &into).await.unwrap_err();
    assert_eq!(error.code(), "not_empty");
}

#[tokio::test]
async fn the_paths_between_two_snapshots_are_told() {
    let site = Site::new();
    site.write("a", "1");
    site.write("b", "1");
    let before = site.take().await;
    site.write("a", "2");
    site.remove("b");
    site.write("c/d", "2");
    let after = site.take().await;
    let changes = site.snapshots.diff(&before, &after).await.unwrap();
    assert_eq!(changes.paths, ["a", "b", "c/d"].map(PathBuf::from));
    assert_eq!(changes.count, 3);
}

#[tokio::test]
async fn a_sweep_drops_what_is_old_and_the_next_snapshot_works() {
    let site = Site::with(|config| config.max_age_days = 0);
    site.write("a", "1".repeat(10_000));
    let old = site.take().await;
    // Older than a day of no length.
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 2 {}
    let swept = site.snapshots.sweep().await.unwrap();
    assert_eq!((swept.dropped, swept.kept, swept.bytes), (1, 0, 0));
    assert_eq!(site.snapshots.diff(&old, &old).await.unwrap_err().code(), "gone");
    let before = site.take().await;
    site.write("a", "2");
    let after = site.take().await;
    site.undo(&before, &after).await;
    assert_eq!(site.read("a"), "1".repeat(10_000));
}

#[tokio::test]
async fn a_sweep_drops_the_oldest_until_the_rest_fits() {
    let site = Site::with(|config| config.max_store_bytes = 400_000);
    let mut shots = Vec::new();
    for round in 0..8_u32 {
        // Nothing that could be made smaller.
        let noise: Vec<u8> = (0..3_200_u32)
            .flat_map(|n| {
                *agent_core::BlobId::of(&(n, round).0.wrapping_mul(7919).wrapping_add(round).to_le_bytes())
                    .as_str()
                    .as_bytes()
                    .first_chunk::<32>()
                    .unwrap()
            })
            .collect();
        site.write("noise", noise);
        shots.push(site.take().await);
    }
    let Swept { dropped, kept, bytes, busy } = site.snapshots.sweep().await.unwrap();
    assert_eq!((dropped + kept, busy), (8, 0));
    assert!(dropped > 0 && kept > 0 && bytes <= 400_000, "{dropped} {kept} {bytes}");
    let (first, last) = (&shots[0], &shots[7]);
    assert_eq!(site.snapshots.diff(last, last).await.unwrap().count, 0);
    assert!(site.snapshots.sweep().await.unwrap().dropped == 0);
    site.write("noise", "other");
    let now = site.take().await;
    assert_eq!(site.snapshots.diff(last, &now).await.unwrap().count, 1);
    // Its objects go when nobody can be about to use them any more; its name is gone at once.
    let refs = git(&shadow(&site), &["for-each-ref", "--format=%(objectname)"]);
    assert!(!refs.contains(&first.id) && refs.contains(&last.id), "{refs}");
}

/// The only shadow repository.
fn shadow(site: &Site) -> PathBuf {
    let mut entries = fs::read_dir(site.store()).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.is_dir()).unwrap().join("git")
}

#[tokio::test]
async fn a_thread_can_be_forgotten() {
    let site = Site::new();
    site.write("a", "1");
    let other = SnapshotRequest { key: ThreadKey::for_test("other"), ..request(&site.root()) };
    let kept = taken(site.snapshots.snapshot(other).await);
    site.take().await;
    let swept = site.snapshots.forget(&ThreadKey::for_test("thread")).await.unwrap();
    assert_eq!((swept.dropped, swept.kept), (1, 1));
    assert_eq!(site.snapshots.diff(&kept, &kept).await.unwrap().count, 0);
}

#[tokio::test]
async fn snapshots_of_one_workspace_wait_for_each_other() {
    let site = Site::new();
    for number in 0..50 {
        site.write(format!("file{number}"), "1");
    }
    let many = futures_of(&site, 6).await;
    assert_eq!(many.len(), 6);
    for snapshot in &many {
        assert_eq!(site.snapshots.diff(&many[0], snapshot).await.unwrap().count, 0);
    }
}

async fn futures_of(site: &Site, count: usize) -> Vec<Snapshot> {
    let root = site.root();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            // As another process would: nothing shared but the disk.
            let snapshots = Snapshots::new(config(site.folder.path()));
            let request = request(&root);
            tokio::spawn(async move { snapshots.snapshot(request).await })
        })
        .collect();
    let mut taken_all = Vec::new();
    for task in tasks {
        taken_all.push(taken(task.await.unwrap()));
    }
    taken_all
}

#[tokio::test]
async fn whoever_holds_the_workspace_too_long_is_told_of() {
    let site = Site::with(|config| config.snapshot_ms = 200);
    site.write("a", "1");
    site.take().await;
    let lock = fs::read_dir(site.store()).unwrap().map(|entry| entry.unwrap().path());
    let lock = lock.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "lock")).unwrap();
    let held = fs::File::open(lock).unwrap();
    held.lock().unwrap();
    let why = site.unavailable().await;
    assert!(why.starts_with("another snapshot or restore of "), "{why}");
    held.unlock().unwrap();
    site.take().await;
}

#[tokio::test]
async fn a_store_that_was_spoiled_is_made_again() {
    let site = Site::new();
    site.write("a", "1");
    site.take().await;
    fs::write(shadow(&site).join("index"), "not an index").unwrap();
    site.take().await;
    fs::remove_file(shadow(&site).join("HEAD")).unwrap();
    let before = site.take().await;
    site.write("a", "2");
    let after = site.take().await;
    site.undo(&before, &after).await;
    assert_eq!(site.read("a"), "1");
}

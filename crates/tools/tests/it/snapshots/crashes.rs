//! Killed with `kill -9` in the middle, at chosen points and at any instant; the next process goes on.

use super::*;
use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

const FOLDER: &str = "SNAPSHOTS_TEST_FOLDER";
const RESTORE: &str = "SNAPSHOTS_TEST_RESTORE";

/// A harness in a process of its own: it restores what it is told to, or else takes a snapshot.
#[tokio::test]
#[ignore = "started by the other tests in a process of its own"]
async fn harness() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let snapshots = Snapshots::new(config(&folder));
    match std::env::var(RESTORE) {
        Ok(request) => {
            snapshots.restore(serde_json::from_str(&request).unwrap()).await;
        }
        Err(_) => {
            snapshots.snapshot(request(&folder.join("work"))).await;
        }
    }
}

fn start(site: &Site, restore: Option<&RestoreRequest>, point: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "snapshots::crashes::harness", "--ignored", "--nocapture"]);
    command.env(FOLDER, site.folder.path().canonicalize().unwrap());
    command.env("EVERTURN_KILL_POINT", point).env("EVERTURN_KILL_MARKER", marker(site));
    if let Some(request) = restore {
        command.env(RESTORE, serde_json::to_string(request).unwrap());
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn marker(site: &Site) -> PathBuf {
    site.folder.path().join("marker")
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A workspace with forty files, and a turn that changed, made and removed some.
async fn after_a_turn() -> (Site, BTreeMap<PathBuf, String>, RestoreRequest) {
    let site = Site::repository(|site| {
        for number in 0..40 {
            site.write(format!("folder{}/file{number}", number % 4), "1".repeat(number * 50));
        }
    });
    let state = site.state();
    let before = site.take().await;
    for number in (0..40).step_by(2) {
        site.write(format!("folder{}/file{number}", number % 4), "2".repeat(number * 50));
        site.write(format!("new/file{number}"), "2");
    }
    fs::remove_dir_all(site.path("folder1")).unwrap();
    let after = site.take().await;
    let request = restore_request(&site.root(), &[(&before, &after)], 1);
    (site, state, request)
}

/// The next attempt makes the first tree again, and says where the cut-off one had begun.
async fn finish(
    site: &Site,
    state: &BTreeMap<PathBuf, String>,
    request: &RestoreRequest,
    when: &str,
) -> Vec<String> {
    let again = RestoreRequest { attempt: 2, ..request.clone() };
    let (files, notes) = restored(site.snapshots.restore(again).await);
    assert_eq!(&site.state(), state, "{when}");
    // Twenty changed but the empty one, twenty made, ten removed.
    assert_eq!(files.len(), 49, "{when}");
    notes
}

#[tokio::test]
async fn a_restore_killed_at_any_instant_is_finished_by_the_next() {
    let mut killed = 0;
    for step in 0..12_u32 {
        let (site, state, request) = after_a_turn().await;
        let begun = Instant::now();
        let mut child = start(&site, Some(&request), "none");
        let wait = Duration::from_millis(u64::from(step) * 12);
        while begun.elapsed() < wait && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        kill(child);
        finish(&site, &state, &request, &format!("killed after {wait:?}")).await;
    }
    assert!(killed > 2, "{killed} of 12 were killed before they were done");
}

#[tokio::test]
async fn a_snapshot_killed_at_any_instant_does_not_hinder_the_next() {
    for step in 0..10_u64 {
        let site = Site::repository(|site| {
            for number in 0..200 {
                site.write(format!("file{number}"), "1".repeat(number));
            }
        });
        let status = site.git(&["status", "--porcelain"]);
        let begun = Instant::now();
        let mut child = start(&site, None, "none");
        while begun.elapsed() < Duration::from_millis(step * 12) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        kill(child);
        let before = site.take().await;
        let state = site.state();
        site.write("file7", "2");
        site.remove("file8");
        let after = site.take().await;
        site.undo(&before, &after).await;
        assert_eq!(site.state(), state, "step {step}");
        assert_eq!(site.git(&["status", "--porcelain"]), status);
    }
}

#[tokio::test]
async fn a_snapshot_that_nobody_waits_for_any_more_does_not_hinder_the_next() {
    let site = Site::new();
    for number in 0..500 {
        site.write(format!("file{number}"), "1");
    }
    for wait in [0, 1, 5, 20, 60] {
        let dropped = tokio::time::timeout(Duration::from_millis(wait), site.answer()).await;
        drop(dropped);
    }
    site.take().await;
}

#[cfg(feature = "kill-points")]
mod at_points {
    //! Killed exactly there.

    use super::*;
    use crate::world::eventually;

    async fn killed_at(site: &Site, restore: Option<&RestoreRequest>, point: &str) {
        let child = start(site, restore, point);
        eventually(point, || marker(site).exists()).await;
        kill(child);
        fs::remove_file(marker(site)).unwrap();
    }

    #[tokio::test]
    async fn a_restore_is_finished_by_the_next() {
        let mut points = vec!["restore.begun".to_owned(), "restore.written".to_owned()];
        points.extend([1, 2, 15, 29].map(|hit| format!("restore.staged:{hit}")));
        points.extend([1, 2, 19, 20, 21, 35, 49].map(|hit| format!("restore.changed:{hit}")));
        for point in points {
            let (site, state, request) = after_a_turn().await;
            let turned = site.state();
            killed_at(&site, Some(&request), &point).await;
            let notes = finish(&site, &state, &request, &point).await;
            let rescue = notes[0].strip_prefix(
                "an attempt before this one was cut off; what was there before it is kept as snapshot ",
            );
            let rescue = Snapshot { id: rescue.unwrap().to_owned(), ..request.steps[0].after.clone() };
            let into = tempfile::tempdir().unwrap();
            site.snapshots.export(&rescue, into.path()).await.unwrap();
            assert_eq!(state_of(into.path()), turned, "{point}");
        }
    }

    fn state_of(folder: &Path) -> BTreeMap<PathBuf, String> {
        super::super::state(folder, &[])
    }

    #[tokio::test]
    async fn a_snapshot_does_not_hinder_the_next() {
        for point in ["snapshot.indexed", "snapshot.committed", "snapshot.kept"] {
            let site = Site::new();
            site.write("a", "1");
            killed_at(&site, None, point).await;
            let before = site.take().await;
            site.write("a", "2");
            let after = site.take().await;
            site.undo(&before, &after).await;
            assert_eq!(site.read("a"), "1", "{point}");
        }
    }
}

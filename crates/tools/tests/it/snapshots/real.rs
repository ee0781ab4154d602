//! On a real repository: a clone of this one.

use super::*;

fn clone_of(repository: &Path) -> Site {
    let site = Site::new();
    git(site.folder.path(), &["clone", "-q", "--no-hardlinks", repository.to_str().unwrap(), "work"]);
    site
}

#[tokio::test]
async fn a_clone_of_this_repository_goes_back_and_its_git_stays_as_it_is() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    if !here.join(".git").exists() {
        return;
    }
    let site = clone_of(here);
    site.write("README.md", "changed and staged\n");
    site.git(&["add", "README.md"]);
    site.write("ARCHITECTURE.md", "changed\n");
    site.write("notes.txt", "untracked\n");
    site.write("target/debug/thing", "ignored\n");
    let status = || site.git(&["--no-optional-locks", "status", "--porcelain=v2", "--ignored"]);
    let (state_before, status_before, exact) = (site.state(), status(), exact_state(&site.path(".git")));
    let before = site.take().await;
    assert_eq!(before.notes, ["cannot be restored, ignored: target"]);

    for file in site.git(&["ls-files", "*.rs"]).lines().step_by(7) {
        site.write(file, "// changed\n");
    }
    fs::remove_dir_all(site.path("crates/tools/src/patch")).unwrap();
    fs::rename(site.path("crates/models"), site.path("crates/renamed")).unwrap();
    site.remove("notes.txt");
    site.write("made/by/a/turn", "1");
    let after = site.take().await;
    let changed = site.snapshots.diff(&before, &after).await.unwrap().count;
    assert!(changed > 100, "{changed}");

    let (files, _) = site.undo(&before, &after).await;
    assert_eq!(files.len(), changed.min(1_000));
    assert_eq!(site.state(), state_before);
    assert_eq!(status(), status_before);
    assert_eq!(exact_state(&site.path(".git")), exact);
}

/// Figures for people: `SNAPSHOTS_TEST_FILES=20000 cargo test -p tools --test it how_long -- --ignored --nocapture`.
/// Without a number, of a clone of this repository.
#[tokio::test]
#[ignore = "measures, and shows what it measured"]
async fn how_long_snapshots_take() {
    let site = match std::env::var("SNAPSHOTS_TEST_FILES") {
        Ok(count) => made_up(count.parse().unwrap()),
        Err(_) => clone_of(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()),
    };
    let timed = async |what: &str| {
        let begun = std::time::Instant::now();
        let snapshot = site.take().await;
        println!("{what}: {} ms", begun.elapsed().as_millis());
        snapshot
    };
    timed("first").await;
    timed("second, files as new as the index").await;
    let before = timed("third, nothing changed").await;
    for number in 0..20 {
        site.write(format!("d{number}/new"), "x");
    }
    let after = timed("fourth, twenty changed").await;
    let begun = std::time::Instant::now();
    let (files, _) = site.undo(&before, &after).await;
    println!("restoring {} of them: {} ms", files.len(), begun.elapsed().as_millis());
    let into = tempfile::tempdir().unwrap();
    let begun = std::time::Instant::now();
    let files = site.snapshots.export(&before, into.path()).await.unwrap();
    println!("export of {files}: {} ms", begun.elapsed().as_millis());
    println!("{:?}", site.snapshots.sweep().await.unwrap());
}

fn made_up(count: u64) -> Site {
    let site = Site::new();
    site.git(&["init", "-q"]);
    for number in 0..count {
        let line = format!("{number} {}\n", agent_core::BlobId::of(&number.to_le_bytes()));
        let path = format!("d{}/s{}/f{number}", number % 10, number % 200);
        site.write(path, line.repeat((number % 60) as usize));
    }
    site
}

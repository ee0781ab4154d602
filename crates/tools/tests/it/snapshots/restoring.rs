//! Taking turns back: what comes back, what stops it, what is left alone.

use super::*;
use std::os::unix::fs::symlink;

fn conflicted(answer: RestoreAnswer) -> Vec<String> {
    match answer {
        RestoreAnswer::Conflicted { paths } => paths,
        other => panic!("expected conflicts, got {other:?}"),
    }
}

#[tokio::test]
async fn a_turn_goes_back_whatever_it_did_and_git_does_not_notice() {
    let site = Site::repository(|site| {
        for path in
            ["changed", "removed", "deep/removed", "moved", "becomes-folder", "folder/in", "run", "private"]
        {
            site.write(path, path);
        }
        site.chmod("run", 0o755);
    });
    site.chmod("private", 0o600);
    fs::create_dir_all(site.path("empty/one")).unwrap();
    symlink("changed", site.path("link")).unwrap();
    let (state, status) = (site.state(), site.git(&["status", "--porcelain"]));
    let before = site.take().await;

    site.write("changed", "2");
    site.remove("removed");
    fs::remove_dir_all(site.path("deep")).unwrap();
    fs::rename(site.path("moved"), site.path("elsewhere")).unwrap();
    site.remove("becomes-folder");
    site.write("becomes-folder/a/b", "2");
    fs::remove_dir_all(site.path("folder")).unwrap();
    site.write("folder", "now a file");
    site.chmod("run", 0o644);
    site.remove("private");
    fs::remove_dir_all(site.path("empty")).unwrap();
    site.remove("link");
    symlink("elsewhere", site.path("link")).unwrap();
    site.write("new/folder/file", "2");
    fs::create_dir_all(site.path("new-empty/one")).unwrap();
    let after = site.take().await;

    let (files, notes) = site.undo(&before, &after).await;
    assert_eq!(site.state(), state);
    assert_eq!(site.git(&["status", "--porcelain"]), status);
    assert!(files.contains(&"deep/removed".to_owned()), "{files:?}");
    assert_eq!(notes.len(), 1, "{notes:?}");
    let rescue = notes[0].strip_prefix("what was there before is kept as snapshot ").unwrap();
    let rescue = Snapshot { id: rescue.to_owned(), ..after.clone() };
    assert_eq!(site.snapshots.diff(&after, &rescue).await.unwrap().count, 0);
}

#[tokio::test]
async fn what_the_user_changed_since_stops_it_and_nothing_is_touched() {
    let site = Site::repository(|site| {
        for path in ["a", "b", "c", "d", "mine"] {
            site.write(path, "1");
        }
    });
    let before = site.take().await;
    for path in ["a", "b", "c", "new"] {
        site.write(path, "2");
    }
    site.remove("d");
    let after = site.take().await;
    site.write("b", "by hand");
    site.remove("c");
    site.write("d", "by hand");
    site.write("new", "by hand");
    site.write("mine", "by hand");
    let exact = exact_state(&site.root());
    assert_eq!(conflicted(site.restore(&[(&before, &after)]).await), ["b", "c", "d", "new"]);
    assert_eq!(exact_state(&site.root()), exact);
    // Once the user has put those back, the rest goes.
    for (path, text) in [("b", "2"), ("c", "1"), ("new", "2")] {
        site.write(path, text);
    }
    site.remove("d");
    site.undo(&before, &after).await;
    assert_eq!(["a", "b", "c", "d", "mine"].map(|path| site.read(path)), ["1", "1", "1", "1", "by hand"]);
    assert!(!site.path("new").exists());
}

#[tokio::test]
async fn permissions_the_user_changed_since_are_a_conflict() {
    let site = Site::new();
    site.write("run", "1");
    let before = site.take().await;
    site.write("run", "2");
    let after = site.take().await;
    site.chmod("run", 0o755);
    assert_eq!(conflicted(site.restore(&[(&before, &after)]).await), ["run"]);
}

#[tokio::test]
async fn several_turns_go_back_as_one() {
    let site = Site::new();
    site.write("a", "0");
    let state = site.state();
    let mut shots = Vec::new();
    for turn in 1..4 {
        let before = site.take().await;
        site.write("a", turn.to_string());
        site.write(format!("new{turn}"), "x");
        shots.push((before, site.take().await));
        site.write("notes", turn.to_string());
    }
    site.remove("notes");
    let steps: Vec<_> = shots.iter().rev().map(|(before, after)| (before, after)).collect();
    let (files, _) = restored(site.restore(&steps).await);
    assert_eq!(files, ["a", "new1", "new2", "new3"]);
    assert_eq!(site.state(), state);
}

#[tokio::test]
async fn a_change_of_the_user_between_two_turns_is_not_lost() {
    let site = Site::new();
    site.write("a", "0");
    let first = (site.take().await, {
        site.write("a", "1");
        site.take().await
    });
    site.write("a", "by hand");
    let second = (site.take().await, {
        site.write("a", "2");
        site.take().await
    });
    let both = [(&second.0, &second.1), (&first.0, &first.1)];
    assert_eq!(conflicted(site.restore(&both).await), ["a"]);
    site.undo(&second.0, &second.1).await;
    assert_eq!(site.read("a"), "by hand");
}

#[tokio::test]
async fn restoring_again_finds_it_done() {
    let site = Site::new();
    site.write("a", "1");
    let before = site.take().await;
    site.write("a", "2");
    site.write("b", "2");
    let after = site.take().await;
    let (first, _) = site.undo(&before, &after).await;
    let exact = exact_state(&site.root());
    let (second, notes) = site.undo(&before, &after).await;
    assert_eq!((first, notes), (second, Vec::new()));
    assert_eq!(exact_state(&site.root()), exact);
}

#[tokio::test]
async fn what_was_ignored_or_too_large_before_the_turn_is_never_removed() {
    let site = Site::with(|config| config.max_file_bytes = 100);
    site.git(&["init", "-q"]);
    site.write(".gitignore", "*.db\n");
    site.write("data.db", "precious");
    site.write("shrinks", "x".repeat(200));
    site.write("grows", "small");
    let before = site.take().await;
    site.write(".gitignore", "");
    site.write("shrinks", "small");
    site.write("grows", "y".repeat(200));
    let after = site.take().await;
    let (files, notes) = site.undo(&before, &after).await;
    assert_eq!(files, [".gitignore"]);
    assert_eq!(notes[0], "left as they are, because the snapshots do not hold them: data.db, grows, shrinks");
    assert_eq!(site.read("data.db"), "precious");
    assert_eq!((site.read("shrinks"), site.read("grows")), ("small".to_owned(), "y".repeat(200)));
}

#[tokio::test]
async fn an_ignored_file_in_the_place_of_one_that_comes_back_is_a_conflict() {
    let site = Site::repository(|_| {});
    site.write("out", "1");
    let before = site.take().await;
    site.remove("out");
    site.write("other", "1");
    let after = site.take().await;
    site.write(".gitignore", "out\n");
    site.write("out", "by hand");
    assert_eq!(conflicted(site.restore(&[(&before, &after)]).await), ["out"]);
    site.remove("out");
    site.write("out/by/hand", "1");
    assert_eq!(conflicted(site.restore(&[(&before, &after)]).await), ["out/by/hand"]);
    fs::remove_dir_all(site.path("out")).unwrap();
    site.undo(&before, &after).await;
    assert_eq!(site.read("out"), "1");
}

#[tokio::test]
async fn nothing_is_written_or_removed_through_a_link() {
    let site = Site::new();
    let outside = site.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "2").unwrap();
    site.write("folder/file", "1");
    let before = site.take().await;
    site.write("folder/file", "2");
    let after = site.take().await;
    fs::remove_dir_all(site.path("folder")).unwrap();
    symlink(&outside, site.path("folder")).unwrap();
    assert_eq!(conflicted(site.restore(&[(&before, &after)]).await), ["folder/file"]);
    // The other way round: the turn made a link of it.
    let site = Site::new();
    site.write("folder/file", "1");
    let before = site.take().await;
    fs::remove_dir_all(site.path("folder")).unwrap();
    symlink(&outside, site.path("folder")).unwrap();
    let after = site.take().await;
    site.undo(&before, &after).await;
    assert_eq!(site.read("folder/file"), "1");
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "2");
}

#[tokio::test]
async fn a_folder_made_by_the_turn_stays_when_the_user_has_put_something_in() {
    let site = Site::new();
    let before = site.take().await;
    site.write("made/by/turn", "2");
    let after = site.take().await;
    site.write("made/mine", "1");
    site.undo(&before, &after).await;
    assert_eq!(names(&site.state()), ["made", "made/mine"]);
}

#[tokio::test]
async fn snapshots_that_are_not_there_are_said() {
    let site = Site::new();
    let before = site.take().await;
    let gone = Snapshot { id: "0123456789012345678901234567890123456789".to_owned(), ..before.clone() };
    let bad = Snapshot { id: "--output=x".to_owned(), ..before.clone() };
    let elsewhere = Snapshot { root: "/nowhere/at/all".to_owned(), ..before.clone() };
    let message = |answer| match answer {
        RestoreAnswer::Failed { message } => message,
        other => panic!("{other:?}"),
    };
    for snapshot in [gone, bad] {
        let expected =
            format!("the snapshot {} is no longer kept, or belongs to another machine", snapshot.id);
        assert_eq!(message(site.restore(&[(&snapshot, &before)]).await), expected);
    }
    let why = message(site.restore(&[(&elsewhere, &elsewhere)]).await);
    assert!(why.contains("/nowhere/at/all: cannot find the workspace"), "{why}");
    assert!(message(site.restore(&[(&elsewhere, &before)]).await).contains("cannot be read"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_fails_and_puts_back_what_was_done() {
    let site = Site::new();
    site.write("a", "1");
    site.write("z/file", "1");
    let before = site.take().await;
    site.write("a", "2");
    site.write("z/file", "2");
    let after = site.take().await;
    let rescue = site.state();
    // Also for root.
    let frozen = Command::new("chattr").args(["+i"]).arg(site.path("z")).status();
    if !frozen.is_ok_and(|status| status.success()) {
        return;
    }
    let answer = site.restore(&[(&before, &after)]).await;
    assert!(Command::new("chattr").args(["-i"]).arg(site.path("z")).status().unwrap().success());
    match answer {
        RestoreAnswer::Failed { message } => {
            assert!(message.contains("z/file: cannot restore it"), "{message}");
            let ending = "All files are as they were; put that right, and try again";
            assert!(message.ends_with(ending), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(site.state(), rescue);
}

#[tokio::test]
async fn what_a_turn_may_have_done_where_no_snapshot_looks_is_told() {
    let other = Site::repository(|site| site.write("file", "1"));
    let site = Site::repository(|site| {
        site.git(&["submodule", "--quiet", "add", other.root().to_str().unwrap(), "sub"]);
        site.write("a", "1");
    });
    let before = site.take().await;
    site.write("a", "2");
    site.write("sub/file", "2");
    let after = site.take().await;
    let (files, notes) = site.undo(&before, &after).await;
    assert_eq!(files, ["a"]);
    assert_eq!(notes[0], "cannot be restored, a repository of its own: sub");
    assert_eq!(fs::read_to_string(site.path("sub/file")).unwrap(), "2");
}

//! Any tree, and whatever becomes of it: going back makes the first one of it again.

use super::*;
use proptest::{collection::vec, prelude::*};
use std::os::unix::fs::symlink;

/// Something that happens to a workspace.
#[derive(Clone, Debug)]
enum Doing {
    Write(String, String),
    Remove(String),
    Folder(String),
    Link(String, String),
    Mode(String, u32),
    Move(String, String),
}

/// Few names, so that they meet.
fn path() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "b", "c d", "é"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn doing() -> impl Strategy<Value = Doing> {
    let text = prop::sample::select(vec!["", "1", "2", "longer\r\ntext\n"]).prop_map(str::to_owned);
    let mode = prop::sample::select(vec![0o644, 0o755, 0o600, 0o700]);
    prop_oneof![
        5 => (path(), text).prop_map(|(path, text)| Doing::Write(path, text)),
        3 => path().prop_map(Doing::Remove),
        1 => path().prop_map(Doing::Folder),
        1 => (path(), path()).prop_map(|(path, to)| Doing::Link(path, to)),
        1 => (path(), mode).prop_map(|(path, mode)| Doing::Mode(path, mode)),
        1 => (path(), path()).prop_map(|(path, to)| Doing::Move(path, to)),
    ]
}

/// Whether a path leads through a link; then nothing is done.
fn leads_away(site: &Site, path: &str) -> bool {
    Path::new(path).ancestors().any(|part| site.path(part).is_symlink() && !part.as_os_str().is_empty())
}

fn carry_out(site: &Site, doings: &[Doing]) {
    for doing in doings {
        let (Doing::Write(path, _)
        | Doing::Remove(path)
        | Doing::Folder(path)
        | Doing::Link(path, _)
        | Doing::Mode(path, _)
        | Doing::Move(path, _)) = doing;
        let away = leads_away(site, path);
        let place = site.path(path);
        let parent = place.parent().unwrap().to_owned();
        // What cannot be done is not done.
        let _ = match doing {
            Doing::Remove(_) if place.is_symlink() => fs::remove_file(&place),
            _ if away => continue,
            Doing::Write(_, text) => fs::create_dir_all(parent).and_then(|()| fs::write(&place, text)),
            Doing::Remove(_) if place.is_dir() => fs::remove_dir_all(&place),
            Doing::Remove(_) => fs::remove_file(&place),
            Doing::Folder(_) => fs::create_dir_all(&place),
            Doing::Link(_, to) => fs::create_dir_all(parent).and_then(|()| symlink(to, &place)),
            Doing::Mode(_, mode) if place.is_file() => {
                site.chmod(&place, *mode);
                Ok(())
            }
            Doing::Mode(..) => continue,
            Doing::Move(_, to) if leads_away(site, to) => continue,
            Doing::Move(_, to) => fs::rename(&place, site.path(to)),
        };
    }
}

/// Each case runs Git many times. `PROPTEST_CASES` asks for more.
fn few() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 24 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn going_back_makes_the_first_tree_again(
        start in vec(doing(), 0..12),
        turns in vec(vec(doing(), 0..8), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = Site::new();
            carry_out(&site, &start);
            let first = site.state();
            let mut shots = Vec::new();
            for turn in &turns {
                let before = site.take().await;
                carry_out(&site, turn);
                shots.push((before, site.take().await));
            }
            let last = site.state();
            let steps: Vec<_> = shots.iter().rev().map(|(before, after)| (before, after)).collect();
            let (_, notes) = restored(site.restore(&steps).await);
            assert_eq!(site.state(), first);
            // And what was there before is not lost.
            if let Some(rescue) = notes.iter().find_map(|note| note.strip_prefix("what was there before is kept as snapshot ")) {
                let rescue = Snapshot { id: rescue.to_owned(), ..shots[0].0.clone() };
                let into = tempfile::tempdir().unwrap();
                site.snapshots.export(&rescue, into.path()).await.unwrap();
                assert_eq!(state(into.path(), &[]), last);
            }
        });
    }
}

//! Prompts that are remembered.

use agent_core::HistoryEntry;
use config::{HistoryPersistence, HistorySettings, PromptHistory};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const LARGE: u64 = 1 << 20;
/// Names the folder in which a copy of this test, as a process of its own, is to write.
const CHILD: &str = "EVERTURN_TEST_HISTORY";
const EACH: u64 = 50;

fn history(home: &Path, max_bytes: u64) -> PromptHistory {
    PromptHistory::new(home, HistorySettings { persistence: HistoryPersistence::SaveAll, max_bytes })
}

fn entry(text: impl Into<String>) -> HistoryEntry {
    HistoryEntry { thread: "t".into(), at_ms: 1, text: text.into() }
}

fn file(home: &Path) -> PathBuf {
    home.join("history.jsonl")
}

#[test]
fn prompts_are_remembered_in_order_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), LARGE);
    assert_eq!(history.meta().unwrap().entries, 0);
    assert_eq!(history.entry(0, 0).unwrap(), None);
    let first = history.add(&entry("first\nline \"two\"")).unwrap();
    let second = history.add(&entry("second")).unwrap();
    assert_eq!((first.entries, second.entries, first.log_id == second.log_id), (1, 2, true));
    assert_eq!(history.entry(first.log_id, 0).unwrap(), Some(entry("first\nline \"two\"")));
    assert_eq!(history.entry(first.log_id, 1).unwrap(), Some(entry("second")));
    assert_eq!(history.entry(first.log_id, 2).unwrap(), None);
    assert_eq!(history.entry(first.log_id + 1, 0).unwrap(), None, "another log");
    assert_eq!(file(folder.path()).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_others_could_read_is_closed_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(file(folder.path()), "").unwrap();
    std::fs::set_permissions(file(folder.path()), std::fs::Permissions::from_mode(0o644)).unwrap();
    history(folder.path(), LARGE).add(&entry("a")).unwrap();
    assert_eq!(file(folder.path()).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn broken_lines_are_skipped_and_counted_and_take_nothing_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), LARGE);
    history.add(&entry("a")).unwrap();
    let text = std::fs::read_to_string(file(folder.path())).unwrap();
    // The last writer died in the middle of a line.
    std::fs::write(file(folder.path()), format!("garbage\n\n{text}{{\"thread\":\"t\",\"at")).unwrap();
    let meta = history.add(&entry("b")).unwrap();
    assert_eq!((meta.entries, meta.broken), (2, 2));
    assert_eq!(history.entry(meta.log_id, 0).unwrap(), Some(entry("a")));
    assert_eq!(history.entry(meta.log_id, 1).unwrap(), Some(entry("b")));
}

#[test]
fn the_log_is_cut_at_its_front_and_is_another_one_then() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), 1_000);
    let first = history.add(&entry("0")).unwrap();
    let mut last = first.clone();
    for number in 1..100 {
        last = history.add(&entry(number.to_string())).unwrap();
        assert!(file(folder.path()).metadata().unwrap().len() <= 1_000, "{number}");
        assert_eq!(history.entry(last.log_id, last.entries - 1).unwrap(), Some(entry(number.to_string())));
    }
    assert!(last.entries > 10 && last.broken == 0, "{last:?}");
    let oldest = history.entry(last.log_id, 0).unwrap().unwrap();
    assert_eq!(oldest, entry((100 - last.entries).to_string()), "no gap");
    assert!(last.log_id == first.log_id || history.entry(first.log_id, 0).unwrap().is_none());
}

#[test]
fn the_newest_prompt_stays_whatever_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), 100);
    history.add(&entry("small")).unwrap();
    let meta = history.add(&entry("x".repeat(500))).unwrap();
    assert_eq!(meta.entries, 1);
    assert_eq!(history.entry(meta.log_id, 0).unwrap(), Some(entry("x".repeat(500))));
    let error = history.add(&entry("x".repeat(256 * 1024 + 1))).unwrap_err().to_string();
    assert_eq!(error, "a prompt of 262145 bytes is not remembered; 262144 are the most");
    assert_eq!(history.meta().unwrap().entries, 1);
}

#[test]
fn where_nothing_is_to_be_remembered_nothing_is_written_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let on = history(folder.path(), LARGE).add(&entry("a")).unwrap();
    let off = HistorySettings { persistence: HistoryPersistence::None, max_bytes: LARGE };
    let off = PromptHistory::new(folder.path(), off);
    assert_eq!(off.add(&entry("b")).unwrap().entries, 0);
    assert_eq!(off.entry(on.log_id, 0).unwrap(), None);
    assert_eq!(history(folder.path(), LARGE).meta().unwrap().entries, 1);
}

#[test]
fn a_folder_in_its_place_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(file(folder.path())).unwrap();
    let error = history(folder.path(), LARGE).add(&entry("a")).unwrap_err().to_string();
    assert!(error.contains("history.jsonl cannot be used") && error.contains("persistence"), "{error}");
}

/// Not a test by itself: what the processes of the next one do.
#[test]
fn a_process_that_writes_prompts() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let history = history(Path::new(&home), 20_000);
    for number in 0..EACH {
        history.add(&entry(format!("{} {number} {}", std::process::id(), "x".repeat(40)))).unwrap();
    }
}

#[test]
fn several_processes_that_write_at_once_break_no_line_and_lose_none_but_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "history::a_process_that_writes_prompts"]).env(CHILD, folder.path());
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    let ids: Vec<u32> = children.iter().map(std::process::Child::id).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let history = history(folder.path(), 20_000);
    let meta = history.meta().unwrap();
    assert_eq!(meta.broken, 0);
    assert!(meta.entries > 100, "{meta:?}");
    let all: Vec<String> =
        (0..meta.entries).map(|offset| history.entry(meta.log_id, offset).unwrap().unwrap().text).collect();
    // Of each process what is left is its last prompts, in order and without a gap.
    for id in ids {
        let own = all.iter().filter_map(|text| text.strip_prefix(&format!("{id} ")));
        let numbers: Vec<u64> = own.map(|text| text.split(' ').next().unwrap().parse().unwrap()).collect();
        let first = EACH - numbers.len() as u64;
        assert_eq!(numbers, (first..EACH).collect::<Vec<_>>());
    }
}

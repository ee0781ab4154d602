//! Things that are swapped for others while tools and commands are at them. A race is tried many times.

use super::{arena::Arena, row::Under, trial::answer};
use crate::world::function;
use agent_core::{Grant, Payload};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// How often each race is run.
const ROUNDS: u32 = 150;
/// So many patches have to be made nevertheless.
const LEAST_MADE: u32 = 2;
/// How often at most it is run where nothing holds it, until it is lost once.
const CONTROL_ROUNDS: u32 = 3_000;

/// Exchanges two things as fast as it can until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    fn new(one: PathBuf, other: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let swap = move || {
            while !stopped.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        };
        Self { stop, thread: Some(std::thread::spawn(swap)) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A workspace in which `swapped` is now a folder, now a link to one outside that has a file of the same name.
fn swapped(target: &str, file: &str) -> (Arena, Swapper) {
    let mut arena = Arena::new(Under::Workspace);
    arena.write(&format!("ws/swapped/{file}"), "kept\n");
    symlink(arena.path(target), arena.path("ws/other")).unwrap();
    arena.remember();
    let swapper = Swapper::new(arena.path("ws/swapped"), arena.path("ws/other"));
    (arena, swapper)
}

/// One round of patching. Whether the patch was made.
async fn patched(arena: &Arena, round: u32, grant: Grant) -> bool {
    let text = format!(
        "*** Begin Patch\n*** Add File: swapped/new-{round}\n+changed\n*** Update File: \
         swapped/file\n@@\n-kept\n+kept\n*** End Patch\n"
    );
    let (message, faults) = answer(arena, "apply_patch", Payload::Freeform { input: text }, grant).await;
    assert_eq!(faults, Vec::<String>::new(), "{message}");
    message.contains("new-") && !message.contains("outside") && !message.contains("ailed")
}

#[tokio::test]
async fn a_link_swapped_in_while_a_patch_is_made_leads_nowhere() {
    let (mut arena, swapper) = swapped("outside", "file");
    let (mut made, mut round) = (0, 0);
    while round < ROUNDS || made < LEAST_MADE && round < CONTROL_ROUNDS {
        made += u32::from(patched(&arena, round, Grant::Sandboxed).await);
        round += 1;
    }
    drop(swapper);
    println!("{made} of {round} patches were made, all inside");
    assert!(made >= LEAST_MADE, "patches are never made, so nothing was tried");
    assert_eq!(arena.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn the_same_swapped_link_leads_out_where_nothing_holds_the_patch() {
    let (arena, swapper) = swapped("outside", "file");
    for round in 0..CONTROL_ROUNDS {
        patched(&arena, round, Grant::Unconfined).await;
        if arena.path(&format!("outside/new-{round}")).exists() {
            println!("out in round {round}");
            return;
        }
    }
    drop(swapper);
    panic!("{CONTROL_ROUNDS} rounds did not lead out, so the other test proves nothing");
}

#[tokio::test]
async fn a_link_swapped_in_while_a_file_is_read_shows_nothing_hidden() {
    let (arena, swapper) = swapped("home/.ssh", "id_ed25519");
    let [secret, _] = arena.secrets();
    let mut read = 0;
    for _ in 0..ROUNDS {
        for (tool, arguments) in [
            ("read_file", json!({ "path": "swapped/id_ed25519" })),
            ("grep_files", json!({ "pattern": "hidden|kept", "path": "swapped" })),
            ("list_dir", json!({ "path": "swapped" })),
        ] {
            let (message, _) = answer(&arena, tool, function(&arguments), Grant::Sandboxed).await;
            assert!(!message.contains(&secret), "{tool} shows what is hidden: {message}");
            read += u32::from(message.contains("kept"));
        }
    }
    drop(swapper);
    println!("{read} looks saw the file inside");
    assert!(read > 0, "nothing was ever read, so nothing was tried");
}

#[tokio::test]
async fn commands_that_run_at_once_cannot_lead_the_clearing_up_astray() {
    let mut arena = Arena::new(Under::Workspace);
    fs::remove_dir_all(arena.path("ws/.git")).unwrap();
    fs::remove_dir_all(arena.path("ws/.everturn")).unwrap();
    arena.remember();
    let restless = "for n in $(seq 400); do for name in .git .everturn; do
        mkdir -p $name/file $name/deep; mv $name x$n-$name; ln -s ../outside $name; rm \
         -f $name; done; done 2>&1 | tail -n 3";
    let brief = "mkdir -p .git/deep .everturn/deep; touch .git/file .everturn/file; echo done";
    let call = |cmd: &str| function(&json!({ "cmd": cmd, "timeout_ms": 20_000 }));
    let long = answer(&arena, "exec_command", call(restless), Grant::Sandboxed);
    let short = async {
        for _ in 0..40 {
            answer(&arena, "exec_command", call(brief), Grant::Sandboxed).await;
        }
    };
    tokio::join!(long, short);
    assert_eq!(arena.breaches(), Vec::<String>::new());
}

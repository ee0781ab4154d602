//! Threads that move between this data folder and Temporal: there and back, refused, and killed at each step of it.

use crate::{
    binary::Ran,
    laptop::{DevServer, Laptop},
};
use agent_core::{Event, EventKind};
use serde_json::Value;
use test_kit::KillPoint;

const TALK: &str = r#"
[[turn]]
match = "go"
[[turn.step]]
text = "I log."
calls = [{ tool = "exec_command", args = { cmd = "echo logged >> log.txt" } }]
[[turn.step]]
text = "It is logged."

[[turn]]
match = "ask"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo asked", sandbox_permissions = "require_escalated", justification = "it is needed" } }]
[[turn.step]]
text = "Went on."

[[turn]]
match = "more"
[[turn.step]]
text = "More."
"#;

/// A bench with a server of its own that runs meanwhile, and a thread that rests in its data folder.
struct Site {
    // It ends before its folder goes.
    _server: DevServer,
    laptop: Laptop,
    script: String,
    thread: String,
}

impl Site {
    async fn new() -> Self {
        let laptop = Laptop::new().await;
        let script = laptop.bench.script(TALK);
        let server = DevServer::start(&laptop);
        let mut site = Self { _server: server, laptop, script, thread: String::new() };
        site.thread = site.begin("local");
        site
    }

    /// Starts a thread with one turn, and gives its id.
    fn begin(&self, backend: &str) -> String {
        let exec =
            ["exec", "--backend", backend, "--sandbox", "danger-full-access", "--script", &self.script, "go"];
        self.run(&exec).succeeds();
        self.laptop.threads().remove(0)
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.laptop.run(args)
    }

    fn go(&self, to: &str) -> Ran {
        self.run(&["move", &self.thread, "--to", to])
    }

    /// Moves it, killed at this point of the way.
    fn killed(&self, to: &str, point: &str, hit: u32) {
        let marker = self.laptop.bench.path().join(format!("marker-{}", point.replace('.', "-")));
        let point = KillPoint { name: point.to_owned(), hit, marker };
        let mut command = self.laptop.command(&["move", &self.thread, "--to", to]);
        point.arm(&mut command);
        let mut child = command.spawn().unwrap();
        point.kill(&mut child).unwrap();
    }

    fn events(&self) -> Vec<Event> {
        self.laptop.events(&self.thread)
    }

    /// Where lists say that the thread lives: one line, or none.
    fn listed(&self) -> Vec<String> {
        let list = self.run(&["sessions", "list", "--json"]).succeeds().json();
        let mine = list.iter().filter(|line| line["thread"] == self.thread.as_str());
        mine.map(|line| line["backend"].as_str().unwrap().to_owned()).collect()
    }

    /// How many homes go on with it: 0 or 1.
    fn homes(&self) -> usize {
        ["local", "temporal"].iter().filter(|backend| self.serves(backend)).count()
    }

    fn serves(&self, backend: &str) -> bool {
        self.run(&["send", &self.thread, "more", "--backend", backend]).code == Some(0)
    }
}

fn moves(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, EventKind::Moved { .. })).count()
}

#[tokio::test]
async fn a_thread_goes_to_temporal_and_comes_back_with_its_past() {
    let site = Site::new().await;
    let before = site.events();
    let ran = site.go("temporal").succeeds();
    assert!(ran.stdout.contains("lives on Temporal now"), "{ran:#?}");
    assert_eq!(site.listed(), ["temporal"]);
    site.run(&["send", &site.thread, "more"]).succeeds();
    let there = site.events();
    assert_eq!(there[..before.len()], before, "readers see the whole past");
    assert!(matches!(there[before.len()].kind, EventKind::Moved { .. }), "{:?}", there[before.len()]);
    assert!(there.iter().map(|event| event.seq).eq(1..=there.len() as u64));

    // The old home is fenced.
    let fenced = ["does not live in this data folder: moved to", "since", "--to local brings it back"];
    site.run(&["exec", "resume", &site.thread, "more", "--backend", "local"]).fails(2, &fenced);
    site.run(&["send", &site.thread, "more", "--backend", "local"]).fails(2, &fenced);
    assert!(site.go("temporal").succeeds().stdout.contains("already"));

    let ran = site.go("local").succeeds();
    assert!(ran.stdout.contains("lives in this data folder now"), "{ran:#?}");
    assert_eq!(site.listed(), ["local"]);
    site.run(&["send", &site.thread, "more"]).succeeds();
    let back = site.events();
    assert_eq!(back[..there.len()], there);
    assert_eq!(moves(&back), 2);
    assert_eq!(site.laptop.bench.read("log.txt"), "logged\n", "nothing runs again");
    let replayed: Value =
        serde_json::from_str(&site.run(&["replay", &site.thread, "--json"]).succeeds().stdout).unwrap();
    assert_eq!(replayed["verified"], Value::Bool(true), "{replayed}");

    // And once more.
    site.go("temporal").succeeds();
    assert_eq!((site.listed(), moves(&site.events())), (vec!["temporal".to_owned()], 3));
    site.go("local").succeeds();
    assert_eq!((site.listed(), moves(&site.events())), (vec!["local".to_owned()], 4));
}

#[tokio::test]
async fn a_thread_that_began_on_temporal_comes_home() {
    let mut site = Site::new().await;
    site.thread = site.begin("temporal");
    let before = site.events();
    site.go("local").succeeds();
    assert_eq!(site.listed(), ["local"]);
    let after = site.events();
    assert_eq!(after[..before.len()], before);
    let gone = site.run(&["send", &site.thread, "more", "--backend", "temporal"]);
    assert_ne!(gone.code, Some(0), "{gone:#?}");
    site.run(&["send", &site.thread, "more"]).succeeds();
    site.run(&["replay", &site.thread]).succeeds();
}

#[tokio::test]
async fn what_is_under_way_is_not_moved() {
    let mut site = Site::new().await;
    let ask = ["exec", "--approval", "on-request", "--script", &site.script, "ask"];
    site.run(&ask).fails(3, &["everturn approve "]);
    site.thread = site.laptop.threads().remove(0);
    site.go("temporal").fails(5, &["cannot be moved now", "is under way"]);
    assert_eq!(site.listed(), ["local"]);
    site.run(&["move", "no-such-thread", "--to", "local"]).fails(2, &["there is no thread"]);
    site.run(&["move", &site.thread, "--to", "mars"]).fails(2, &["mars"]);
}

#[tokio::test]
async fn killed_on_the_way_to_temporal_it_lives_in_one_home_and_gets_there() {
    for (point, hit) in [("move.leaving", 1), ("move.taken_in", 1)] {
        let site = Site::new().await;
        site.killed("temporal", point, hit);
        assert!(!site.serves("local"), "{point}: the old home is fenced");
        assert!(site.homes() <= 1, "{point}");
        let ran = site.go("temporal").succeeds();
        assert!(ran.stdout.contains("finished"), "{point}: {ran:#?}");
        assert_eq!((site.listed(), moves(&site.events())), (vec!["temporal".to_owned()], 1), "{point}");
        assert!(site.serves("temporal") && !site.serves("local"), "{point}");
    }
}

#[tokio::test]
async fn killed_before_temporal_had_it_a_move_can_be_taken_back() {
    let site = Site::new().await;
    site.killed("temporal", "move.leaving", 1);
    let ran = site.run(&["exec", "resume", &site.thread, "more"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("is on its way from") && ran.stderr.contains("--to local"), "{ran:#?}");
    let ran = site.go("local").succeeds();
    assert!(ran.stdout.contains("taken back"), "{ran:#?}");
    assert_eq!((site.listed(), moves(&site.events())), (vec!["local".to_owned()], 0));
    assert!(site.serves("local"));
}

#[tokio::test]
async fn killed_on_the_way_back_it_lives_in_one_home_and_gets_here() {
    for (point, hit) in [("move.copied", 1), ("move.departed", 1), ("commit.after", 1), ("commit.before", 1)]
    {
        let site = Site::new().await;
        site.go("temporal").succeeds();
        site.killed("local", point, hit);
        assert!(!site.serves("local"), "{point}: it is not here yet");
        let ran = site.go("local").succeeds();
        assert_eq!(site.listed(), ["local"], "{point}: {ran:#?}");
        assert_eq!(moves(&site.events()), 2, "{point}");
        assert!(site.serves("local") && !site.serves("temporal"), "{point}");
        site.run(&["replay", &site.thread]).succeeds();
    }
}

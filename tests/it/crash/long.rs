//! The same for what long threads do: SIGKILL before and after each commit of a summary, between turns and in the midst of
//! one, of a review, and of turns that are taken back with their files.

use crate::binary::{Bench, Ran};
use agent_core::{Event, EventKind};
use serde_json::{Value, json};
use std::process::Command;
use test_kit::{Accounting, KillPoint, ModelServer, Replies, Reply, ServerOptions, Trace};

/// The user resumes so often at most.
const RESUMES: usize = 6;
/// In the first line of the prompt for a summary.
const SUMMARY: &str = "is about to be replaced by a summary";
/// What the summary says.
const SUMMED_UP: &str = "everything that matters was read";

/// The window is full long before.
const MAX_READS: usize = 20;

/// Something that is killed.
struct Scene {
    /// What was said before.
    before: &'static [&'static str],
    /// The configuration.
    config: &'static str,
    /// The command that is killed.
    act: &'static [&'static str],
    /// Whether an event says that it came about.
    done: fn(&EventKind) -> bool,
}

/// Answers by the conversation alone, so that another attempt is told the same.
fn model() -> Replies {
    Replies::by(|body| {
        let input = body["input"].as_array().cloned().unwrap_or_default();
        let text = body["input"].to_string();
        if input.last().is_some_and(|last| last.to_string().contains(SUMMARY)) {
            return Reply::new().text(&format!("## Facts\nIt is known: {SUMMED_UP}."));
        }
        if body["text"]["format"]["schema"].to_string().contains("overall_correctness")
            || text.contains("REVIEW")
        {
            let review = json!({
                "findings": [],
                "overall_correctness": "patch is correct",
                "overall_explanation": "Nothing is wrong.",
                "overall_confidence_score": 0.9,
            });
            return Reply::new().text(&review.to_string());
        }
        let said = |item: &&Value| {
            item["role"] == "user" && ["write", "fill"].iter().any(|word| item.to_string().contains(word))
        };
        let user = input.iter().rposition(|item| said(&item)).unwrap_or(0);
        let outputs = input[user..].iter().filter(|item| item["type"] == "function_call_output").count();
        let asked = input[user].to_string();
        if asked.contains("fill") && !text.contains(SUMMED_UP) && outputs < MAX_READS {
            let part = json!({ "path": "long.txt", "offset": outputs * 100 + 1, "limit": 100 });
            return Reply::new().text("I read on.").call("read_file", part);
        }
        if asked.contains("write") && outputs == 0 {
            let call = json!({ "cmd": "echo written >> written.txt; echo changed >> kept.txt" });
            return Reply::new().text("I write.").call("exec_command", call);
        }
        Reply::new().text("Done.")
    })
}

/// A scene that was set up.
struct Stage {
    bench: Bench,
    server: ModelServer,
}

impl Stage {
    fn new(scene: &Scene) -> Self {
        // Tokens are counted, so that a window can be full.
        let options = ServerOptions { accounting: Accounting::PromptCache, ..ServerOptions::default() };
        let server = ModelServer::start_with(model(), options).unwrap();
        let stage = Self { bench: Bench::new(), server };
        stage.bench.configure(scene.config);
        stage.bench.file("kept.txt", "kept\n");
        let lines: String = (0..2_000).map(|line| format!("{line:07} {}\n", "x".repeat(55))).collect();
        stage.bench.file("long.txt", &lines);
        for (turn, said) in scene.before.iter().enumerate() {
            let begun: &[&str] = &["exec", "--sandbox", "danger-full-access", said];
            let further: &[&str] = &["exec", "resume", "--last", said];
            stage.run(if turn == 0 { begun } else { further }).succeeds();
        }
        stage
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        command.env("OPENAI_BASE_URL", self.server.url()).env("OPENAI_API_KEY", "k-12345678");
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    fn replay(&self, args: &[&str]) -> Value {
        let ran = self.run(&[&["replay", "--json"], args].concat()).succeeds();
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn records(&self) -> u64 {
        self.replay(&[])["records"].as_u64().unwrap()
    }

    fn events(&self) -> Vec<Event> {
        if self.run(&["sessions", "list", "--json"]).stdout.is_empty() {
            Vec::new()
        } else {
            self.bench.events()
        }
    }

    /// Nothing is in flight.
    fn rests(&self) -> bool {
        let last = self.records().to_string();
        let state = self.replay(&["--at", &last]);
        state["turn"].is_null() && state["running"] == json!([])
    }

    fn is_done(&self, scene: &Scene) -> bool {
        self.events().iter().any(|event| (scene.done)(&event.kind)) && self.rests()
    }

    /// Does what a user does whose command died: resumes, and asks again where nothing came of it.
    fn finish(&self, scene: &Scene, what: &str) {
        for _ in 0..RESUMES {
            if self.is_done(scene) {
                return;
            }
            if !self.events().is_empty() {
                let resumed = self.run(&["exec", "resume", "--last"]);
                assert!(matches!(resumed.code, Some(0 | 2)), "{what}: {resumed:#?}");
            }
            if !self.is_done(scene) && (self.events().is_empty() || self.rests()) {
                self.run(scene.act);
            }
        }
        panic!("{what}: it never comes to an end: {:#?}", Trace::of(&self.events()));
    }

    /// What is left in the end.
    fn end(&self) -> (Trace, [String; 2]) {
        (Trace::of(&self.events()), ["written.txt", "kept.txt"].map(|name| self.bench.read(name)))
    }
}

/// Kills it before and after each of its commits.
fn killed_everywhere(scene: &Scene) {
    let whole = Stage::new(scene);
    let before = if scene.before.is_empty() { 0 } else { whole.records() };
    whole.run(scene.act).succeeds();
    assert!(whole.is_done(scene), "{:#?}", whole.end());
    let commits = u32::try_from(whole.records() - before).unwrap();
    let expected = whole.end();
    for name in ["commit.before", "commit.after"] {
        for hit in 1..=commits {
            let stage = Stage::new(scene);
            let point = KillPoint { name: name.to_owned(), hit, marker: stage.bench.path().join("marker") };
            let mut command = stage.command(scene.act);
            point.arm(&mut command);
            let mut child = command.spawn().unwrap();
            point.kill(&mut child).unwrap();
            let what = format!("{point} of {commits}");
            stage.finish(scene, &what);
            assert_eq!(stage.end(), expected, "{what}");
            assert_eq!(stage.replay(&[])["verified"], json!(true), "{what}");
        }
    }
}

#[test]
fn a_summary_on_request_is_killed_at_every_commit() {
    killed_everywhere(&Scene {
        before: &["write one", "write two"],
        config: "",
        act: &["compact"],
        done: |kind| matches!(kind, EventKind::ContextCompacted { .. }),
    });
}

#[test]
fn a_turn_that_is_summarised_in_its_midst_is_killed_at_every_commit() {
    killed_everywhere(&Scene {
        before: &[],
        config: "model_context_window = 12000\n",
        act: &["exec", "--sandbox", "danger-full-access", "fill the window"],
        done: |kind| matches!(kind, EventKind::ContextCompacted { .. }),
    });
}

#[test]
fn a_review_is_killed_at_every_commit() {
    killed_everywhere(&Scene {
        before: &[],
        config: "",
        act: &["review", "REVIEW what is there"],
        done: |kind| matches!(kind, EventKind::ExitedReviewMode { .. }),
    });
}

#[test]
fn taking_a_turn_back_is_killed_at_every_commit() {
    killed_everywhere(&Scene {
        before: &["write one"],
        config: "",
        act: &["undo"],
        done: |kind| matches!(kind, EventKind::RolledBack { .. }),
    });
}

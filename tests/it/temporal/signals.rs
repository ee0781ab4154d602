//! Ops that come twice, or too late. Each counts once, in whatever run it comes again.

use super::{
    named,
    reading::Reading,
    say,
    site::{Scripts, Site, cut, runs, workflow},
    soon,
};
use agent_core::{
    AgentSession, ApprovalDecision, ApprovalPolicy, EventKind, Genesis, InteractionId, NetworkAccess, Op,
    OpId, Refusal, SandboxPolicy, Settings, Submission, Tenant,
};
use std::path::Path;
use temporal_backend::{AgentWorkflow, Offer, Reply, TemporalSession, wire::RunOptions};
use temporalio_client::{WorkflowQueryOptions, WorkflowSignalOptions};
use test_kit::Trace;

/// Each turn runs one command, which logs.
const SCRIPT: &str = r#"
[[turn]]
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo {{prompt}} >> log.txt", sandbox_permissions = "require_escalated", justification = "it is needed" } }]
[[turn.step]]
text = "Done."

[[turn]]
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo {{prompt}} >> log.txt", sandbox_permissions = "require_escalated", justification = "it is needed" } }]
[[turn.step]]
text = "Done."

[[turn]]
[[turn.step]]
text = "Nothing to do."
"#;

/// A thread on the site, in a folder of its own.
struct Scene<'a> {
    site: &'a Site,
    session: TemporalSession,
    reading: Reading,
    folder: std::path::PathBuf,
}

impl<'a> Scene<'a> {
    async fn open(site: &'a Site, name: &str, asks: ApprovalPolicy, run: RunOptions) -> Self {
        let folder = site.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let settings =
            Settings { approval: asks, sandbox: sandbox(asks), ..Settings::new(text(&folder), "script") };
        let genesis = Genesis { settings, ..Genesis::default() };
        let session = soon("the thread", site.backend(run).start(Tenant::default(), genesis)).await.unwrap();
        let reading = Reading::of(&session);
        Self { site, session, reading, folder }
    }

    /// Sends an op as a signal, as anybody may.
    async fn signal(&self, submission: &Submission) {
        let handle = workflow(&self.site.client, self.session.key());
        let options = WorkflowSignalOptions::default();
        soon(
            "the server",
            handle.signal(AgentWorkflow::receive_op, Offer::from(submission.clone()), options),
        )
        .await
        .unwrap();
    }

    /// What the thread says to an op that came as a signal.
    async fn reply(&self, op: &OpId) -> Reply {
        let handle = workflow(&self.site.client, self.session.key());
        let asked = async {
            loop {
                let reply =
                    handle.query(AgentWorkflow::reply, op.clone(), WorkflowQueryOptions::default()).await;
                match reply {
                    Ok(Some(reply)) => return reply,
                    // It is not there yet, or the next run begins.
                    Ok(None) | Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
        };
        soon("a reply", asked).await
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    async fn submit(&self, submission: Submission) -> agent_core::Accepted {
        soon("an answer", self.session.submit(submission)).await.unwrap()
    }

    /// The question that is asked first in this turn.
    async fn question(&self, turn: u32) -> InteractionId {
        let told = self
            .reading
            .until("the question", |told| {
                told.events.iter().any(|(_, event)| asked_in(event, turn).is_some())
            })
            .await;
        told.events.iter().find_map(|(_, event)| asked_in(event, turn)).unwrap()
    }
}

fn asked_in(event: &agent_core::Event, turn: u32) -> Option<InteractionId> {
    match &event.kind {
        EventKind::ExecApprovalRequest(request) if event.turn?.0 == turn => Some(request.id.clone()),
        _ => None,
    }
}

fn sandbox(asks: ApprovalPolicy) -> SandboxPolicy {
    match asks {
        ApprovalPolicy::Never => SandboxPolicy::DangerFullAccess,
        _ => SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: NetworkAccess::Off },
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn site() -> Site {
    Site::open(Scripts::of([("script", SCRIPT)])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_op_that_comes_again_in_the_same_or_a_later_run_counts_once() {
    let site = site().await;
    for (name, run) in [("one-run", RunOptions::default()), ("many-runs", cut())] {
        let scene = Scene::open(&site, name, ApprovalPolicy::Never, run).await;
        let first = named("op-1", say("first"));
        scene.signal(&first).await;
        scene.signal(&first).await;
        let repeated = scene.submit(first.clone()).await;
        assert!(repeated.repeated, "{name}: {repeated:?}");
        scene.reading.turns(1).await;
        let runs_before = runs(&site.client, scene.session.key()).await;
        scene.submit(named("op-2", say("second"))).await;
        scene.reading.turns(2).await;
        // By now, where runs are short, this is a later run.
        scene.signal(&first).await;
        scene.signal(&named("op-2", say("second"))).await;
        assert!(
            matches!(scene.reply(&first.op_id).await, Reply::Accepted(accepted) if accepted.repeated),
            "{name}"
        );
        scene.submit(named("op-3", say("third"))).await;
        let told = scene.reading.turns(3).await;
        assert_eq!(scene.log(), "first\nsecond\n", "{name}");
        let turn = ["turn_started", "turn_completed: final"];
        assert_eq!(Trace::of(&told.events()).thread, turn.repeat(3), "{name}");
        let is_cut = runs(&site.client, scene.session.key()).await > runs_before;
        assert_eq!(is_cut, name == "many-runs");
    }
    site.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_or_twice_changes_nothing() {
    let site = site().await;
    for (name, run) in [("one-run", RunOptions::default()), ("many-runs", cut())] {
        let scene = Scene::open(&site, name, ApprovalPolicy::OnRequest, run).await;
        scene.submit(named("op-1", say("first"))).await;
        let question = scene.question(1).await;
        scene.submit(named("op-2", Op::Interrupt)).await;
        scene.reading.turns(1).await;
        // The turn is over.
        let late = named("op-3", approve(&question));
        scene.signal(&late).await;
        assert_eq!(scene.reply(&late.op_id).await, Reply::Refused(unknown(&question)), "{name}");
        scene.submit(named("op-4", say("second"))).await;
        let other = scene.question(2).await;
        assert_ne!(other, question, "{name}");
        scene.signal(&late).await;
        scene.submit(named("op-5", approve(&other))).await;
        let again = named("op-6", approve(&other));
        scene.signal(&again).await;
        let told = scene.reading.turns(2).await;
        assert!(matches!(scene.reply(&again.op_id).await, Reply::Refused(_)), "{name}");
        assert_eq!(scene.log(), "second\n", "{name}: {told:#?}");
        assert_eq!(
            Trace::of(&told.events()).thread,
            [
                "turn_started",
                "exec_approval_request",
                "interaction_resolved: withdrawn",
                "turn_aborted: interrupted",
                "turn_started",
                "exec_approval_request",
                "interaction_resolved",
                "turn_completed: final",
            ],
            "{name}"
        );
    }
    site.worker.stop().await;
}

fn approve(question: &InteractionId) -> Op {
    Op::ExecApproval { id: question.clone(), decision: ApprovalDecision::Approved }
}

fn unknown(question: &InteractionId) -> Refusal {
    Refusal::UnknownInteraction { id: question.clone() }
}

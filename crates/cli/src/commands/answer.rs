//! From a second terminal: `send`, `approvals`, `approve`, `deny`, `interrupt`.
//!
//! A thread that another process serves hears the op from its inbox. One that nobody serves is served here until the turn
//! that the op leads to has ended, unless that is not wanted.

use crate::{
    args::{ApproveArgs, DenyArgs, SendArgs},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::{Host, Served, answer, is_active},
    output,
    view::{HumanView, command_line},
};
use agent_core::{AgentSession, ApprovalDecision, Content, Event, EventKind, Op, ThreadKey};

pub(crate) async fn send(host: Host, args: SendArgs) -> Result<Exit, Failure> {
    let key = host.find(&args.thread).await?;
    let op = Op::UserInput { items: vec![Content::text(args.text)] };
    deliver(&host, &key, op, args.no_run).await
}

pub(crate) async fn approve(host: Host, args: ApproveArgs) -> Result<Exit, Failure> {
    let decision =
        if args.session { ApprovalDecision::ApprovedForSession } else { ApprovalDecision::Approved };
    decide(&host, &args.id, decision, args.no_run).await
}

pub(crate) async fn deny(host: Host, args: DenyArgs) -> Result<Exit, Failure> {
    let decision = if args.abort { ApprovalDecision::Abort } else { ApprovalDecision::Denied };
    decide(&host, &args.id, decision, args.no_run).await
}

pub(crate) async fn interrupt(host: Host, thread: Option<&str>) -> Result<Exit, Failure> {
    let key = host.find_or_last(thread).await?;
    if !is_active(&host.summary(&key).await?) {
        return Err(Failure::new(Exit::Failed, format!("no turn is running in thread {}", key.thread)));
    }
    deliver(&host, &key, Op::Interrupt, false).await
}

/// Lists what waits.
pub(crate) async fn approvals(host: Host) -> Result<Exit, Failure> {
    let open = host.open_questions().await?;
    if open.is_empty() {
        output::remark("nothing is waiting for an answer");
    }
    for question in open {
        output::result(&format!(
            "{}  {}  (thread {})",
            question.id,
            ask(&question.question),
            question.key.thread
        ));
    }
    Ok(Exit::Done)
}

async fn decide(host: &Host, id: &str, decision: ApprovalDecision, no_run: bool) -> Result<Exit, Failure> {
    let open = host.open_questions().await?;
    let Some(question) = open.into_iter().find(|question| question.id.as_str() == id) else {
        return Err(Failure::usage(format!(
            "no question {id} is waiting for an answer; everturn approvals lists those that are"
        )));
    };
    deliver(host, &question.key, answer(&question, decision), no_run).await
}

/// What is asked, in one line.
pub(super) fn ask(question: &Event) -> String {
    match &question.kind {
        EventKind::ExecApprovalRequest(request) => {
            format!("{}: {}", command_line(&request.command), request.reason)
        }
        EventKind::PatchApprovalRequest(request) => {
            let files: Vec<&str> = request.changes.iter().map(|change| change.path.as_str()).collect();
            format!("change {}: {}", files.join(", "), request.reason)
        }
        _ => "a question".into(),
    }
}

/// Brings an op to a thread, wherever it is served.
async fn deliver(host: &Host, key: &ThreadKey, op: Op, no_run: bool) -> Result<Exit, Failure> {
    let before = host.summary(key).await?;
    match host.serve(key, no_run).await? {
        Served::Here(session) => {
            let out = anstream::stderr();
            let mut view = HumanView::new(std::io::stderr(), output::style_of(&out), output::on_terminal());
            session.submit(submission(&*session, op)).await?;
            let mut follower = Follower::new(&*session, &mut view, before.last_event);
            let exit = follower.follow(Until::TurnEnds, User::Absent).await?;
            for id in follower.waiting() {
                output::remark(&format!("waiting for an answer: everturn approve {id}"));
            }
            Ok(exit)
        }
        Served::Elsewhere(session) => {
            session.submit(submission(&session, op)).await?;
            output::remark("done; the process that serves the thread goes on");
            Ok(Exit::Done)
        }
        Served::Nowhere(session) => {
            session.submit_or_queue(submission(&session, op)).await?;
            output::remark(&format!(
                "kept; it is heard when the thread is resumed: everturn resume {}",
                key.thread
            ));
            Ok(Exit::Done)
        }
    }
}

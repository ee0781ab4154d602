//! From a second terminal: `send`, `approvals`, `approve`, `deny`, `answer`, `interrupt`.
//!
//! A thread that another process serves hears the op from its inbox. One that nobody serves is served here until the turn
//! that the op leads to has ended, unless that is not wanted.

use super::again::Again;
use crate::{
    answering::{Field, approval, fields, said},
    args::{AnswerArgs, ApproveArgs, DenyArgs, SendArgs},
    backend::{Place, RemoteSession, SubmitOutcome},
    exit::{Exit, Failure},
    follow::{Until, User, said as said_text, submission},
    host::Host,
    output,
    view::{HumanView, asked, clean_line},
};
use agent_core::{
    ApprovalDecision, Event, EventKind, Op, PendingInteraction, Question, QuestionOption, SessionError,
    TurnOverrides,
};
use std::path::Path;

pub(crate) async fn send(host: &Host, args: SendArgs, again: &Again) -> Result<Exit, Failure> {
    let place = host.find(&args.thread).await?;
    let skills = host.skills(Path::new(&place.summary().await?.cwd));
    let op = Op::UserInput { items: said_text(&args.text, &skills) };
    deliver(host, &place, op, args.no_run, again).await
}

pub(crate) async fn approve(host: &Host, args: ApproveArgs, again: &Again) -> Result<Exit, Failure> {
    let (place, question) = host.find_question(&args.id).await?;
    let decision = match (args.session, args.rule) {
        (true, _) => ApprovalDecision::ApprovedForSession,
        (false, None) => ApprovalDecision::Approved,
        (false, Some(words)) => ApprovalDecision::ApprovedWithAmendment { rule: rule(&question, words)? },
    };
    let op = approval(&question, decision)?;
    deliver(host, &place, op, args.no_run, again).await
}

/// The rule to add: these words, or what was proposed.
fn rule(question: &PendingInteraction, words: Option<String>) -> Result<String, Failure> {
    let proposed = match &question.question.kind {
        EventKind::ExecApprovalRequest(request) => request.amendment.clone(),
        _ => None,
    };
    let Some(proposed) = proposed else {
        return Err(Failure::usage(format!(
            "no rule can allow what question {} is about; leave out --rule, or add --session",
            question.id
        )));
    };
    Ok(words.filter(|words| !words.trim().is_empty()).unwrap_or(proposed))
}

pub(crate) async fn deny(host: &Host, args: DenyArgs, again: &Again) -> Result<Exit, Failure> {
    let decision = if args.abort { ApprovalDecision::Abort } else { ApprovalDecision::Denied };
    let (place, question) = host.find_question(&args.id).await?;
    deliver(host, &place, approval(&question, decision)?, args.no_run, again).await
}

/// Answers a question of the agent or of an MCP server, or says what a client's tool came to.
pub(crate) async fn answer(host: &Host, args: AnswerArgs, again: &Again) -> Result<Exit, Failure> {
    let (place, question) = host.find_question(&args.id).await?;
    let op = said(&question, &args.said())?;
    deliver(host, &place, op, args.no_run, again).await
}

pub(crate) async fn interrupt(host: &Host, thread: Option<&str>, again: &Again) -> Result<Exit, Failure> {
    let place = host.find_or_last(thread).await?;
    if !place.summary().await?.status.is_active() {
        let id = &place.key().thread;
        return Err(Failure::new(Exit::Failed, format!("no turn is running in thread {id}")));
    }
    deliver(host, &place, Op::Interrupt, false, again).await
}

/// Lists what waits.
pub(crate) async fn approvals(host: &Host) -> Result<Exit, Failure> {
    let open = host.open_questions().await?;
    if open.is_empty() {
        output::remark("nothing is waiting for an answer");
    }
    for question in open {
        let what = ask(&question.question);
        output::result(&format!("{}  {what}  (thread {})", question.id, question.key.thread));
        for line in details(&question.question) {
            output::result(&format!("    {line}"));
        }
    }
    Ok(Exit::Done)
}

/// What is asked, in one line.
pub(super) fn ask(question: &Event) -> String {
    asked(&question.kind).unwrap_or_else(|| "a question of a later version".into())
}

/// What can be answered, where a yes or no is not all.
fn details(question: &Event) -> Vec<String> {
    let lines: Vec<String> = match &question.kind {
        EventKind::ExecApprovalRequest(request) => {
            let rule = request.amendment.iter();
            rule.map(|rule| format!("--rule allows all that begins with `{rule}`")).collect()
        }
        EventKind::RequestUserInput { questions, .. } => {
            let options = |question: &Question| {
                let options = question.options.iter().enumerate();
                let option = |(at, option): (usize, &QuestionOption)| format!("{} {}", at + 1, option.label);
                let options: Vec<String> = options.map(option).collect();
                format!("{}: {}  {}", question.id, question.question, options.join(" | "))
            };
            questions.iter().map(options).collect()
        }
        EventKind::ElicitationRequest { request, .. } => {
            let open = request.url.iter().map(|url| format!("open {url}"));
            open.chain(fields(&request.schema).iter().map(Field::line)).collect()
        }
        _ => Vec::new(),
    };
    lines.iter().map(|line| clean_line(line)).collect()
}

/// Puts what the command line changes, and what has changed around the thread, before the op: the turn that it begins has to
/// know.
pub(super) async fn queue_changes(
    host: &Host,
    place: &Place,
    remote: &dyn RemoteSession,
) -> Result<(), Failure> {
    let overrides = host.wishes().overrides(&place.settings().await?)?;
    if overrides != TurnOverrides::default() {
        remote.submit_or_queue(submission(remote, Op::OverrideTurnContext { overrides })).await?;
    }
    Ok(())
}

/// Brings an op to a thread, wherever it is served. It is in the thread's inbox before anybody serves the thread, so a turn
/// that was cut off hears it before it goes on.
async fn deliver(host: &Host, place: &Place, op: Op, no_run: bool, again: &Again) -> Result<Exit, Failure> {
    let before = place.summary().await?;
    let remote = place.attach().await?;
    if before.served_by.is_none() && !no_run {
        queue_changes(host, place, &*remote).await?;
    }
    let op = submission(&*remote, op);
    let session = loop {
        if remote.submit_or_queue(op.clone()).await? == SubmitOutcome::Accepted {
            let server = before.served_by.as_ref().map_or_else(String::new, |server| format!(" by {server}"));
            output::remark(&format!("delivered; the thread is served{server}"));
            if !again.is_plain() {
                output::warn(
                    "who serves the thread keeps to its own -c and --profile; these changed nothing",
                );
            }
            return Ok(Exit::Done);
        }
        if no_run {
            break None;
        }
        // Another terminal may be faster; then the op is in the inbox of whoever serves the thread.
        if let Some(session) = host.resume_unless_served(place).await? {
            break Some(session);
        }
    };
    let Some(session) = session else {
        let command = again.command(&["resume", place.key().thread.as_str()]);
        output::remark(&format!("kept; it is heard when the thread is resumed: {command}"));
        again.advise_secrets();
        return Ok(Exit::Done);
    };
    let out = anstream::stderr();
    let mut view = HumanView::new(std::io::stderr(), output::style_of(&out), output::on_terminal());
    view = view.with(host.taste(&before.model));
    let mut follower = host.follower(place, &before, &*session, &mut view).await?;
    let refused = match session.submit(op).await {
        Ok(_) => None,
        Err(SessionError::Refused(refusal)) => Some(refusal),
        Err(error) => return Err(error.into()),
    };
    if let Some(refusal) = &refused {
        output::remark(&format!("not taken: {refusal}"));
    }
    // Whatever was taken: a turn that goes on here is served to its end.
    if refused.is_some() && !before.status.is_active() {
        return Ok(Exit::Failed);
    }
    let exit = follower.follow(Until::TurnEnds, User::Absent).await?;
    again.advise(follower.waiting());
    Ok(if refused.is_some() && exit == Exit::Done { Exit::Failed } else { exit })
}

//! `everturn review`: findings about a change, in a thread of their own or as a part of another.

use super::{
    again::Again,
    budget::{self, Resumed},
    deliver::see_through,
    exec,
};
use crate::{
    args::{ReviewArgs, ReviewTarget},
    exit::{Exit, Failure},
    follow::{Follower, Until, User, submission},
    host::Host,
    output,
    settings::Attendance,
    view::{HumanView, JsonView, Taste, View},
};
use agent_core::{Op, Review, ReviewRequest, Source};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(super) async fn review(host: &Host, args: ReviewArgs, again: &Again) -> Result<Exit, Failure> {
    let ReviewArgs { target, thread, json, output_last_message: file, run: _ } = args;
    let request = request(target)?;
    let cwd = match &thread {
        Some(thread) => host.find(thread).await?.settings().await?.cwd.into(),
        None => host.wishes().directory(),
    };
    require_change(&cwd, &request)?;
    let op = Op::Review { request };
    empty(file.as_ref())?;
    let (exit, review) = match thread {
        Some(thread) => {
            let place = host.find(&thread).await?;
            let mut view = view(json, host.taste(&place.summary().await?.model));
            let outcome = see_through(host, &place, op, Until::TurnEnds, &mut *view, again).await?;
            (outcome.exit, outcome.review)
        }
        None => {
            let settings = host.settings(Attendance::Absent)?;
            let mut view = view(json, host.taste(&settings.model));
            let session = host.start(settings, Source::Review).await?;
            let mut follower = Follower::new(&*session, &mut *view, 0);
            session.submit(submission(&*session, op)).await?;
            let exit = follower.follow(Until::TurnEnds, User::Absent).await?;
            if exit == Exit::Waiting {
                again.advise(follower.waiting());
            }
            budget::advise(host, &*session, &mut follower, again, Resumed::AsTask).await?;
            (exit, follower.review().cloned())
        }
    };
    let Some(review) = review else {
        // A turn that ended well without a result is none.
        return Ok(if exit == Exit::Done { Exit::Failed } else { exit });
    };
    if let Some(path) = &file {
        output::write_file(path, &told(&review, path));
    }
    if !json && !std::io::stdout().is_terminal() {
        output::result(&review.in_words());
    }
    Ok(exit)
}

fn request(target: ReviewTarget) -> Result<ReviewRequest, Failure> {
    let ReviewTarget { uncommitted: _, base, commit, instructions } = target;
    Ok(match (base, commit, instructions) {
        (Some(branch), _, _) => ReviewRequest::BaseBranch { branch },
        (None, Some(sha), _) => ReviewRequest::Commit { sha, title: None },
        (None, None, Some(text)) => ReviewRequest::Custom { instructions: exec::prompt(Some(text), false)? },
        (None, None, None) => ReviewRequest::Uncommitted,
    })
}

/// Says that there is no such change before a model is asked about it.
fn require_change(cwd: &Path, request: &ReviewRequest) -> Result<(), Failure> {
    let named = match request {
        ReviewRequest::Uncommitted => None,
        ReviewRequest::BaseBranch { branch } => Some(branch),
        ReviewRequest::Commit { sha, .. } => Some(sha),
        _ => return Ok(()),
    };
    let git = |args: &[&str]| {
        let ran = Command::new("git").arg("-C").arg(cwd).args(args).stdin(Stdio::null()).output();
        ran.map(|ran| ran.status.success())
    };
    let cwd = cwd.display();
    match git(&["rev-parse", "--git-dir"]) {
        Ok(true) => {}
        Ok(false) => {
            return Err(Failure::usage(format!(
                "{cwd} is in no git repository, so there is no change to review; say in words what to review: everturn review \"…\""
            )));
        }
        Err(error) => {
            return Err(Failure::usage(format!("git cannot be run, and a review needs it: {error}")));
        }
    }
    let Some(named) = named else { return Ok(()) };
    let commit = format!("{named}^{{commit}}");
    match git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]) {
        Ok(false) => Err(Failure::usage(format!(
            "there is no commit or branch {named:?} in {cwd}; git branch --all lists branches"
        ))),
        _ => Ok(()),
    }
}

/// What an earlier run left there is not this one's result, and whether it can be written shows before any work is done.
fn empty(file: Option<&PathBuf>) -> Result<(), Failure> {
    let Some(path) = file else { return Ok(()) };
    std::fs::write(path, "").map_err(|error| {
        Failure::usage(format!("the result cannot be written to {}: {error}", path.display()))
    })
}

fn told(review: &Review, path: &Path) -> String {
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    match serde_json::to_string_pretty(review) {
        Ok(text) if is_json => text + "\n",
        _ => review.in_words() + "\n",
    }
}

fn view(json: bool, taste: Taste) -> Box<dyn View> {
    if json {
        return Box::new(JsonView::new(output::Stdout).with(&taste));
    }
    if std::io::stdout().is_terminal() {
        let style = output::style_of(&anstream::stdout());
        return Box::new(HumanView::new(std::io::stdout(), style, true).with(taste));
    }
    let style = output::style_of(&anstream::stderr());
    Box::new(HumanView::new(std::io::stderr(), style, std::io::stderr().is_terminal()).with(taste))
}

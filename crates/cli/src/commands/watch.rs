//! `attach` and `status`: look at a thread from another terminal.

mod spending;

use super::answer::ask;
use crate::{
    args::BackendName,
    backend::Place,
    exit::{Exit, Failure},
    follow::{Follower, Until, User},
    host::Host,
    lines::typed_lines,
    output,
    view::{HumanView, clean_line},
};
use agent_core::ThreadStatus;

/// Shows a thread from its beginning and goes on until Ctrl-C. What is typed goes to the thread.
pub(crate) async fn attach(host: &Host, thread: Option<&str>) -> Result<Exit, Failure> {
    let place = host.find_or_last(thread).await?;
    let session = place.attach().await?;
    let thread = place.summary().await?;
    if !thread.status.is_active() {
        output::remark("no turn is running; waiting for more, Ctrl-C leaves");
    }
    let out = anstream::stdout();
    let mut view = HumanView::new(std::io::stdout(), output::style_of(&out), false)
        .with(host.taste(&thread.model))
        .watching();
    let mut follower = Follower::new(&*session, &mut view, 0);
    if output::on_terminal() {
        let mut lines = typed_lines();
        follower.follow(Until::Left, User::Present(&mut lines)).await?;
    } else {
        follower.follow(Until::Left, User::Absent).await?;
    }
    Ok(Exit::Done)
}

/// Says what a thread is doing.
pub(crate) async fn status(host: &Host, thread: Option<&str>) -> Result<Exit, Failure> {
    let place = host.find_or_last(thread).await?;
    tell_status(&place).await?;
    Ok(Exit::Done)
}

pub(super) async fn tell_status(place: &Place) -> Result<(), Failure> {
    status_lines(place).await?.iter().for_each(|line| output::result(line));
    Ok(())
}

/// What a thread is doing, what it runs under, what is left and what was spent.
pub(super) async fn status_lines(place: &Place) -> Result<Vec<String>, Failure> {
    let thread = place.summary().await?;
    let id = &place.key().thread;
    let title = thread.called().unwrap_or_default();
    let served = match (&thread.served_by, thread.status.is_active()) {
        (Some(server), _) => format!("by {server}"),
        (None, true) if thread.status == ThreadStatus::Waiting => "by nobody: it waits for an answer".into(),
        (None, true) => {
            format!("by nobody: its process ended in mid-turn; everturn resume {id} goes on")
        }
        (None, false) => "by nobody".into(),
    };
    let lines = [
        ("thread", id.to_string()),
        ("title", clean_line(title)),
        ("status", status_name(thread.status)),
        ("served", served),
        ("backend", BackendName::from(place.backend()).word().to_owned()),
        ("directory", thread.cwd.clone()),
        ("model", thread.model.clone()),
        ("turns", thread.turns.to_string()),
    ];
    let spent =
        spending::lines(&place.settings().await?, spending::last_count(place, thread.last_event).await?);
    let line = |(name, value): (&str, String)| format!("{name:<10} {value}");
    let mut told: Vec<String> = lines.into_iter().chain(spent).map(line).collect();
    for question in place.questions().await? {
        told.push(line(("question", format!("{}  {}", question.id, ask(&question.question)))));
    }
    Ok(told)
}

/// A status as one word.
pub(super) fn status_name(status: ThreadStatus) -> String {
    serde_json::to_value(status).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

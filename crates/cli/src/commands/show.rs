//! `sessions show`: a thread as it went, and every decision in it.

use crate::{
    audit::{Audit, Row},
    backend::Place,
    exit::Failure,
    host::Host,
    output,
    view::{HumanView, JsonView, View},
};

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Lines,
    /// One object a line.
    Json,
}

/// Prints a thread from its beginning to where it is now.
pub(super) async fn show(host: &Host, thread: &str, form: Form) -> Result<(), Failure> {
    let place = host.find(thread).await?;
    let taste = host.taste(&place.summary().await?.model);
    let mut view: Box<dyn View> = match form {
        Form::Json => Box::new(JsonView::new(output::Stdout).with(&taste)),
        Form::Lines => {
            let style = output::style_of(&anstream::stdout());
            Box::new(HumanView::new(output::Stdout, style, false).with(taste).watching())
        }
    };
    let mut after = 0;
    while let Some(last) = page(&place, after, |event| view.event(event)).await? {
        after = last;
    }
    Ok(())
}

/// Prints every decision.
pub(super) async fn audit(host: &Host, thread: &str, form: Form) -> Result<(), Failure> {
    let place = host.find(thread).await?;
    let mut audit = Audit::default();
    let mut after = 0;
    while let Some(last) = page(&place, after, |event| audit.event(event)).await? {
        after = last;
    }
    let style = output::style_of(&anstream::stdout());
    if form == Form::Lines {
        output::result(&Row::heading(style));
    }
    for row in audit.rows() {
        match form {
            Form::Json => output::result(&row.json().to_string()),
            Form::Lines => row.lines(style).iter().for_each(|line| output::result(line)),
        }
    }
    Ok(())
}

/// Reads some events, and says how far it came; none where there are no more.
async fn page(
    place: &Place,
    after: u64,
    mut each: impl FnMut(&agent_core::Event),
) -> Result<Option<u64>, Failure> {
    let events = place.events(after).await?;
    events.iter().for_each(&mut each);
    Ok(events.last().map(|event| event.seq))
}

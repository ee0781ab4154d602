//! `everturn sessions`: what threads there are, and what to do with them.

use super::{
    show::{self, Form},
    watch::status_name,
};
use crate::{
    args::{BackendName, ExportFormat, SessionsArgs, SessionsCommand},
    backend::{Listed, SubmitOutcome},
    exit::{Exit, Failure},
    follow::submission,
    host::Host,
    output,
    view::clean_line,
};
use agent_core::{Op, ThreadStatus, ThreadSummary};
use serde_json::json;

pub(crate) async fn sessions(host: &Host, args: SessionsArgs) -> Result<Exit, Failure> {
    match args.command {
        None => list(host, Form::Lines).await?,
        Some(SessionsCommand::List { json, .. }) => {
            list(host, if json { Form::Json } else { Form::Lines }).await?;
        }
        Some(SessionsCommand::Show { thread, audit, json, .. }) => {
            let form = if json { Form::Json } else { Form::Lines };
            if audit {
                show::audit(host, &thread, form).await?;
            } else {
                show::show(host, &thread, form).await?;
            }
        }
        Some(SessionsCommand::Delete { thread, .. }) => {
            let place = host.find(&thread).await?;
            host.delete(&place).await?;
            output::remark(&format!("deleted {}", place.key().thread));
        }
        Some(SessionsCommand::Rename { thread, name, .. }) => rename(host, &thread, name).await?,
        Some(SessionsCommand::Export { thread, format, .. }) => {
            let format = match format {
                ExportFormat::Jsonl => agent_core::ExportFormat::Jsonl,
                ExportFormat::Markdown => agent_core::ExportFormat::Markdown,
            };
            host.find(&thread).await?.export(format, &mut output::Stdout).await?;
        }
    }
    Ok(Exit::Done)
}

async fn list(host: &Host, form: Form) -> Result<(), Failure> {
    let threads = host.threads().await?;
    if threads.is_empty() && form == Form::Lines {
        output::remark("there are no threads yet; begin one with everturn or everturn exec \"…\"");
    }
    // Where all live in the same place it goes without saying.
    let is_mixed = threads.iter().any(|listed| listed.backend != config::Backend::Local);
    for Listed { thread, backend } in &threads {
        let backend = BackendName::from(*backend).word();
        if form == Form::Json {
            let mut value = json!(thread);
            value["backend"] = backend.into();
            output::result(&value.to_string());
            continue;
        }
        let title = clean_line(thread.called().unwrap_or_default());
        let place = if is_mixed { format!("{backend:<8}  ") } else { String::new() };
        let (id, doing, turns) = (&thread.key.thread, doing(thread), thread.turns);
        output::result(&format!("{id}  {place}{doing:<8} {turns:>3} turns  {title}"));
    }
    Ok(())
}

/// The status, or `cut off` where the process of a running turn is gone.
fn doing(thread: &ThreadSummary) -> String {
    match (thread.status, &thread.served_by) {
        (ThreadStatus::Running, None) => "cut off".into(),
        (status, _) => status_name(status),
    }
}

async fn rename(host: &Host, thread: &str, name: String) -> Result<(), Failure> {
    let place = host.find(thread).await?;
    let before = place.summary().await?;
    let remote = place.attach().await?;
    let op = submission(&*remote, Op::SetThreadName { name });
    if remote.submit_or_queue(op.clone()).await? == SubmitOutcome::Accepted {
        return Ok(());
    }
    if before.status.is_active() {
        // A turn that was cut off is not resumed for a name.
        output::remark("kept; it is heard when the thread is resumed");
        return Ok(());
    }
    let session = place.resume().await?;
    session.submit(op).await?;
    Ok(())
}

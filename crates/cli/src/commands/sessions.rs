//! `everturn sessions`: what threads there are, and what to do with them.

use super::watch::status_name;
use crate::{
    args::{ExportFormat, SessionsArgs, SessionsCommand},
    exit::{Exit, Failure},
    follow::submission,
    host::{Host, is_active},
    output,
    view::clean_line,
};
use agent_core::{AgentSession, Op};
use local_backend::{SubmitOutcome, ThreadSummary};

pub(crate) async fn sessions(host: Host, args: SessionsArgs) -> Result<Exit, Failure> {
    match args.command.unwrap_or(SessionsCommand::List { json: false }) {
        SessionsCommand::List { json } => list(&host, json).await?,
        SessionsCommand::Delete { thread } => {
            let key = host.find(&thread).await?;
            host.delete(&key).await?;
            output::remark(&format!("deleted {}", key.thread));
        }
        SessionsCommand::Rename { thread, name } => rename(&host, &thread, name).await?,
        SessionsCommand::Export { thread, format } => {
            let key = host.find(&thread).await?;
            let format = match format {
                ExportFormat::Jsonl => local_backend::ExportFormat::Jsonl,
                ExportFormat::Markdown => local_backend::ExportFormat::Markdown,
            };
            host.export(&key, format, &mut output::Stdout).await?;
        }
    }
    Ok(Exit::Done)
}

async fn list(host: &Host, json: bool) -> Result<(), Failure> {
    let threads = host.threads().await?;
    if threads.is_empty() && !json {
        output::remark("there are no threads yet; begin one with everturn or everturn exec \"…\"");
    }
    for thread in threads {
        if json {
            output::result(&serde_json::json!(thread).to_string());
        } else {
            let title = clean_line(thread.name.as_ref().or(thread.title.as_ref()).map_or("", String::as_str));
            output::result(&format!(
                "{}  {:<8} {:>3} turns  {title}",
                thread.key.thread,
                doing(&thread),
                thread.turns
            ));
        }
    }
    Ok(())
}

/// The status, or `cut off` where the process of a running turn is gone.
fn doing(thread: &ThreadSummary) -> String {
    match (status_name(thread.status), thread.served_by) {
        (name, None) if name == "running" => "cut off".into(),
        (name, _) => name,
    }
}

async fn rename(host: &Host, thread: &str, name: String) -> Result<(), Failure> {
    let key = host.find(thread).await?;
    let before = host.summary(&key).await?;
    let remote = host.attach(&key).await?;
    let op = submission(&remote, Op::SetThreadName { name });
    if let SubmitOutcome::Accepted(_) = remote.submit_or_queue(op.clone()).await? {
        return Ok(());
    }
    if is_active(&before) {
        // A turn that was cut off is not resumed for a name.
        output::remark("kept; it is heard when the thread is resumed");
        return Ok(());
    }
    let session = host.resume(&key).await?;
    session.submit(op).await?;
    Ok(())
}

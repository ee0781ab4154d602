//! [`InTurn`]: the commands of a conversation that are typed while a turn runs. Those that only tell something, and those that
//! stop the turn, work at once; the others say what to do.

use super::{
    Meant, meant,
    slash::{Slash, help},
};
use crate::{
    backend::ServedSession,
    commands::{lists::told, watch},
    exit::Failure,
    follow::{Commands, Typed},
    host::Host,
};
use agent_core::Query;
use async_trait::async_trait;

/// What a conversation knows while a turn runs.
pub(super) struct InTurn<'a> {
    pub(super) host: &'a Host,
    pub(super) session: &'a dyn ServedSession,
}

#[async_trait]
impl Commands for InTurn<'_> {
    async fn typed(&self, line: &str) -> Result<Typed, Failure> {
        let command = match meant(self.host, line) {
            Meant::Nothing => return Ok(Typed::Tell(Vec::new())),
            Meant::Nonsense(why) => return Ok(Typed::Tell(vec![why])),
            Meant::Said(text) => return Ok(Typed::Say(text)),
            Meant::Command(command) => command,
        };
        Ok(match command {
            Slash::Help => Typed::Tell(help().collect()),
            Slash::Stop => Typed::Stop,
            Slash::Status => {
                let place = self.host.find(self.session.key().thread.as_str()).await?;
                Typed::Tell(watch::status_lines(&place).await?)
            }
            Slash::Skills => self.list(Query::Skills).await,
            Slash::Prompts => self.list(Query::CustomPrompts).await,
            Slash::Models => self.list(Query::Models).await,
            Slash::Quit => {
                refused(line, "leaves when no turn runs; stop this one first with /stop or Ctrl-C")
            }
            Slash::Compact
            | Slash::Go
            | Slash::History
            | Slash::Mcp
            | Slash::Mode { .. }
            | Slash::Personality(_)
            | Slash::Review(_)
            | Slash::Rollback { .. }
            | Slash::Undo => refused(
                line,
                "is for when no turn runs: type it again at the end of this one, or stop this one now with /stop",
            ),
        })
    }
}

impl InTurn<'_> {
    async fn list(&self, query: Query) -> Typed {
        Typed::Tell(match self.host.look_up(query).await {
            Ok(listing) => told(&listing),
            Err(refusal) => vec![refusal.to_string()],
        })
    }
}

fn refused(line: &str, why: &str) -> Typed {
    let name = line.split_whitespace().next().unwrap_or(line);
    Typed::Tell(vec![format!("{name} {why}")])
}

//! [`Contents`]: what a server has to read, for people: page by page, so far as there is time and room.

use super::{
    connection::{Connection, MAX_PAGES, Resources},
    server::{Server, Wait},
    trouble::with_causes,
};
use agent_core::Named;
use rmcp::{
    ServiceError,
    model::{PaginatedRequestParams, Resource, ResourceTemplate},
};
use std::sync::Arc;
use tokio::time::timeout;

/// So many resources of a server are told of, and so many templates.
const MAX_ENTRIES: usize = 512;
/// A name or a description is cut to so many characters.
const MAX_CHARS: usize = 1_000;
/// The error code with which a server says that it does not know what it was asked (JSON-RPC 2.0, section 5.1).
const METHOD_NOT_FOUND: i32 = -32_601;

/// What a server has to read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) resources: Vec<Named>,
    pub(super) templates: Vec<Named>,
    /// What is wrong with the lists.
    pub(super) warnings: Vec<String>,
}

impl Contents {
    /// Asks a server that runs. It has as much time for both lists as it has to start.
    pub(super) async fn of(server: &Arc<Server>, resources: Resources) -> Self {
        let mut contents = Self::default();
        if resources == Resources::None {
            return contents;
        }
        let limit = server.settings.startup_timeout;
        // What was listed in time is told.
        if timeout(limit, contents.read(server)).await.is_err() {
            let seconds = limit.as_secs_f32();
            contents.warnings.push(format!("it did not list all that it has to read within {seconds} s"));
        }
        contents
    }

    async fn read(&mut self, server: &Arc<Server>) {
        let connection = match server.connection(Wait::Fully).await {
            Ok(connection) => connection,
            Err(trouble) => return self.warnings.push(trouble.told(&server.settings)),
        };
        if let Err(error) = resources(&connection, &mut self.resources).await {
            self.trouble("resources", &error);
        }
        if let Err(error) = templates(&connection, &mut self.templates).await {
            self.trouble("resource templates", &error);
        }
        for (what, entries) in [("resources", &self.resources), ("resource templates", &self.templates)] {
            if entries.len() == MAX_ENTRIES {
                self.warnings.push(format!("of its {what} the first {MAX_ENTRIES} are listed"));
            }
        }
    }

    /// A server that has only one of the two need not know the other list.
    fn trouble(&mut self, what: &str, error: &ServiceError) {
        if !matches!(error, ServiceError::McpError(error) if error.code.0 == METHOD_NOT_FOUND) {
            self.warnings.push(format!("it does not list its {what}: {}", with_causes(error)));
        }
    }
}

async fn resources(connection: &Connection, all: &mut Vec<Named>) -> Result<(), ServiceError> {
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = connection.peer().list_resources(Some(params)).await?;
        let told = |Resource { uri, name, title, description, .. }: Resource| {
            named(&uri, description.or(title).unwrap_or(name))
        };
        cursor = page.next_cursor;
        if !keep(all, page.resources.into_iter().map(told)) || cursor.is_none() {
            break;
        }
    }
    Ok(())
}

async fn templates(connection: &Connection, all: &mut Vec<Named>) -> Result<(), ServiceError> {
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = connection.peer().list_resource_templates(Some(params)).await?;
        let told = |ResourceTemplate { uri_template, name, title, description, .. }: ResourceTemplate| {
            named(&uri_template, description.or(title).unwrap_or(name))
        };
        cursor = page.next_cursor;
        if !keep(all, page.resource_templates.into_iter().map(told)) || cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// Says whether there is room for more.
fn keep(all: &mut Vec<Named>, more: impl Iterator<Item = Named>) -> bool {
    all.extend(more.take(MAX_ENTRIES.saturating_sub(all.len())));
    all.len() < MAX_ENTRIES
}

fn named(address: &str, about: String) -> Named {
    let cut = |text: &str| text.chars().take(MAX_CHARS).collect();
    Named { name: cut(address), description: cut(&about) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let one = |at: usize| named(&format!("demo://{at}"), "x".repeat(MAX_CHARS + 1));
        let mut all = Vec::new();
        assert!(keep(&mut all, (0..10).map(one)));
        assert!(!keep(&mut all, (10..MAX_ENTRIES + 10).map(one)));
        assert_eq!(all.len(), MAX_ENTRIES);
        assert_eq!(all[0].description.len(), MAX_CHARS);
        assert_eq!(all[MAX_ENTRIES - 1].name, format!("demo://{}", MAX_ENTRIES - 1));
    }
}

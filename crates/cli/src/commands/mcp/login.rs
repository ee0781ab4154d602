//! `everturn mcp login` and `logout`.

use super::Site;
use crate::{
    exit::{Exit, Failure},
    mcp::{Tokens, server},
    output,
};
use agent_core::Redactor;
use config::{McpServerEntry, McpTransportEntry};
use std::{process::Stdio, sync::Arc};
use tools::mcp::{McpLogin, McpLoginError, McpTokens};

/// What opens an address, the first that is there.
#[cfg(target_os = "macos")]
const OPENERS: &[&str] = &["open"];
#[cfg(not(target_os = "macos"))]
const OPENERS: &[&str] = &["xdg-open", "wslview"];

/// How the user comes to the page of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Browser {
    Opened,
    Printed,
}

/// Logs in.
pub(super) async fn login(
    site: &Site,
    name: &str,
    scopes: &[String],
    browser: Browser,
) -> Result<Exit, Failure> {
    let entry = site.entry(name)?;
    refuse_with_token(name, entry)?;
    let server = server(name, entry, &site.wishes.environment);
    let begun = McpLogin::begin(&server, scopes, tokens(site), Redactor::default()).await;
    let login = begun.map_err(|error| failed(&error))?;
    output::remark(&format!("log in to {name} here:"));
    output::result(login.url());
    if browser == Browser::Opened {
        open(login.url());
    }
    output::remark("waiting for the answer …");
    login.finish().await.map_err(|error| failed(&error))?;
    output::remark(&format!("logged in to {name}"));
    Ok(Exit::Done)
}

fn failed(error: &McpLoginError) -> Failure {
    let exit = match error {
        McpLoginError::NoAddress(_) => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}

fn refuse_with_token(name: &str, entry: &McpServerEntry) -> Result<(), Failure> {
    if let McpTransportEntry::Http { bearer_token_env_var: Some(variable), .. } = &entry.transport {
        return Err(Failure::usage(format!(
            "the MCP server {name} takes its token from {variable}: take `bearer_token_env_var` out to log in"
        )));
    }
    Ok(())
}

/// Forgets a login.
pub(super) fn logout(site: &Site, name: &str) -> Result<Exit, Failure> {
    let removed = forget(site, name)?;
    if !removed {
        site.entry(name)?;
    }
    let what = if removed { "the login was forgotten" } else { "there was no login" };
    output::remark(&format!("{name}: {what}"));
    Ok(Exit::Done)
}

/// Forgets what a login left; whether there was something.
pub(super) fn forget(site: &Site, name: &str) -> Result<bool, Failure> {
    tokens(site).remove(name).map_err(|why| Failure::new(Exit::Backend, why))
}

fn tokens(site: &Site) -> Arc<dyn McpTokens> {
    Arc::new(Tokens::new(site.wishes.config(), site.home.root()))
}

/// Opens an address in the user's browser, where there is one.
fn open(url: &str) {
    for opener in OPENERS {
        let mut command = std::process::Command::new(opener);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}

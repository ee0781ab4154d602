//! What takes the place of MCP in a build without the feature `mcp`: no servers, no tools.

use crate::tool::{Host, failed};
use agent_core::{Preparation, PrepareRequest, Redactor, ToolAnswer, ToolRequest, ToolSpec};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// No servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct McpConfig;

/// No tools.
pub(crate) struct McpTools;

/// What there is: nothing.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) specs: Vec<ToolSpec>,
    pub(crate) warnings: Vec<String>,
}

const ABSENT: &str = "This build has no MCP.";

impl McpTools {
    pub(crate) fn new(_: McpConfig, _: BTreeMap<String, String>, _: Redactor) -> Self {
        Self
    }

    pub(crate) fn claims(&self, _: &str) -> bool {
        false
    }

    pub(crate) async fn gather(&self, _: &str) -> Gathered {
        Gathered::default()
    }

    pub(crate) async fn prepare(&self, _: &Host, _: &PrepareRequest) -> Result<Preparation, String> {
        Err(ABSENT.to_owned())
    }

    pub(crate) async fn run(&self, _: &Host, _: &ToolRequest, _: &CancellationToken) -> ToolAnswer {
        failed(ABSENT)
    }

    pub(crate) async fn close(&self) {}
}

//! What this process brings to its threads besides models and tools: snapshots and hooks of the workspace, skills, and what
//! clients look up.

mod library;
#[cfg(feature = "mcp")]
mod mcp_servers;
mod skills;
mod workspace;

pub(crate) use skills::{SkillSource, WithSkills};

use crate::{host::Keeping, providers::Providers, settings::Wishes};
use agent_core::{Library, ToolCallHandler, Workspace};
use library::HostLibrary;
use std::{path::Path, sync::Arc};
use workspace::HostWorkspace;

/// What this process brings.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) workspace: Arc<dyn Workspace>,
    pub(crate) library: Arc<dyn Library>,
    pub(crate) skills: Arc<SkillSource>,
    redactor: agent_core::Redactor,
}

impl Owner {
    /// `root` is the data folder, `folder` the one of these threads, which is another where they are not kept.
    pub(crate) fn new(
        wishes: &Arc<Wishes>,
        providers: &Arc<Providers>,
        (root, folder): (&Path, &Path),
        keeping: Keeping,
    ) -> Self {
        let skills = Arc::new(SkillSource::new(wishes, root));
        Self {
            workspace: Arc::new(HostWorkspace::new(wishes, providers, folder, keeping)),
            library: Arc::new(HostLibrary::new(wishes, providers, &skills, root)),
            skills,
            redactor: providers.redactor.clone(),
        }
    }

    /// The tools, which now know the skills that a user names.
    pub(crate) fn with_skills<T: ToolCallHandler + 'static>(&self, tools: Arc<T>) -> Arc<dyn ToolCallHandler> {
        Arc::new(WithSkills::new(tools, Arc::clone(&self.skills), self.redactor.clone()))
    }
}

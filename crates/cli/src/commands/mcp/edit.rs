//! Adding servers to config.toml and taking them out, with every comment left where it is.

use super::{Site, unknown};
use crate::{
    exit::{Exit, Failure},
    output,
};
use config::{CONFIG_FILE, Home};
use std::{
    fs,
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};
use tempfile::NamedTempFile;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

const SERVERS: &str = "mcp_servers";
/// A file that may hold secrets is made so.
const MODE: u32 = 0o600;

/// A server that is added.
pub(super) enum NewServer {
    Stdio { name: String, command: Vec<String>, env: Vec<(String, String)> },
    Http { name: String, url: String, bearer_token_env_var: Option<String> },
}

/// The user's config.toml.
pub(super) struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    pub(super) fn of(home: &Home) -> Self {
        Self { path: home.root().join(CONFIG_FILE) }
    }

    /// Adds a server, or replaces what there is of it.
    pub(super) fn add(&self, server: &NewServer) -> Result<Exit, Failure> {
        let mut document = self.read()?;
        let name = server.name();
        let servers = document.entry(SERVERS).or_insert_with(|| {
            let mut table = Table::new();
            // Only the tables of the servers have a header.
            table.set_implicit(true);
            Item::Table(table)
        });
        let Some(servers) = servers.as_table_like_mut() else {
            return Err(self.malformed(&format!("`{SERVERS}` is no table")));
        };
        let replaced = servers.insert(name, server.table()).is_some();
        self.write(&document)?;
        let how = if replaced { "replaced" } else { "added" };
        output::remark(&format!("{name} was {how} in {}", self.path.display()));
        if let NewServer::Http { bearer_token_env_var: None, .. } = server {
            output::remark(&format!("if it wants a login: everturn mcp login {name}"));
        }
        Ok(Exit::Done)
    }

    /// Takes a server out.
    pub(super) fn remove(&self, name: &str, site: &Site) -> Result<Exit, Failure> {
        let mut document = self.read()?;
        let servers = document.get_mut(SERVERS).and_then(Item::as_table_like_mut);
        let removed = servers.and_then(|servers| servers.remove(name));
        if removed.is_none() {
            let known = &site.wishes.config().mcp_servers;
            if known.contains_key(name) {
                return Err(Failure::usage(format!(
                    "the MCP server {name} is configured, but not in {}: take it out where it is; everturn config says where",
                    self.path.display()
                )));
            }
            return Err(unknown(name, known.keys().map(String::as_str)));
        }
        if document.get(SERVERS).and_then(Item::as_table_like).is_some_and(TableLike::is_empty) {
            document.remove(SERVERS);
        }
        self.write(&document)?;
        output::remark(&format!("{name} was taken out of {}", self.path.display()));
        Ok(Exit::Done)
    }

    fn read(&self) -> Result<DocumentMut, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.failed("read", &error)),
        };
        text.parse().map_err(|error: toml_edit::TomlError| self.malformed(error.message()))
    }

    /// Replaces the file as a whole, so that no reader ever sees half of it. It keeps its permissions.
    fn write(&self, document: &DocumentMut) -> Result<(), Failure> {
        // A link stays a link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mode = fs::metadata(&path).map_or(MODE, |found| found.permissions().mode() & 0o777);
        let replaced = || -> io::Result<()> {
            let folder = path.parent().ok_or(ErrorKind::NotFound)?;
            let open = |path: &std::path::Path| {
                fs::OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
            };
            let mut new: NamedTempFile<fs::File> =
                tempfile::Builder::new().prefix(".config.").make_in(folder, open)?;
            new.write_all(document.to_string().as_bytes())?;
            new.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
            new.as_file().sync_all()?;
            new.persist(&path)?;
            Ok(())
        };
        replaced().map_err(|error| self.failed("written", &error))
    }

    fn malformed(&self, why: &str) -> Failure {
        Failure::usage(format!(
            "{} cannot be changed: {why}; everturn config says where",
            self.path.display()
        ))
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::Backend, format!("{} cannot be {what}: {error}", self.path.display()))
    }
}

impl NewServer {
    fn name(&self) -> &str {
        match self {
            Self::Stdio { name, .. } | Self::Http { name, .. } => name,
        }
    }

    fn table(&self) -> Item {
        let mut table = Table::new();
        match self {
            Self::Stdio { command, env, .. } => {
                let mut words = command.iter();
                table["command"] = value(words.next().map_or("", String::as_str));
                let args: Array = words.map(String::as_str).collect();
                if !args.is_empty() {
                    table["args"] = value(args);
                }
                if !env.is_empty() {
                    let mut variables = Table::new();
                    for (name, content) in env {
                        variables[name] = value(content);
                    }
                    table["env"] = Item::Table(variables);
                }
            }
            Self::Http { url, bearer_token_env_var, .. } => {
                table["url"] = value(url);
                if let Some(variable) = bearer_token_env_var {
                    table["bearer_token_env_var"] = value(variable);
                }
            }
        }
        Item::Table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, ConfigFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        fs::write(&path, text).unwrap();
        (folder, ConfigFile { path })
    }

    fn docs(args: &[&str]) -> NewServer {
        let command = ["npx"].iter().chain(args).map(|word| (*word).to_owned()).collect();
        NewServer::Stdio { name: "docs".into(), command, env: vec![("A".into(), "b".into())] }
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let before =
            "# mine\nmodel = \"x\"   # good\n\n[mcp_servers.other] # work\nurl = \"http://h\"\n\n# the end\n";
        let (_folder, config) = file(before);
        config.add(&docs(&["-y"])).unwrap();
        let after = fs::read_to_string(&config.path).unwrap();
        let added =
            "\n[mcp_servers.docs]\ncommand = \"npx\"\nargs = [\"-y\"]\n\n[mcp_servers.docs.env]\nA = \"b\"\n";
        assert_eq!(after.replace(added, ""), before, "{after}");
        config.add(&docs(&[])).unwrap();
        let replaced = fs::read_to_string(&config.path).unwrap();
        assert_eq!(replaced, after.replace("args = [\"-y\"]\n", ""));
    }

    #[test]
    fn a_new_file_is_the_owners_alone_and_an_old_one_keeps_its_permissions() {
        let (_folder, config) = file("");
        fs::remove_file(&config.path).unwrap();
        let mode = || fs::metadata(&config.path).unwrap().permissions().mode() & 0o777;
        config.add(&docs(&[])).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&config.path, fs::Permissions::from_mode(0o640)).unwrap();
        config.add(&docs(&["a"])).unwrap();
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_left_alone() {
        for text in ["model = ", "mcp_servers = 3\n"] {
            let (_folder, config) = file(text);
            let refused = config.add(&docs(&[])).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert_eq!(fs::read_to_string(&config.path).unwrap(), text);
        }
    }
}

//! [`Import`]: the settings of Codex, as Everturn takes them.
//!
//! The text stays what it was, comments and order too. Only what has no effect here is commented out, so that nothing is
//! lost and nothing warns at every start. Profiles that Codex keeps in files of their own become tables of the one file.

mod edit;
mod queries;
mod statements;

use crate::{
    CONFIG_FILE, ConfigError, Environment, KeyPath, Loaded, Sources, Verdict,
    environment::CODEX_HOME,
    load::load_text,
    origin::Lines,
    read::{File, read_file},
};
use edit::Edits;
use queries::without_queries;
use statements::{Statements, statements};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Profiles of Codex are in `NAME.config.toml` beside `config.toml`.
const PROFILE_SUFFIX: &str = ".config.toml";

/// What is at the top of the file that is made.
const HEADING: &str = "\
# Taken over by `everturn config import`. What has no effect here is commented out; nothing was left out.
# All keys: docs/config.md, or `everturn config keys`.

";

/// The settings of Codex, as Everturn takes them; nothing is written yet.
#[derive(Debug)]
pub struct Import {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// What became of each key.
    pub keys: Vec<(KeyPath, Verdict)>,
    /// What `config.toml` will have in it.
    pub text: String,
    /// Only what the file itself says counts, not what happens to be set here and now: this has the user's home at most.
    environment: Environment,
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// The new one takes its place.
    Replace,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is no such file.
    #[error("there is no file {}; name another with --from FILE", .0.display())]
    Missing(PathBuf),
    /// A file of Codex cannot be understood.
    #[error(transparent)]
    Unusable(#[from] ConfigError),
    /// There are settings already.
    #[error("{} is there already; everturn config import --force replaces it", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was made of a file is not what the file says. That would be a mistake of this program.
    #[error("{} is written in a way that cannot be taken over by itself; copy it to {CONFIG_FILE} by hand", .0.display())]
    Beyond(PathBuf),
}

impl Import {
    /// Where Codex has its settings: `$CODEX_HOME/config.toml`, else `~/.codex/config.toml`.
    pub fn default_source(environment: &Environment) -> Option<PathBuf> {
        let folder = environment.get(CODEX_HOME).map(PathBuf::from);
        let folder = folder.or_else(|| Some(Path::new(environment.get("HOME")?).join(".codex")))?;
        Some(folder.join(CONFIG_FILE))
    }

    /// Reads the file and the profiles beside it. They are not changed.
    ///
    /// # Errors
    /// Where the file is missing, cannot be read or is not TOML.
    pub fn read(from: &Path, environment: &Environment) -> Result<Self, ImportError> {
        let from = std::path::absolute(from).unwrap_or_else(|_| from.to_owned());
        let main = read_file(&from)?.ok_or_else(|| ImportError::Missing(from.clone()))?;
        let mut files = vec![from.clone()];
        let mut edits = Edits::new(&main);
        let parsed = statements(&Lines::new(&from, &main))?;
        let (mut profiles, mut superseded) = (String::new(), Vec::new());
        for (name, path) in profile_files(&from) {
            let Some(text) = read_file(&path)? else { continue };
            let table = KeyPath::bare("profiles").with(name);
            let below = statements(&Lines::new(&path, &text))?;
            profiles.push_str(&as_table(&table, &path, &text, &below));
            // A newer Codex reads the file and not the table.
            if edits.comment_out(&parsed, |path| path.is_within(&table)) {
                let why = format!("no effect here: {} takes its place", path.display());
                superseded.push((table, Verdict::Unserved(why)));
            }
            files.push(path);
        }
        let text = edits.text() + &profiles;
        let text = without_queries(&from, &text)?;
        let (text, mut keys) = Self::served(&from, &text, environment)?;
        keys.append(&mut superseded);
        let home = environment.get("HOME").map(|home| ("HOME".into(), home.into()));
        Ok(Self { files, keys, text: format!("{HEADING}{text}"), environment: Environment::new(home) })
    }

    /// What the settings come to in this data folder, whether they are written there yet or not.
    ///
    /// # Errors
    /// What is still wrong with them as a whole, for example a provider that is not there. Places are those in the file
    /// that [`write`](Self::write) makes.
    pub fn load(&self, home: &Path) -> Result<Loaded, ConfigError> {
        let sources = Sources {
            environment: &self.environment,
            home,
            profile: None,
            flags: Vec::new(),
            overrides: Vec::new(),
        };
        load_text(&sources, &home.join(CONFIG_FILE), Some(&self.text))
    }

    /// The text with all commented out that has no effect, and what became of each key.
    fn served(
        from: &Path,
        text: &str,
        environment: &Environment,
    ) -> Result<(String, Vec<(KeyPath, Verdict)>), ImportError> {
        let user = environment.get("HOME").map(Path::new);
        let lines = Lines::new(from, text);
        let file = File::parse(&lines, from, user)?;
        let layers = std::iter::once(file.top).chain(file.profiles.into_values());
        let (mut keys, mut settings) = (Vec::new(), Vec::new());
        for layer in layers {
            keys.extend(layer.verdicts);
            settings.extend(layer.settings);
        }
        let taken: Vec<&KeyPath> =
            keys.iter().filter(|(_, verdict)| *verdict == Verdict::Taken).map(|(key, _)| key).collect();
        let dropped: Vec<&KeyPath> =
            keys.iter().filter(|(_, verdict)| *verdict != Verdict::Taken).map(|(key, _)| key).collect();
        let mut edits = Edits::new(text);
        let folder = from.parent().unwrap_or(Path::new("/"));
        edits.keep_served(&statements(&lines)?, &taken, &dropped, folder);
        let edited = edits.text();
        // Whatever the file looks like: what is written must say what was said, no less and no more.
        let again = File::parse(&Lines::new(from, &edited), from, user).ok();
        let again = again.filter(|file| file.top.problems.is_empty() && file.top.notices.is_empty());
        let again = again.map(|file| std::iter::once(file.top).chain(file.profiles.into_values()));
        let same = again.is_some_and(|layers| {
            let now: Vec<_> =
                layers.flat_map(|layer| layer.settings).map(|(key, set)| (key, set.value)).collect();
            now.len() == settings.len()
                && settings.iter().all(|(key, set)| now.contains(&(key.clone(), set.value.clone())))
        });
        if same { Ok((edited, keys)) } else { Err(ImportError::Beyond(from.to_owned())) }
    }

    /// Writes `config.toml` into the data folder, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// Where there is one that is to be kept, or it cannot be written.
    pub fn write(&self, home: &Path, existing: Existing) -> Result<PathBuf, ImportError> {
        let path = home.join(CONFIG_FILE);
        let unwritable = |source| ImportError::Unwritable { path: path.clone(), source };
        let draft = home.join(format!(".{CONFIG_FILE}.{}", std::process::id()));
        let written = write_private(&draft, &self.text).and_then(|()| match existing {
            Existing::Replace => fs::rename(&draft, &path),
            // Unlike a rename, a link never takes the place of a file.
            Existing::Keep => fs::hard_link(&draft, &path).and_then(|()| fs::remove_file(&draft)),
        });
        match written {
            Ok(()) => Ok(path),
            Err(error) => {
                // The draft may not be there at all.
                let _ = fs::remove_file(&draft);
                if error.kind() == io::ErrorKind::AlreadyExists && existing == Existing::Keep {
                    return Err(ImportError::Exists(path));
                }
                Err(unwritable(error))
            }
        }
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The profiles in files of their own, by name.
fn profile_files(main: &Path) -> Vec<(String, PathBuf)> {
    let Some(entries) = main.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return Vec::new() };
    let name = |path: &Path| path.file_name()?.to_str()?.strip_suffix(PROFILE_SUFFIX).map(str::to_owned);
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter_map(|path| Some((name(&path).filter(|name| !name.is_empty())?, path)))
        .collect();
    found.sort();
    found
}

/// The text of a profile's file as a table of the one file.
fn as_table(table: &KeyPath, path: &Path, text: &str, below: &Statements) -> String {
    let mut edits = Edits::new(text);
    edits.put_headers_below(below, table);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("\n# From {name}:\n[{table}]\n{}", edits.text())
}

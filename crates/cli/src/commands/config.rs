//! `everturn config`: every setting with its value and where it came from; what keys there are; Codex's settings.

use crate::{
    args::RunArgs,
    exit::{Exit, Failure},
    output,
    settings::{Purpose, Wishes},
    view::clean_line,
};
use clap::{Args, Subcommand};
use config::{
    CONFIG_FILE, ConfigError, Environment, Existing, Fallback, Home, Import, ImportError, KEYS, Key, KeyPath,
    Listing, Loaded, Lookup, Origin, Provenance, Setting, Value, Verdict, lookup_key,
};
use serde_json::json;
use std::path::PathBuf;

/// The widest that a value gets in the table, in letters.
const MAX_VALUE_CHARS: usize = 60;

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
    /// Also what is not set, and what is known of providers that are not used.
    #[arg(long)]
    all: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the value of a key, or all values of a table.
    Get {
        /// The key, for example model_provider or model_providers.openai.
        key: String,
        /// One JSON object a line, with where the value came from.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        run: Box<RunArgs>,
    },
    /// Print where the user's settings are, whether there are any or not.
    Path,
    /// List every key: what it takes, its default, what sets it.
    Keys,
    /// Take over the settings of Codex; its own files stay as they are.
    Import {
        /// Codex's file [default: $CODEX_HOME/config.toml, else ~/.codex/config.toml].
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Replace the settings that are there.
        #[arg(long)]
        force: bool,
    },
}

/// Runs the command. What is given in `run` counts as on any other command, so that one can see what it would lead to.
pub(crate) fn config(environment: &Environment, args: ConfigArgs, run: RunArgs) -> Result<Exit, Failure> {
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let run = args.run.over(run);
    let load = |run| Wishes::load(environment, home.root(), run, Purpose::Serve).map(|wishes| wishes.loaded);
    let format = |json| if json { Format::Json } else { Format::Text };
    match args.command {
        None => {
            let listing = if args.all { Listing::All } else { Listing::Effective };
            // What is wrong does not hide the rest, and is said below it.
            let whole = load(run.clone());
            let loaded = match &whole {
                Ok(loaded) => loaded,
                Err(_) => &Wishes::look(environment, home.root(), &run)
                    .map_err(|error| Failure::usage(error.to_string()))?,
            };
            list(&loaded.provenance, listing, format(args.json));
            loaded.notices.iter().for_each(|notice| output::warn(notice));
            whole.map(|_| Exit::Done)
        }
        Some(ConfigCommand::Get { key, json, run: given }) => {
            get(&load(given.over(run))?.provenance, &key, format(json || args.json))
        }
        Some(ConfigCommand::Path) => {
            output::result(&home.root().join(CONFIG_FILE).display().to_string());
            Ok(Exit::Done)
        }
        Some(ConfigCommand::Keys) => {
            KEYS.iter().for_each(describe);
            Ok(Exit::Done)
        }
        Some(ConfigCommand::Import { from, force }) => {
            let existing = if force { Existing::Replace } else { Existing::Keep };
            import(environment, &home, from, existing)
        }
    }
}

/// For whom something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

fn list(provenance: &Provenance, listing: Listing, format: Format) {
    let settings = provenance.list(listing);
    if format == Format::Json {
        settings.iter().for_each(|(key, setting)| output::result(&as_json(key, setting)));
        return;
    }
    let mut rows: Vec<[String; 3]> = settings.iter().map(|(key, setting)| row(key, setting)).collect();
    // What is not set and holds all the same belongs to every list: the policies of a run, the window of its model.
    let depends = |key: &Key| matches!(key.default, Fallback::Depends(_)) && !key.path.contains('.');
    let wanted = provenance.unset().filter(|key| listing == Listing::All || depends(key));
    rows.extend(wanted.map(|key| [key.path.to_owned(), "-".to_owned(), unset(key)]));
    rows.sort();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (keys, values) = (width(0), width(1));
    let style = output::style_of(&anstream::stdout());
    for [key, value, origin] in &rows {
        // Padded before it is coloured: colours have no width on the screen but one in the text.
        let (key, value) = (format!("{key:keys$}"), format!("{value:values$}"));
        output::result(&format!("{}  {value}  {}", style.bold(key), style.dim(origin)));
    }
}

fn row(key: &KeyPath, setting: &Setting) -> [String; 3] {
    let value = setting.value.to_string();
    let value = match value.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    };
    [key.to_string(), value, clean_line(&setting.origin.to_string())]
}

fn get(provenance: &Provenance, key: &str, format: Format) -> Result<Exit, Failure> {
    let found = provenance.find(key);
    // One value by itself, under its name or its other one, is for scripts: without the quotes.
    let means = match lookup_key(key) {
        Lookup::Key(known) => known.means.unwrap_or(known.path),
        Lookup::Table | Lookup::Unserved(_) | Lookup::Unknown => key,
    };
    for (path, setting) in &found {
        let shown = path.to_string();
        let is_alone = found.len() == 1 && (shown == key || shown == means);
        match (format, &setting.value) {
            (Format::Json, _) => output::result(&as_json(path, setting)),
            (Format::Text, Value::Text(text)) if is_alone => output::result(text),
            (Format::Text, value) if is_alone => output::result(&value.to_string()),
            (Format::Text, value) => output::result(&format!("{shown} = {value}")),
        }
    }
    if !found.is_empty() {
        return Ok(Exit::Done);
    }
    match lookup_key(key) {
        Lookup::Key(known) => output::remark(&format!("{key} is {}", unset(known))),
        Lookup::Table => output::remark(&format!("nothing is set in {key}")),
        Lookup::Unserved(known) => output::remark(&format!("{key} has no effect {}", known.why)),
        Lookup::Unknown => {
            return Err(Failure::usage(format!(
                "there is no key {key}; everturn config keys lists those there are"
            )));
        }
    }
    Ok(Exit::Failed)
}

/// What holds for a key that nothing sets.
fn unset(key: &Key) -> String {
    match key.default {
        Fallback::Depends(on) => format!("not set: {on}"),
        _ => "not set".to_owned(),
    }
}

fn as_json(key: &KeyPath, setting: &Setting) -> String {
    let layer = setting.origin.layer().word();
    let mut object = json!({
        "key": key.to_string(),
        "value": json_value(&setting.value),
        "layer": layer,
        "source": setting.origin.to_string(),
    });
    if let Some(place) = setting.origin.place() {
        object["file"] = json!(place.file.to_string_lossy());
        object["line"] = json!(place.line);
        object["column"] = json!(place.column);
    }
    if let Origin::Profile { name, .. } = &setting.origin {
        object["profile"] = json!(name);
    }
    object.to_string()
}

/// The value; a secret is `null`.
fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Bool(yes) => json!(yes),
        Value::List(items) => items.iter().map(json_value).collect(),
        _ => serde_json::Value::Null,
    }
}

fn describe(key: &Key) {
    let style = output::style_of(&anstream::stdout());
    let default = match key.default {
        Fallback::Unset => String::new(),
        Fallback::Depends(on) => format!("; default: {on}"),
        default => default.value().map(|value| format!("; default: {value}")).unwrap_or_default(),
    };
    let set_by: Vec<&str> = key.flag.iter().chain(key.variables).copied().collect();
    let set_by = if set_by.is_empty() { String::new() } else { format!("; set by {}", set_by.join(", ")) };
    output::result(&format!(
        "{}\n    {}\n    {}",
        style.bold(key.path.replace('*', "NAME")),
        key.about,
        style.dim(format!("takes {}{default}{set_by}", key.takes()))
    ));
}

fn import(
    environment: &Environment,
    home: &Home,
    from: Option<PathBuf>,
    existing: Existing,
) -> Result<Exit, Failure> {
    let from = from.or_else(|| Import::default_source(environment)).ok_or_else(|| {
        Failure::usage(
            "there is no home directory to look for Codex's settings in; name the file with --from FILE",
        )
    })?;
    let import = Import::read(&from, environment).map_err(failure)?;
    let written = import.write(home.root(), existing).map_err(failure)?;
    let style = output::style_of(&anstream::stdout());
    for (key, verdict) in &import.keys {
        let (word, why) = match verdict {
            Verdict::Taken => (style.green("taken     "), ""),
            Verdict::Unserved(why) => (style.dim("not used  "), why.as_str()),
            Verdict::Unknown(why) => (style.yellow("unknown   "), why.as_str()),
            Verdict::BadValue(why) => (style.yellow("bad value "), why.as_str()),
            _ => (style.dim("left out  "), ""),
        };
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        output::result(&format!("{word} {}", clean_line(&format!("{key}{why}"))));
    }
    let files: Vec<String> = import.files.iter().map(|file| file.display().to_string()).collect();
    output::remark(&format!("{} was made from {}", written.display(), files.join(", ")));
    match import.load(home.root()) {
        Ok(Loaded { warnings, notices, .. }) => {
            warnings.iter().chain(&notices).for_each(|warning| output::warn(warning));
            Ok(Exit::Done)
        }
        Err(problem) => Err(Failure::new(Exit::Failed, format!("one thing is left to do there: {problem}"))),
    }
}

fn failure(error: ImportError) -> Failure {
    match &error {
        ImportError::Unwritable { .. } | ImportError::Unusable(ConfigError::Unreadable { .. }) => {
            Failure::backend(&error)
        }
        _ => Failure::usage(error.to_string()),
    }
}

//! `everturn codec-key`: the keys that encrypt what reaches a Temporal server.

use crate::{
    exit::{Exit, Failure},
    output,
};
use clap::Args;
use config::{Environment, Home};
use std::path::PathBuf;
use temporal_backend::{CodecError, Position, activate_key, add_key, create_key_file};

/// The file in a data folder, where none is named.
const FILE: &str = "codec.keys";

/// What `--help` says below the options.
const ABOUT: &str = "\
Set temporal.codec.key_file in the configuration to use the file. Everything that reaches the Temporal server is then \
encrypted with its first key and read with any of them; docs/temporal-security.md says what stays readable. Without its key a \
thread cannot be read again: keep a copy in a safe place.

Examples:
  everturn codec-key                          make ~/.everturn/codec.keys
  everturn codec-key FILE --add               rotate: a new key encrypts, the others still read
  everturn codec-key FILE --add --standby     add a key that only reads until it is on every machine
  everturn codec-key FILE --activate ID       encrypt with that key from now on";

/// The options of `everturn codec-key`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct CodecKeyArgs {
    /// The file with the keys [default: ~/.everturn/codec.keys].
    file: Option<PathBuf>,
    /// Add a key to the file; it encrypts from now on.
    #[arg(long, conflicts_with = "activate")]
    add: bool,
    /// The added key only reads.
    #[arg(long, requires = "add")]
    standby: bool,
    /// Encrypt with this key of the file from now on.
    #[arg(long, value_name = "ID")]
    activate: Option<String>,
}

/// Runs the command.
pub(crate) fn codec_key(environment: &Environment, args: CodecKeyArgs) -> Result<Exit, Failure> {
    let file = match args.file {
        Some(file) => file,
        None => Home::open(environment).map_err(|error| Failure::backend(&error))?.root().join(FILE),
    };
    let failed = |error: CodecError| Failure::usage(error.to_string());
    let shown = file.display();
    if let Some(id) = &args.activate {
        activate_key(&file, id).map_err(failed)?;
        output::remark(&format!("{id} encrypts from now on"));
    } else if args.add {
        let position = if args.standby { Position::Standby } else { Position::Active };
        let id = add_key(&file, position).map_err(failed)?;
        let does = if args.standby { "only reads, until it is activated" } else { "encrypts from now on" };
        output::remark(&format!("{id} was added to {shown}; it {does}"));
    } else {
        if file.exists() {
            return Err(Failure::usage(format!("{shown} is there already; --add adds a key to it")));
        }
        let id = create_key_file(&file).map_err(failed)?;
        output::remark(&format!(
            "{id} is in {shown}; keep a copy in a safe place. To use it: -c temporal.codec.key_file={shown}, or the \
             same in config.toml"
        ));
    }
    Ok(Exit::Done)
}

//! Builds what is measured, as it is shipped.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;

use crate::test_run::cargo;

/// Builds the program and returns where it is.
pub(crate) fn program(root: &Path) -> Result<PathBuf> {
    release(root, &["-p", "cli"], "everturn")
}

/// Builds the host of the library and returns where it is.
pub(crate) fn host(root: &Path) -> Result<PathBuf> {
    release(root, &["-p", "local-backend", "--example", "bench_host"], "examples/bench_host")
}

fn release(root: &Path, what: &[&str], file: &str) -> Result<PathBuf> {
    let status = cargo(root)
        .args(["build", "--release", "--quiet"])
        .args(what)
        .stdin(Stdio::null())
        .status()
        .context("could not start cargo")?;
    ensure!(status.success(), "cargo build --release {} failed", what.join(" "));
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.join("release").join(file).into())
}

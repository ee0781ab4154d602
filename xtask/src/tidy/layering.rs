//! Dependencies point inward (STYLE rule 3), and the core knows no runtime, network, storage or screen (rule 4).

use anyhow::{Context, Result};
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand};

use super::{Finding, Tree};

/// From the inside out; a crate may use those of every ring before its own, and none of its own ring.
const RINGS: [&[&str]; 5] = [
    &["agent-core"],
    &["models", "tools", "sink", "config"],
    &["local-backend", "temporal-backend"],
    &["runtime", "gateway"],
    &["cli"],
];

/// Beside the rings: what we and our users test with.
const TEST_KIT: &str = "test-kit";
const USED_BY_TEST_KIT: [&str; 2] = ["agent-core", "models"];
/// Anybody's dev-dependencies.
const USED_IN_TESTS: [&str; 2] = ["agent-core", TEST_KIT];
/// These may use everything, and nobody uses them.
const FREE: [&str; 2] = ["tests", "xtask"];

/// What the core must not know. A name stands for the whole family `name-*` and `name_*` too.
const BANNED_IN_CORE: [&str; 44] = [
    // runtimes and the operating system
    "tokio",
    "async-std",
    "async-io",
    "async-executor",
    "mio",
    "rayon",
    "libc",
    "nix",
    "rustix",
    "ignore",
    "walkdir",
    "notify",
    "tempfile",
    // network
    "reqwest",
    "hyper",
    "h2",
    "http",
    "axum",
    "tower",
    "tonic",
    "ureq",
    "isahc",
    "curl",
    "rustls",
    "rmcp",
    // storage
    "sqlx",
    "rusqlite",
    "libsqlite3",
    "diesel",
    "redb",
    "sled",
    // Temporal
    "temporalio",
    "temporal",
    // screens and command lines
    "ratatui",
    "crossterm",
    "clap",
    "indicatif",
    "inquire",
    // clocks and randomness, which arrive through traits
    "chrono",
    "time",
    "jiff",
    "rand",
    "getrandom",
    "fastrand",
];

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let metadata = MetadataCommand::new()
        .manifest_path(tree.root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("cargo metadata failed")?;
    let members: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root);
        let manifest = manifest.unwrap_or(&package.manifest_path).as_str().replace('\\', "/");
        let text = tree.read(&manifest)?;
        if ring(name).is_none() && name != TEST_KIT && !FREE.contains(&name) {
            let message =
                format!("crate `{name}` has no place in the layers: give it one in tidy/layering.rs");
            findings.push(Finding::new(&*manifest, 1, message));
            continue;
        }
        for dependency in &package.dependencies {
            let other = dependency.name.as_str();
            let message = if members.contains(&other) {
                (!edge_is_allowed(name, other, dependency.kind))
                    .then(|| format!("`{name}` must not depend on `{other}`: dependencies point inward"))
            } else {
                (ring(name) == Some(0) && dependency.kind != DependencyKind::Development && is_banned(other))
                    .then(|| {
                        format!("`{name}` must not know `{other}`: put it behind a trait, in an outer crate")
                    })
            };
            findings.extend(
                message.map(|message| Finding::new(&*manifest, declaration(&text, dependency), message)),
            );
        }
    }
    Ok(findings)
}

fn edge_is_allowed(from: &str, to: &str, kind: DependencyKind) -> bool {
    if FREE.contains(&from) {
        return true;
    }
    // Its own tests may turn on features of a crate by depending on it again.
    if kind == DependencyKind::Development && (USED_IN_TESTS.contains(&to) || from == to) {
        return true;
    }
    if from == TEST_KIT {
        return USED_BY_TEST_KIT.contains(&to);
    }
    matches!((ring(from), ring(to)), (Some(outer), Some(inner)) if inner < outer)
}

fn ring(name: &str) -> Option<usize> {
    RINGS.iter().position(|ring| ring.contains(&name))
}

fn is_banned(name: &str) -> bool {
    BANNED_IN_CORE.iter().any(|banned| {
        name.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

/// The line of a manifest which declares a dependency; 1 when it is written in some other way.
fn declaration(manifest: &str, dependency: &Dependency) -> usize {
    let key = dependency.rename.as_ref().unwrap_or(&dependency.name).as_str();
    let wanted = match dependency.kind {
        DependencyKind::Development => "dev-dependencies",
        DependencyKind::Build => "build-dependencies",
        DependencyKind::Normal | DependencyKind::Unknown => "dependencies",
    };
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let table = header.strip_suffix(key).and_then(|table| table.strip_suffix('.')).unwrap_or(header);
            inside = table.rsplit('.').next() == Some(wanted);
            if inside && table.len() < header.len() {
                return index + 1;
            }
        } else if inside
            && line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
        {
            return index + 1;
        }
    }
    1
}

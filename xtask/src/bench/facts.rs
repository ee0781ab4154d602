//! The machine and the code that was measured.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

/// What a figure depends on besides the program.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) memory_mb: u64,
    /// Processes that wanted the processor in the minute before.
    pub(crate) load: String,
}

pub(crate) fn machine() -> Result<Machine> {
    let field = |path: &str, name: &str| -> String {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned());
        value.unwrap_or_default()
    };
    let first_word = |path: &str| -> String {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let memory_kb = field("/proc/meminfo", "MemTotal");
    let memory_kb = memory_kb.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok());
    Ok(Machine {
        cpu: field("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism()?.get(),
        kernel: first_word("/proc/sys/kernel/osrelease"),
        memory_mb: memory_kb.unwrap_or(0) / 1024,
        load: first_word("/proc/loadavg"),
    })
}

/// The commit that is checked out, with `+` where files differ from it; empty where git does not know.
pub(crate) fn commit(root: &Path) -> String {
    let git = |args: &[&str]| -> Option<String> {
        let output = Command::new("git").args(args).current_dir(root).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return String::new() };
    let changed = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    if changed { commit + "+" } else { commit }
}

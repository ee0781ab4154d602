//! What the sandbox costs: starts `true` plainly and in the sandbox, in turns, and prints the medians.
//!
//! ```sh
//! cargo build --release -p tools --example sandbox_cost --bin everturn-sandbox
//! target/release/examples/sandbox_cost [ROUNDS] [HELPER]
//! ```
//!
//! Without a helper this program is its own, as a host is.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use agent_core::{NetworkAccess, SandboxPolicy};
use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};
use tools::sandbox::{Confinement, Helper, Launch, SandboxConfig, Support, serve_launch};

/// Enough for a median that stays the same to a few hundredths of a millisecond on a machine that does nothing else.
const ROUNDS: usize = 500;
/// Of each kind, not counted.
const WARM_UP: usize = 20;

fn main() -> anyhow::Result<()> {
    serve_launch();
    let mut arguments = std::env::args().skip(1);
    let rounds =
        arguments.next().map_or(Ok(ROUNDS), |text| text.parse()).context("ROUNDS is not a number")?;
    let helper = arguments.next().map_or(Helper::CurrentExe, |path| Helper::Program(path.into()));
    let config = SandboxConfig { helper, ..SandboxConfig::default() };
    let support = Support::detect(&config);
    println!("held by {:?} {:?}", support.level, support.reasons);
    let folder = std::env::temp_dir().join(format!("sandbox-cost-{}", std::process::id()));
    std::fs::create_dir_all(folder.join(".git"))?;
    let write = |network| SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network };
    for (name, policy) in [
        ("read-only", SandboxPolicy::ReadOnly),
        ("workspace-write", write(NetworkAccess::Off)),
        ("workspace-write, network on", write(NetworkAccess::On)),
    ] {
        let confinement = Confinement::of(&policy, &folder, &config)?;
        let confined = || Ok(Launch::confined(&confinement, &config.helper, &support, vec!["true".into()])?);
        compare(name, rounds, &folder, &confined)?;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn compare(
    name: &str,
    rounds: usize,
    folder: &Path,
    confined: &dyn Fn() -> anyhow::Result<Launch>,
) -> anyhow::Result<()> {
    let (mut plain, mut sandboxed) = (Vec::new(), Vec::new());
    for round in 0..rounds + WARM_UP {
        let times = (run(Launch::plain(vec!["true".into()]), folder)?, run(confined()?, folder)?);
        if round >= WARM_UP {
            plain.push(times.0);
            sandboxed.push(times.1);
        }
    }
    let (plain, sandboxed) = (milliseconds(&mut plain), milliseconds(&mut sandboxed));
    println!(
        "{name}: plain {:.2} ms, sandboxed {:.2} ms, difference {:.2} ms (medians)",
        plain.0,
        sandboxed.0,
        sandboxed.0 - plain.0
    );
    println!(
        "{name}: plain {:.2} ms, sandboxed {:.2} ms, difference {:.2} ms (10th percentiles)",
        plain.1,
        sandboxed.1,
        sandboxed.1 - plain.1
    );
    Ok(())
}

/// From before the start to after the end.
fn run(launch: Launch, folder: &Path) -> anyhow::Result<Duration> {
    let environment: BTreeMap<String, String> = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let begun = Instant::now();
    let (mut command, report) = launch.into_command(&environment)?;
    let status = command.current_dir(folder).status()?;
    drop(command);
    let report = report.map(|report| report.read());
    let took = begun.elapsed();
    if !status.success() || report.as_ref().is_some_and(|report| !report.started) {
        bail!("it ended with {status}: {report:?}");
    }
    Ok(took)
}

/// The median and the tenth percentile.
fn milliseconds(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let at = |index: usize| times.get(index).copied().unwrap_or_default().as_secs_f64() * 1_000.0;
    (at(times.len() / 2), at(times.len() / 10))
}

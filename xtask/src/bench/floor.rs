//! What no program can do without: the shell of a call, started with nothing around it.

use std::process::Command;

use anyhow::Result;

use super::home::Place;
use super::measure;
use super::statistics::median;
use super::subject::surroundings;

/// How often each command is run.
const TIMES: usize = 50;

/// A command that was started directly; medians.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Floor {
    pub(crate) command: &'static str,
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
}

/// The shell as Everturn starts it, and as a login shell, which is how Codex does.
pub(crate) fn run() -> Result<Vec<Floor>> {
    let place = Place::empty()?;
    [("bash -c true", "-c"), ("bash -lc true", "-lc")]
        .into_iter()
        .map(|(command, flag)| {
            let (mut wall_ms, mut cpu_ms) = (Vec::new(), Vec::new());
            for _ in 0..TIMES {
                let mut shell = Command::new("/bin/bash");
                shell.args([flag, "true"]);
                surroundings(&mut shell, &place);
                let cost = measure::run(&mut shell, &place.file("out"), &place.file("err"))?;
                wall_ms.push(cost.wall_ms);
                cpu_ms.push(cost.cpu_ms);
            }
            Ok(Floor { command, wall_ms: median(&wall_ms), cpu_ms: median(&cpu_ms) })
        })
        .collect()
}

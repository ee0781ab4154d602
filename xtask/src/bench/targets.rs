//! What the figures should be.

/// A figure with its bound.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Target {
    /// The row of the specification.
    pub row: &'static str,
    /// What is bounded.
    pub what: &'static str,
    /// The largest value that is good enough.
    pub bound: f64,
    /// In what it is counted.
    pub unit: &'static str,
}

/// A target and what was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// The target.
    pub target: Target,
    /// The measured value.
    pub measured: f64,
    /// Whether it is good enough.
    pub met: bool,
}

/// Compares a value with the target of this name; `None` where there is no such target.
pub fn judge(what: &str, measured: f64) -> Option<Verdict> {
    let target = TARGETS.iter().find(|target| target.what == what)?.clone();
    let met = measured <= target.bound;
    Some(Verdict { target, measured, met })
}

const TARGETS: [Target; 13] = [
    Target { row: "N1", what: "wall time of a step", bound: 6.5, unit: "ms" },
    Target { row: "N1", what: "processor time of a step", bound: 4.0, unit: "ms" },
    Target { row: "N1", what: "wall time of a sandboxed step", bound: 10.0, unit: "ms" },
    Target { row: "A4", what: "the sandbox, of a step", bound: 2.0, unit: "ms" },
    Target { row: "N1", what: "start to first request", bound: 18.0, unit: "ms" },
    Target { row: "N1", what: "peak memory", bound: 20.0, unit: "MB" },
    Target { row: "N1", what: "stored per call of 2 kB", bound: 5.0, unit: "kB" },
    Target { row: "N3", what: "delta, median", bound: 2.0, unit: "ms" },
    Target { row: "N3", what: "delta, p99", bound: 2.0, unit: "ms" },
    Target { row: "N6", what: "interrupt, median", bound: 100.0, unit: "ms" },
    Target { row: "N6", what: "interrupt, p99", bound: 100.0, unit: "ms" },
    Target { row: "N6", what: "interrupt of a deaf command, median", bound: 100.0, unit: "ms" },
    Target { row: "N6", what: "interrupt of a deaf command, p99", bound: 100.0, unit: "ms" },
];

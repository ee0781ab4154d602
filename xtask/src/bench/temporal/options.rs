//! What `cargo xtask bench temporal` was asked for.

use std::path::PathBuf;

/// What to measure, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// The numbers of tool calls.
    pub(super) calls: Vec<usize>,
    /// How often what is short is measured; what is long, three times at most.
    pub(super) rounds: usize,
    /// How many threads rest in the memory of one worker.
    pub(super) threads: usize,
    /// A build of ours to measure instead of building one.
    pub(super) bin: Option<PathBuf>,
    /// Where to put everything that was measured.
    pub(super) json: Option<PathBuf>,
    /// Whether a missed target is a failure.
    pub(super) check: bool,
    only: Vec<Part>,
}

/// One of the things that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Time, history and memory of turns.
    Turns,
    /// Memory of threads that rest.
    Idle,
    /// Workers that are killed.
    Deaths,
    /// Workers that take threads up.
    TakeUp,
    /// Whatever somebody waits for.
    Latency,
}

const PARTS: [(&str, Part); 5] = [
    ("turns", Part::Turns),
    ("idle", Part::Idle),
    ("deaths", Part::Deaths),
    ("take-up", Part::TakeUp),
    ("latency", Part::Latency),
];

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench temporal [options]

  --quick           little of everything, to see that it works
  --calls LIST      the numbers of tool calls of a turn [10,50,100,200,1000]
  --rounds N        make each measurement so often, long ones at most 3 times [5]
  --threads N       let so many threads rest in a worker [1000]
  --only LIST       of turns, idle, deaths, take-up, latency [all]
  --bin FILE        the everturn to measure, instead of building one
  --json FILE       write every sample as JSON
  --check           exit 1 when a target is missed

The server's program is the one EVERTURN_TEMPORAL_CLI names, else the temporal on PATH, else one that everturn has fetched.
";

impl Default for Options {
    fn default() -> Self {
        Self {
            calls: vec![10, 50, 100, 200, 1_000],
            rounds: 5,
            threads: 1_000,
            bin: None,
            json: None,
            check: false,
            only: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the arguments behind `bench temporal`.
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value behind it"));
            match arg {
                "--quick" => {
                    (options.calls, options.rounds, options.threads) = (vec![10, 50], 1, 20);
                }
                "--check" => options.check = true,
                "--calls" => {
                    options.calls =
                        value()?.split(',').map(|one| number(arg, one)).collect::<Result<_, _>>()?;
                    options.calls.sort_unstable();
                }
                "--rounds" => options.rounds = number(arg, value()?)?,
                "--threads" => options.threads = number(arg, value()?)?,
                "--bin" => options.bin = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--only" => options.only = value()?.split(',').map(part).collect::<Result<_, _>>()?,
                _ => return Err(format!("there is no option {arg}")),
            }
        }
        Ok(options)
    }

    /// What is to be measured, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let parts = PARTS.iter().map(|(_, part)| *part);
        parts.filter(|part| self.only.is_empty() || self.only.contains(part))
    }

    /// How often a measurement is made that lasts long.
    pub(super) fn long_rounds(&self) -> usize {
        const MOST: usize = 3;
        self.rounds.min(MOST)
    }
}

fn number(arg: &str, text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{arg} takes whole numbers from 1, not `{text}`")),
    }
}

fn part(text: &str) -> Result<Part, String> {
    let known = PARTS.iter().find(|(name, _)| *name == text);
    known.map(|(_, part)| *part).ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        format!("--only does not know `{text}`; it can be {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_said_is_as_the_targets_want_it() {
        let options = parse("").unwrap();
        assert_eq!(
            (options.calls, options.rounds, options.threads),
            (vec![10, 50, 100, 200, 1_000], 5, 1_000)
        );
    }

    #[test]
    fn options_are_read_in_order_so_that_quick_can_be_corrected() {
        let options = parse("--quick --calls 200,100 --only idle,take-up --json x --check").unwrap();
        let expected = Options {
            calls: vec![100, 200],
            rounds: 1,
            threads: 20,
            bin: None,
            json: Some("x".into()),
            check: true,
            only: vec![Part::Idle, Part::TakeUp],
        };
        assert_eq!(options, expected);
        assert_eq!(options.parts().collect::<Vec<_>>(), [Part::Idle, Part::TakeUp]);
    }

    #[test]
    fn what_makes_no_sense_is_said_back() {
        for line in ["--rounds 0", "--rounds x", "--only all", "--json", "--swift"] {
            let why = parse(line).unwrap_err();
            assert!(line.split(' ').any(|word| why.contains(word)), "{why}");
        }
    }
}

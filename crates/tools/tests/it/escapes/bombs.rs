//! Using up what is shared. Each bomb ends by itself, whatever the sandbox does.

use super::row::{Row, line};

/// What is said of a limit that is kept by counting.
const COUNTED: &[&str] = &["are allowed"];

const fn bomb(name: &'static str, script: &'static str, holds: &'static str) -> Row {
    line(name, script, holds).told(COUNTED).untried("it would do it to the machine")
}

pub(super) const ROWS: &[Row] = &[
    bomb("fork bomb", "{probe} fork-bomb 11 && echo GOT OUT; true", "the number of processes is limited"),
    bomb(
        "fork bomb of shells",
        "bomb() { [ $1 -gt 0 ] && { bomb $(($1 - 1)) & bomb $(($1 - 1)) & }; sleep 5; }; bomb \
         9; echo GOT OUT",
        "the number of processes is limited",
    ),
    bomb("memory bomb", "{probe} memory 1024", "the memory of all processes together is limited"),
    bomb(
        "memory bomb of many small ones",
        "for n in $(seq 8); do {probe} memory 128 & done; wait; echo GOT OUT",
        "the memory of all processes together is limited",
    ),
    bomb(
        "memory bomb in files without a name",
        "{probe} memfd 1024",
        "what files without a name hold counts too",
    ),
    bomb("disk filler, one file", "{probe} fill {ws}/big 512", "the size of a file is limited").told(&[
        "limit",
        "too large",
        "SIGXFSZ",
        "signal 25",
        "No space",
    ]),
    bomb(
        "disk filler, the temporary space",
        "head -c 40000000 /dev/zero > $TMPDIR/a; {probe} fill $TMPDIR/b 40",
        "the temporary space of a command is limited",
    )
    .told(&["limit", "No space"]),
    bomb("a hole of a terabyte", "truncate -s 1T big && echo GOT OUT", "the size of a file is limited")
        .told(&["limit", "too large", "SIGXFSZ", "signal 25", "No space"]),
    bomb("all descriptors", "{probe} pipes 2000000", "the number of descriptors is limited")
        .told(&["Too many open files"]),
    bomb(
        "folders without end",
        "deep=$(printf 'd/%.0s' $(seq 300)); mkdir -p $deep && echo made inside",
        "what is made is inside",
    )
    .told(&["made inside"]),
    bomb("output flood", "head -c 20000000 /dev/zero | tr '\\0' x", "output is cut in the middle")
        .told(&["omitted"]),
    bomb("endless output", "yes everturn", "the time limit holds, and output is cut")
        .limit_ms(700)
        .told(&["time limit"]),
    bomb("endless loop", "while :; do :; done", "the time limit holds").limit_ms(500).told(&["time limit"]),
];

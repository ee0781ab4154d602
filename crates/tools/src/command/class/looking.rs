//! Programs that only look, and what of their options only looks.

use super::git;
use crate::shell::{Arg, Plain};
use std::path::PathBuf;

/// Programs that only look, whatever their options.
const ALWAYS: &str = "arch b2sum basename cal cat cksum cmp comm cut df dirname du echo egrep expand expr false fgrep \
    fmt fold free getconf grep groups head hexdump id join logname ls lsblk lscpu md5sum nl nproc \
    numfmt od paste pwd readlink realpath rev seq sha1sum sha224sum sha256sum sha384sum sha512sum \
    sleep stat strings tac tail tr true uname wc whoami";
/// Programs of which only their version is asked for. Not those that read a file of the directory first, which may name what
/// to run: cargo, rustc, go, npm.
const VERSIONED: &str = "bash clang cmake gcc git jq make node perl python python3 ruby";

/// What a program may be told.
pub(super) struct Options {
    /// Letters of short options, digits among them where a number may be one.
    pub(super) short: &'static str,
    /// Letters of short options with a value.
    pub(super) valued: &'static str,
    /// Long options, their values behind `=` or in the next word.
    pub(super) long: &'static str,
    /// How many words that are no options.
    pub(super) operands: usize,
}

/// Those with a list of options. All others would have to be looked up to be known.
const LISTED: &[(&str, Options)] = &[
    ("base64", Options { short: "di", valued: "w", long: "--decode --ignore-garbage --wrap", operands: 1 }),
    (
        "diff",
        Options {
            short: "abBcdeEfHiNnpqrstTuwyZ0123456789",
            valued: "CFILSUWxX",
            long: "--brief --color --context --exclude --ignore-all-space --ignore-blank-lines \
                --ignore-case --ignore-space-change --label --minimal --new-file --no-dereference \
                --recursive --report-identical-files --side-by-side --strip-trailing-cr \
                --suppress-common-lines --unified --width",
            operands: 2,
        },
    ),
    (
        "file",
        Options {
            short: "bhikLNr",
            valued: "",
            long: "--brief --mime --mime-encoding --mime-type",
            operands: usize::MAX,
        },
    ),
    (
        "jq",
        Options {
            short: "acCeMnrRsSj",
            valued: "",
            long: "--arg --argjson --ascii-output --compact-output --exit-status --indent --join-output \
                --monochrome-output --null-input --raw-input --raw-output --slurp --sort-keys --tab",
            operands: usize::MAX,
        },
    ),
    (
        "rg",
        Options {
            short: "abcFHhiILlnNopPqsSUuvVwx0",
            valued: "ABCdEefgGjmMrtT",
            long: "--after-context --before-context --case-sensitive --color --column --context --count \
                --count-matches --encoding --files --files-with-matches --files-without-match \
                --fixed-strings --follow --glob --heading --hidden --iglob --ignore-case \
                --invert-match --json --line-number --line-regexp --max-columns --max-count \
                --max-depth --max-filesize --multiline --multiline-dotall --no-config --no-filename \
                --no-heading --no-ignore --no-ignore-vcs --no-line-number --no-messages --null \
                --only-matching --passthru --pcre2 --quiet --regexp --replace --smart-case --sort \
                --sortr --stats --text --threads --trim --type --type-list --type-not --unrestricted \
                --version --vimgrep --with-filename --word-regexp",
            operands: usize::MAX,
        },
    ),
    (
        "sort",
        Options {
            short: "bcCdfghiMmnRrsuVz",
            valued: "kt",
            long: "--check --dictionary-order --field-separator --general-numeric-sort \
                --human-numeric-sort --ignore-case --ignore-leading-blanks --key --month-sort \
                --numeric-sort --reverse --stable --unique --version-sort --zero-terminated",
            operands: usize::MAX,
        },
    ),
    (
        "tree",
        Options {
            short: "aCdDfFghiJlNnpqQrsStuvxX",
            valued: "ILP",
            long: "--dirsfirst --du --filelimit --gitignore --noreport --prune --matchdirs",
            operands: usize::MAX,
        },
    ),
    (
        "uniq",
        Options {
            short: "cdDiuz",
            valued: "fsw",
            long: "--count --repeated --unique --ignore-case",
            operands: 1,
        },
    ),
    ("which", Options { short: "as", valued: "", long: "--all", operands: usize::MAX }),
    ("type", Options { short: "aftpP", valued: "", long: "", operands: usize::MAX }),
    ("uptime", Options { short: "psV", valued: "", long: "--pretty --since", operands: 0 }),
    ("hostname", Options { short: "aAdfiIs", valued: "", long: "--fqdn --short", operands: 0 }),
];

/// What `find` may be asked. Its actions that write or run something are not here.
const FIND: &str = "! ( ) , -H -L -P -a -amin -and -atime -cmin -ctime -daystart -depth -empty -executable -false \
    -follow -group -ilname -iname -inum -ipath -iregex -iwholename -links -lname -ls -maxdepth \
    -mindepth -mmin -mount -mtime -name -newer -nogroup -not -nouser -o -or -path -perm -print \
    -print0 -prune -quit -readable -regex -regextype -samefile -size -true -type -user -writable";

/// For each of the commands whether it only looks, and where git is asked to.
pub(super) fn all(commands: &[Plain]) -> (Vec<bool>, Vec<PathBuf>) {
    let mut places = vec![PathBuf::new()];
    let mut repositories = Vec::new();
    let looks: Vec<bool> = commands
        .iter()
        .enumerate()
        .map(|(index, command)| {
            let words: Vec<Option<&str>> = command.words.iter().map(Arg::text).collect();
            let [Some(program), rest @ ..] = words.as_slice() else { return false };
            let looks = match *program {
                "cd" => {
                    let folder = changed_to(rest);
                    // One `cd` before all else can be followed. It may fail, so the old place counts too.
                    match folder {
                        Some(folder) if index == 0 => places.push(PathBuf::from(folder)),
                        _ => places.clear(),
                    }
                    folder.is_some()
                }
                "git" => {
                    let found = git::looks(rest);
                    repositories.extend(asked(&places, found.unwrap_or_default()));
                    found.is_some()
                }
                program => {
                    // `timeout 5 git commit`.
                    if rest.contains(&Some("git")) {
                        repositories.extend(asked(&places, ""));
                    }
                    only_looks(program, rest)
                }
            };
            looks && !rest.iter().flatten().any(|word| names_device(word))
        })
        .collect();
    (looks, repositories)
}

/// Where git looks from these places; nowhere that there is, if they are not known.
fn asked(places: &[PathBuf], folder: &str) -> Vec<PathBuf> {
    match places {
        [] => vec![PathBuf::from("\0")],
        places => places.iter().map(|place| place.join(folder)).collect(),
    }
}

/// Where `cd` goes.
fn changed_to<'w>(arguments: &[Option<&'w str>]) -> Option<&'w str> {
    match arguments {
        [Some(folder)] if !folder.is_empty() && !folder.starts_with('-') => Some(folder),
        _ => None,
    }
}

/// What reads from a device may wait for ever, or do something.
fn names_device(word: &str) -> bool {
    let could_reach = word.starts_with(['/', '-']) || word.contains("..");
    word != "/dev/null" && could_reach && word.split(['/', '=']).any(|part| part == "dev")
}

fn only_looks(program: &str, arguments: &[Option<&str>]) -> bool {
    if lists(ALWAYS, program) {
        return true;
    }
    if let Some((_, options)) = LISTED.iter().find(|(name, _)| *name == program) {
        return options.allow(arguments);
    }
    if lists(VERSIONED, program) && matches!(arguments, [Some("--version")]) {
        return true;
    }
    match program {
        "command" => matches!(arguments, [Some("-v" | "-V"), Some(name)] if !name.starts_with('-')),
        "date" => date(arguments),
        "find" => {
            let known =
                |word: &Option<&str>| word.is_none_or(|word| !word.starts_with('-') || is_find_word(word));
            arguments.iter().all(known)
        }
        "printf" => printf(arguments),
        "sed" => sed(arguments),
        "test" => matches!(arguments, [Some(flag), Some(_)] if lists(FILE_TESTS, flag)),
        _ => false,
    }
}

/// Questions about files. `-v` would look into an array, whose index may be a command.
const FILE_TESTS: &str = "-b -c -d -e -f -h -L -n -r -s -w -x -z";

fn is_find_word(word: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    // `-mtime -7` and `-size -10k`: a value, not an action. No action begins with a digit.
    lists(FIND, word) || word[1..].starts_with(|c: char| c.is_ascii_digit()) && is_number(&word[1..])
}

/// `date` sets the clock with `-s` and with a bare number.
fn date(arguments: &[Option<&str>]) -> bool {
    arguments.iter().all(|word| {
        word.is_some_and(|word| {
            word.starts_with('+')
                || matches!(
                    word,
                    "-u" | "--utc" | "-R" | "--rfc-email" | "-I" | "-Iseconds" | "-Iminutes" | "-Ins"
                )
                || word.starts_with("--iso-8601")
                || word.starts_with("--date=")
                || word.starts_with("--rfc-3339=")
        })
    })
}

/// `printf -v` and `%n` write a variable, whose index may be a command.
fn printf(arguments: &[Option<&str>]) -> bool {
    let [Some(format), ..] = arguments else { return false };
    let mut directives = format.split('%').skip(1);
    !format.starts_with('-')
        && directives.all(|directive| {
            let directive = directive
                .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | ' ' | '.' | '#'));
            directive.is_empty()
                || directive.starts_with(['s', 'd', 'i', 'u', 'x', 'X', 'o', 'c', 'b', 'q', 'f', 'e', 'g'])
        })
}

/// `sed -n '1,20p' file`: only printing lines by number.
fn sed(arguments: &[Option<&str>]) -> bool {
    let [Some("-n"), Some(script), files @ ..] = arguments else { return false };
    let address = |text: &str| text == "$" || !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let prints = |command: &str| {
        command.trim().strip_suffix('p').is_some_and(|lines| match lines.split_once(',') {
            Some((from, to)) => address(from) && address(to.trim_start_matches('+')),
            None => lines.is_empty() || address(lines),
        })
    };
    script.split(';').all(prints) && files.iter().all(|file| file.is_none_or(|file| !file.starts_with('-')))
}

/// Whether a word is among those of a list.
fn lists(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

impl Options {
    /// Whether these arguments are within what is listed.
    pub(super) fn allow(&self, arguments: &[Option<&str>]) -> bool {
        let mut operands = 0;
        let mut at = 0;
        let mut options_end = false;
        while let Some(word) = arguments.get(at) {
            at += 1;
            // A pattern becomes any number of operands.
            let Some(word) = word else {
                operands = if self.operands == usize::MAX { operands } else { usize::MAX };
                continue;
            };
            if options_end || !word.starts_with('-') || *word == "-" {
                operands = operands.saturating_add(1);
            } else if *word == "--" {
                options_end = true;
            } else if word.starts_with("--") {
                let name = word.split('=').next().unwrap_or(word);
                if !lists(self.long, name) {
                    return false;
                }
            } else {
                match self.short_options(&word[1..]) {
                    Short::Fine => {}
                    // Its value is the next word, which must not be an option: some programs would take it for one.
                    Short::Valued
                        if arguments
                            .get(at)
                            .copied()
                            .flatten()
                            .is_some_and(|word| !word.starts_with('-')) =>
                    {
                        at += 1
                    }
                    Short::Valued | Short::Unknown => return false,
                }
            }
        }
        operands <= self.operands
    }

    fn short_options(&self, letters: &str) -> Short {
        for (at, letter) in letters.char_indices() {
            if self.valued.contains(letter) {
                return if at + letter.len_utf8() == letters.len() { Short::Valued } else { Short::Fine };
            }
            if !self.short.contains(letter) {
                return Short::Unknown;
            }
        }
        Short::Fine
    }
}

enum Short {
    Fine,
    Valued,
    Unknown,
}

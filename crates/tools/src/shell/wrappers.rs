//! Programs that run other programs: where in their words those are.

use super::{Feed, Form, Held, Inside, Reader, Word, feed, shown};

/// A program that runs the command behind its options.
struct Wrapper {
    names: &'static [&'static str],
    /// Letters of short options that have a value.
    valued: &'static str,
    /// Long options whose value is the next word.
    valued_long: &'static [&'static str],
    /// How many words there are between the options and the command.
    skipped: usize,
    /// Whether `NAME=value` may come before the command.
    sets: bool,
}

const fn wrapper(names: &'static [&'static str], valued: &'static str) -> Wrapper {
    Wrapper { names, valued, valued_long: &[], skipped: 0, sets: false }
}

/// Those that are alike. The others have functions of their own below.
const WRAPPERS: &[Wrapper] = &[
    wrapper(
        &[
            "busybox",
            "catchsegv",
            "coproc",
            "eatmydata",
            "else",
            "fakeroot",
            "nocorrect",
            "noglob",
            "nohup",
            "proxychains",
            "proxychains4",
            "rlwrap",
            "setsid",
            "then",
            "toybox",
            "torsocks",
            "unbuffer",
            "winpty",
            "do",
            "if",
            "while",
            "until",
            "!",
            "{",
        ],
        "",
    ),
    Wrapper { valued_long: &["--format", "--output"], ..wrapper(&["time", "gtime"], "fo") },
    Wrapper { valued_long: &["--adjustment"], ..wrapper(&["nice"], "n") },
    Wrapper { valued_long: &["--class", "--classdata"], ..wrapper(&["ionice"], "cn") },
    Wrapper { valued_long: &["--input", "--output", "--error"], ..wrapper(&["stdbuf"], "ioe") },
    Wrapper {
        valued_long: &["--signal", "--kill-after"],
        skipped: 1,
        ..wrapper(&["timeout", "gtimeout"], "sk")
    },
    Wrapper { skipped: 1, ..wrapper(&["chrt", "taskset"], "TPD") },
    Wrapper { skipped: 1, valued_long: &["--groups"], ..wrapper(&["chroot"], "") },
    wrapper(&["exec"], "a"),
    wrapper(&["builtin", "command"], ""),
    Wrapper {
        valued_long: &[
            "--user",
            "--group",
            "--host",
            "--prompt",
            "--chdir",
            "--chroot",
            "--role",
            "--type",
            "--close-from",
            "--command-timeout",
            "--other-user",
        ],
        sets: true,
        ..wrapper(&["sudo"], "ugphCDRrtTUac")
    },
    Wrapper { sets: true, ..wrapper(&["doas"], "uC") },
    Wrapper { valued_long: &["--user"], ..wrapper(&["pkexec"], "u") },
    wrapper(&["strace", "ltrace"], "abeEIoOpPsSuU"),
    wrapper(&["caffeinate"], "tw"),
    Wrapper { valued_long: &["--setuid", "--setgid", "--root", "--wd"], ..wrapper(&["unshare"], "SGRw") },
    Wrapper { valued_long: &["--target"], ..wrapper(&["nsenter"], "tSG") },
    Wrapper { valued_long: &["--reuid", "--regid"], ..wrapper(&["setpriv"], "") },
    Wrapper {
        valued_long: &["--unit", "--property", "--description", "--slice", "--uid", "--gid"],
        ..wrapper(&["systemd-run"], "pHMu")
    },
    wrapper(&["npx", "bunx", "uvx", "pipx"], "pc"),
    wrapper(&["xvfb-run", "dbus-run-session", "valgrind", "firejail", "nix-shell", "entr"], "nsef"),
];

/// Shells that take a script.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "dash", "ksh", "mksh", "ash", "fish"];

/// Reads what is inside of a command that was just read.
pub(super) fn look_inside(reader: &mut Reader, command: usize) {
    let simple = &reader.script.commands[command];
    let words = simple.words.clone();
    let name = simple.name().to_owned();
    if words.len() < 2 && !SHELLS.contains(&name.as_str()) {
        return;
    }
    let mut look = Look { reader, command, words };
    match name.as_str() {
        shell if SHELLS.contains(&shell) => look.shell(),
        "env" => look.env(),
        "xargs" => look.xargs(),
        "find" | "gfind" => look.find(),
        "fd" | "fdfind" => look.fd(),
        "git" => look.git(),
        "eval" => look.line(1, look.words.len()),
        "trap" | "watch" => look.line_behind_options(),
        "command" if matches!(look.words[1].text.as_str(), "-v" | "-V") => {}
        "source" | "." => look.source(),
        "ssh" => look.ssh(),
        "su" | "runuser" | "script" => look.option_line(),
        "flock" => look.flock(),
        "docker" | "podman" | "nerdctl" => look.container(),
        "kubectl" | "oc" | "mise" | "uv" | "poetry" | "pipenv" | "bundle" | "direnv" => look.runner(),
        "parallel" => look.parallel(),
        "at" | "batch" => feed::read(look.reader, command),
        _ => look.wrapper(&name),
    }
}

struct Look<'r> {
    reader: &'r mut Reader,
    command: usize,
    words: Vec<Word>,
}

impl Look<'_> {
    fn text(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.text)
    }

    fn inside(&self, word: usize, held: Held) -> Inside {
        Inside { command: self.command, word, held }
    }

    /// The words from `at` are a command.
    fn words_from(&mut self, at: usize, mut words: Vec<Word>) {
        if words.is_empty() {
            return;
        }
        // Assignments before it, as `env` and `sudo` take them.
        let sets = words.iter().take_while(|word| is_assignment(&word.text)).count();
        let names = words
            .drain(..sets)
            .map(|word| word.text.split('=').next().unwrap_or_default().to_owned())
            .collect();
        let (inside, feed) =
            (self.inside(at + sets, Held::Words), self.reader.script.commands[self.command].feed.clone());
        self.reader.within(inside, feed, |reader| reader.command(words, names));
    }

    fn rest(&mut self, at: usize) {
        let words = self.words.get(at..).unwrap_or_default().to_vec();
        self.words_from(at, words);
    }

    /// These words are a line, joined by spaces.
    fn line(&mut self, from: usize, to: usize) {
        let words = self.words.get(from..to).unwrap_or_default();
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let text = text.join(" ");
        if words.iter().any(|word| word.form != Form::Literal) {
            let name = shown(self.text(0));
            self.reader.opaque(format!("`{name}` runs a line that is only known when it runs"));
        }
        let inside = self.inside(from, Held::Line);
        let feed = self.reader.script.commands[self.command].feed.clone();
        self.reader.within(inside, feed, |reader| reader.line(&text));
    }

    /// The place behind the options that begin at `from`.
    fn behind_options(&mut self, from: usize, valued: &str, valued_long: &[&str]) -> usize {
        let mut at = from;
        while let Some(word) = self.words.get(at) {
            if word.form != Form::Literal {
                let message = format!("the options of `{}` are only known when it runs", shown(self.text(0)));
                self.reader.opaque(message);
                return at;
            }
            let text = word.text.as_str();
            if text == "--" {
                return at + 1;
            }
            let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                return at;
            };
            at += match letters.find(|letter| valued.contains(letter)) {
                _ if text.starts_with("--") => 1 + usize::from(valued_long.contains(&text)),
                Some(place) if place + 1 == letters.len() => 2,
                _ => 1,
            };
        }
        at
    }

    fn wrapper(&mut self, name: &str) {
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&name)) else { return };
        let mut at = self.behind_options(1, wrapper.valued, wrapper.valued_long);
        while wrapper.sets && is_assignment(self.text(at)) {
            at += 1;
        }
        self.rest(at + wrapper.skipped);
    }

    fn shell(&mut self) {
        let mut at = 1;
        let mut takes_line = false;
        while let Some(word) = self.words.get(at) {
            let text = word.text.as_str();
            if word.form != Form::Literal && takes_line {
                break;
            }
            if word.form != Form::Literal {
                self.reader.opaque("the options of a shell are only known when it runs");
                return;
            }
            match text {
                "--" | "-" => {
                    at += 1;
                    break;
                }
                "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file" => at += 2,
                "--command" => {
                    takes_line = true;
                    at += 1;
                }
                _ if text.starts_with("--") => at += 1,
                _ if text.len() > 1 && text.starts_with(['-', '+']) => {
                    takes_line |= text.starts_with('-') && text.contains('c');
                    at += 1 + usize::from(text.ends_with('o') || text.ends_with('O'));
                }
                _ => break,
            }
        }
        let reads_input = self.words[1..].iter().any(|word| {
            let text = word.text.as_str();
            text.starts_with('-') && !text.starts_with("--") && text.contains('s')
        });
        match self.text(at) {
            _ if takes_line => self.line(at, (at + 1).min(self.words.len())),
            "" | "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => {
                feed::read(self.reader, self.command)
            }
            _ if reads_input => feed::read(self.reader, self.command),
            script if script.starts_with("<(") => {
                self.reader.opaque("a shell runs the output of another command")
            }
            // A script in a file is a program like another.
            _ => {}
        }
    }

    fn env(&mut self) {
        let split = self
            .words
            .iter()
            .enumerate()
            .skip(1)
            .find_map(|(at, word)| Some((at, split_text(&word.text)?.to_owned())));
        if let Some((at, attached)) = split {
            let from = if attached.is_empty() { at + 1 } else { at };
            if from == at {
                self.words[at].text = attached;
            }
            self.line(from, self.words.len());
            return;
        }
        let at = self.behind_options(1, "uCaP", &["--unset", "--chdir", "--argv0"]);
        self.rest(at);
    }

    /// What `xargs` adds is not known.
    fn xargs(&mut self) {
        let long = [
            "--arg-file",
            "--delimiter",
            "--max-args",
            "--max-procs",
            "--max-chars",
            "--max-lines",
            "--replace",
            "--process-slot-var",
        ];
        let at = self.behind_options(1, "aEdILnPsRSJ", &long);
        let mut words = self.words.get(at..).unwrap_or_default().to_vec();
        if !words.is_empty() {
            words.push(Word::unknown("{}"));
        }
        replaced(&mut words);
        self.words_from(at, words);
    }

    fn find(&mut self) {
        let mut at = 1;
        while at < self.words.len() {
            if !matches!(self.text(at), "-exec" | "-execdir" | "-ok" | "-okdir") {
                at += 1;
                continue;
            }
            let begin = at + 1;
            let end = (begin..self.words.len())
                .find(|end| matches!(self.text(*end), ";" | "+"))
                .unwrap_or(self.words.len());
            let mut words = self.words[begin..end].to_vec();
            replaced(&mut words);
            self.words_from(begin, words);
            at = end + 1;
        }
    }

    fn fd(&mut self) {
        let starts = ["-x", "-X", "--exec", "--exec-batch"];
        if let Some(at) = self.words.iter().position(|word| starts.contains(&word.text.as_str())) {
            let mut words = self.words[at + 1..].to_vec();
            words.push(Word::unknown("{}"));
            replaced(&mut words);
            self.words_from(at + 1, words);
        }
    }

    fn git(&mut self) {
        let mut lines = Vec::new();
        let rebases = self.words.iter().any(|word| word.text == "rebase");
        for (at, word) in self.words.iter().enumerate().skip(1) {
            let text = word.text.as_str();
            let value = self.text(at + 1);
            match text {
                // A value that runs: an alias with `!`, an editor, a pager, a helper.
                "-c" => lines.extend(value.split_once('=').map(|(key, line)| match line.strip_prefix('!') {
                    None if key.starts_with("alias.") => (at + 1, format!("git {line}")),
                    None => (at + 1, line.to_owned()),
                    Some(line) => (at + 1, line.to_owned()),
                })),
                "-x" | "--exec" if rebases => lines.push((at + 1, value.to_owned())),
                _ => {
                    let short = text.strip_prefix("-x").filter(|_| rebases);
                    if let Some(line) = text.strip_prefix("--exec=").or(short) {
                        lines.push((at, line.to_owned()));
                    }
                }
            }
        }
        for (at, line) in lines {
            let inside = self.inside(at, Held::Line);
            self.reader.within(inside, Feed::Outside, |reader| reader.line(&line));
        }
        let place = |name: &str| self.words.iter().position(|word| word.text == name);
        let bisected = place("bisect").and_then(|_| place("run"));
        let foreach = place("submodule").and_then(|_| place("foreach"));
        if let Some(at) = bisected {
            self.rest(at + 1);
        }
        if let Some(at) = foreach {
            let options = self.words[at + 1..].iter().take_while(|word| word.text.starts_with('-')).count();
            self.line(at + 1 + options, self.words.len());
        }
    }

    fn line_behind_options(&mut self) {
        let at = self.behind_options(1, "nd", &["--interval"]);
        let to = if self.text(0) == "trap" { (at + 1).min(self.words.len()) } else { self.words.len() };
        self.line(at, to);
    }

    fn source(&mut self) {
        let text = self.text(1);
        if text.starts_with("<(") || text.starts_with("/dev/") {
            self.reader.opaque("the output of another command is run");
        }
    }

    fn ssh(&mut self) {
        let at = self.behind_options(1, "BbcDEeFIiJLlmOopQRSWw", &[]);
        let at = self.behind_options(at + 1, "BbcDEeFIiJLlmOopQRSWw", &[]);
        if at < self.words.len() {
            self.line(at, self.words.len());
        }
    }

    /// `su -lc LINE`, `script -qc LINE`, `runuser -u me COMMAND`.
    fn option_line(&mut self) {
        // Short options of these without a value.
        const FLAGS: [char; 8] = ['a', 'e', 'f', 'l', 'm', 'p', 'P', 'q'];
        for at in 1..self.words.len() {
            let text = self.text(at);
            let attached = match text.strip_prefix("--command") {
                Some(value) => value.trim_start_matches('=').to_owned(),
                None => {
                    let letters = text.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
                    let value =
                        letters.and_then(|letters| letters.trim_start_matches(FLAGS).strip_prefix('c'));
                    let Some(value) = value else { continue };
                    value.to_owned()
                }
            };
            if attached.is_empty() {
                return self.line(at + 1, (at + 2).min(self.words.len()));
            }
            self.words[at].text = attached;
            return self.line(at, at + 1);
        }
        let behind = match self.words.iter().position(|word| word.text == "--") {
            Some(at) => at + 1,
            None if self.words.iter().any(|word| matches!(word.text.as_str(), "-u" | "--user")) => {
                self.behind_options(1, "ugGswT", &["--user", "--group", "--supp-group", "--shell"])
            }
            None => return,
        };
        self.rest(behind);
    }

    fn flock(&mut self) {
        let at = self.behind_options(1, "wE", &["--timeout", "--wait", "--conflict-exit-code"]) + 1;
        match self.text(at) {
            "-c" | "--command" => self.line(at + 1, (at + 2).min(self.words.len())),
            _ => self.rest(at),
        }
    }

    fn container(&mut self) {
        let Some(at) =
            self.words.iter().position(|word| matches!(word.text.as_str(), "run" | "exec" | "create"))
        else {
            return;
        };
        let flags = [
            "--rm",
            "--privileged",
            "--init",
            "--interactive",
            "--tty",
            "--detach",
            "--read-only",
            "--publish-all",
            "--no-healthcheck",
            "-i",
            "-t",
            "-d",
            "-P",
            "-it",
            "-ti",
            "-id",
            "-itd",
            "-dit",
            "-q",
        ];
        let mut at = at + 1;
        while at < self.words.len() && self.text(at).starts_with('-') {
            let text = self.text(at);
            at += if flags.contains(&text) || text.contains('=') { 1 } else { 2 };
        }
        self.rest(at + 1);
    }

    /// `kubectl exec pod -- command`, `uv run command`.
    fn runner(&mut self) {
        if let Some(at) = self.words.iter().position(|word| word.text == "--") {
            return self.rest(at + 1);
        }
        if matches!(self.text(1), "run" | "exec") && self.text(0) != "kubectl" {
            let at = self.behind_options(
                2,
                "p",
                &["--with", "--python", "--directory", "--project", "--package", "--extra", "--group"],
            );
            self.rest(at);
        }
    }

    fn parallel(&mut self) {
        let at = self.behind_options(
            1,
            "jNnLIaS",
            &["--jobs", "--colsep", "--delay", "--timeout", "--joblog", "--results"],
        );
        let end = self.words.iter().position(|word| word.text.starts_with(":::")).unwrap_or(self.words.len());
        if at >= end {
            self.reader.opaque("`parallel` runs what it reads");
            return;
        }
        self.line(at, end);
        self.reader.opaque("what `parallel` adds is only known when it runs");
    }
}

/// What `env` splits into words, where this option says so. Empty where it is the next word.
fn split_text(word: &str) -> Option<&str> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    if name.len() > 2 && "--split-string".starts_with(name) {
        return Some(value);
    }
    let letters = word.strip_prefix('-')?.trim_start_matches(['i', 'v', '0']);
    Some(letters.strip_prefix('S')?.trim_start_matches('='))
}

/// `{}` stands for something else.
fn replaced(words: &mut [Word]) {
    for word in words.iter_mut().filter(|word| word.text.contains("{}")) {
        word.form = Form::Unknown;
    }
}

/// Whether a word is `NAME=value`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

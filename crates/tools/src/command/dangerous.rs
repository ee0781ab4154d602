//! Commands known to destroy things, and why. This decides whether somebody is asked who would not be asked otherwise.

use crate::shell::{Feed, Form, Held, Script, Simple};

mod containers;
mod git;

/// Programs that are dangerous whatever they are told.
const ALWAYS: &[(&str, &str)] = &[
    ("sudo", "it runs as another user"),
    ("su", "it runs as another user"),
    ("doas", "it runs as another user"),
    ("pkexec", "it runs as another user"),
    ("runuser", "it runs as another user"),
    ("shutdown", "it ends the system"),
    ("reboot", "it ends the system"),
    ("halt", "it ends the system"),
    ("poweroff", "it ends the system"),
    ("telinit", "it ends the system"),
    ("wipefs", "it writes to a disk"),
    ("fdisk", "it writes to a disk"),
    ("sfdisk", "it writes to a disk"),
    ("gdisk", "it writes to a disk"),
    ("sgdisk", "it writes to a disk"),
    ("parted", "it writes to a disk"),
    ("mkswap", "it writes to a disk"),
    ("mke2fs", "it writes to a disk"),
    ("blkdiscard", "it writes to a disk"),
    ("lvremove", "it removes a volume"),
    ("vgremove", "it removes a volume"),
    ("pvremove", "it removes a volume"),
    ("shred", "it destroys files for good"),
    ("srm", "it destroys files for good"),
    ("insmod", "it changes the kernel"),
    ("rmmod", "it changes the kernel"),
    ("modprobe", "it changes the kernel"),
    ("userdel", "it removes a user"),
    ("dropdb", "it removes a database"),
];
/// What runs a text as a program.
const RUNNERS: [&str; 16] = [
    "sh", "bash", "zsh", "dash", "ksh", "mksh", "ash", "fish", "python", "python3", "perl", "ruby", "node",
    "php", "source", ".",
];
/// What brings a text from elsewhere.
const FETCHERS: [&str; 8] = ["curl", "wget", "fetch", "aria2c", "nc", "ncat", "ftp", "lynx"];
/// What makes a text out of one that cannot be read.
const DECODERS: [&str; 8] = ["base64", "base32", "xxd", "openssl", "gunzip", "zcat", "gpg", "uudecode"];
/// Devices that are disks or memory.
const DISKS: [&str; 10] = ["sd", "nvme", "hd", "vd", "xvd", "mapper/", "disk", "mmcblk", "mem", "kmem"];

/// Why a script is dangerous, if it is known to be.
pub(crate) fn reason(script: &Script) -> Option<String> {
    if let Some(name) = script.bombs.first() {
        return Some(format!("`{name}` starts itself again and again"));
    }
    for redirect in script.redirects.iter().filter(|redirect| redirect.operator.contains('>')) {
        let target = redirect.target.text.as_str();
        if is_disk(target) {
            return Some(format!("it writes to the device `{target}`"));
        }
        if target.starts_with("/proc/sys") || target.starts_with("/sys/") {
            return Some(format!("it changes the kernel's settings in `{target}`"));
        }
    }
    let found = script.commands.iter().find_map(|command| Some((command, of_command(script, command)?)));
    found.map(|(command, why)| format!("`{}`: {why}", short(command)))
}

/// Why the words of a line that cannot be parsed are dangerous, wherever they stand.
pub(crate) fn reason_by_words(line: &str) -> Option<String> {
    let line = line.replace("\\\n", "").replace('\\', "");
    let parts = line.split([';', '|', '&', '(', ')', '{', '}', '\n', '`', '\'', '"']);
    parts.into_iter().find_map(|part| {
        let words: Vec<&str> = part.split_whitespace().collect();
        (0..words.len()).find_map(|at| {
            let why = of_words(words[at].rsplit('/').next()?, &words[at + 1..])?;
            Some(format!("`{}`: {why}", words[at..].join(" ").chars().take(SHOWN_CHARS).collect::<String>()))
        })
    })
}

/// How much of a command is shown, in letters.
const SHOWN_CHARS: usize = 60;

fn short(command: &Simple) -> String {
    let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
    words.join(" ").chars().take(SHOWN_CHARS).collect()
}

fn of_command(script: &Script, command: &Simple) -> Option<String> {
    of_words(command.name(), &command.arguments()).or_else(|| unseen(script, command))
}

/// A text that is run although nobody saw it.
fn unseen(script: &Script, command: &Simple) -> Option<String> {
    let name = command.name();
    if RUNNERS.contains(&name) && reads_input(command) {
        let hides = |name: &String| FETCHERS.contains(&name.as_str()) || DECODERS.contains(&name.as_str());
        if let Some(source) = upstream(script, command).into_iter().find(hides) {
            return Some(format!("it runs what `{source}` brings, unseen"));
        }
    }
    if FETCHERS.contains(&name) || DECODERS.contains(&name) {
        let outer = command.inside.filter(|inside| inside.held == Held::Substitution)?;
        let outer = script.commands.get(outer.command)?;
        let runs = outer.words.first().is_none_or(|word| word.form == Form::Unknown)
            && !outer.words.is_empty()
            || RUNNERS.contains(&outer.name())
            || outer.name() == "eval";
        return runs.then(|| format!("what `{name}` brings is run, unseen"));
    }
    None
}

/// Whether a runner has no script of its own.
fn reads_input(command: &Simple) -> bool {
    command.words[1..]
        .iter()
        .all(|word| word.text.starts_with('-') && !matches!(word.text.as_str(), "-c" | "-e" | "-m" | "-lc"))
        || command.words.iter().any(|word| word.text == "-s" || word.text == "-")
}

/// The programs whose output reaches a command.
fn upstream(script: &Script, command: &Simple) -> Vec<String> {
    let mut names = Vec::new();
    let mut feed = &command.feed;
    while let Feed::Pipe(range) = feed {
        let Some(commands) = script.commands.get(range.clone()) else { break };
        names.extend(commands.iter().map(|command| command.name().to_owned()));
        // Pipes come from the left, so this ends.
        let Some(first) = commands.first() else { break };
        feed = &first.feed;
    }
    names
}

/// A program and its arguments, without regard to their order.
fn of_words(name: &str, arguments: &[&str]) -> Option<String> {
    let words = Words(arguments);
    let why = match name {
        "rm" | "grm" if words.has_letter("rRf") || words.has_beginning(&["--recursive", "--force"]) => {
            "it removes folders, or without asking"
        }
        "dd" | "tee" | "cp" | "mv" | "install"
            if arguments.iter().any(|word| is_disk(word.trim_start_matches("of="))) =>
        {
            "it writes to a device"
        }
        "dd" if arguments.iter().any(|word| word.starts_with("of=/dev/") && *word != "of=/dev/null") => {
            "it writes to a device"
        }
        "git" => return git::reason(&words),
        "docker" | "podman" | "nerdctl" => return containers::reason(&words),
        "chmod" | "chown" | "chgrp"
            if words.is_recursive() && arguments.iter().any(|word| is_root_or_home(word)) =>
        {
            "it changes the permissions of everything"
        }
        "chmod" if arguments.iter().any(|word| sets_user(word)) => "it makes a program run as its owner",
        "mv" if arguments.last() == Some(&"/dev/null") => "it throws files away",
        "kill" if words.has(&["-1"]) => "it ends all processes",
        "killall" if words.has(&["-u", "--user"]) => "it ends all processes of a user",
        "pkill" if words.has(&["-u", "-U", "--euid"]) => "it ends all processes of a user",
        "init" if words.has(&["0", "6"]) => "it ends the system",
        "systemctl"
            if words.has(&["poweroff", "reboot", "halt", "kexec", "isolate", "rescue", "emergency"]) =>
        {
            "it ends the system"
        }
        "find" | "gfind" if words.has(&["-delete"]) => "it removes what it finds",
        "rsync"
            if arguments.iter().any(|word| word.starts_with("--del") || *word == "--remove-source-files") =>
        {
            "it removes files"
        }
        "crontab" if words.has_letter("r") => "it removes the table of jobs",
        "iptables" | "ip6tables" if words.has_letter("F") || words.has(&["--flush"]) => {
            "it opens the firewall"
        }
        "nft" if words.has(&["flush"]) => "it opens the firewall",
        "sysctl" if words.has(&["-w", "--write"]) => "it changes the kernel's settings",
        "diskutil"
            if arguments.iter().any(|word| word.starts_with("erase") || word.starts_with("partition")) =>
        {
            "it erases a disk"
        }
        "cryptsetup" if words.has(&["luksFormat", "erase"]) => "it erases a disk",
        "zfs" | "zpool" if words.has(&["destroy"]) => "it removes a volume",
        "terraform" | "tofu" | "pulumi" if words.has(&["destroy"]) => "it takes systems down",
        "kubectl" | "oc" if words.has(&["delete", "drain"]) => "it takes systems down",
        "helm" if words.has(&["uninstall", "delete"]) => "it takes systems down",
        "aws" if words.has(&["s3"]) && words.has(&["rm", "rb"]) => "it removes what is stored",
        "gh" if words.has(&["delete"]) => "it removes what is stored",
        "redis-cli" if arguments.iter().any(|word| word.to_ascii_lowercase().starts_with("flush")) => {
            "it empties a database"
        }
        _ if name.starts_with("mkfs") => "it writes to a disk",
        _ => return ALWAYS.iter().find(|(known, _)| *known == name).map(|(_, why)| (*why).to_owned()),
    };
    Some(why.to_owned())
}

/// The arguments of a program.
struct Words<'w>(&'w [&'w str]);

impl Words<'_> {
    /// Whether one of these is there, perhaps with a value behind `=`.
    fn has(&self, options: &[&str]) -> bool {
        self.0.iter().any(|word| options.contains(&word.split('=').next().unwrap_or(word)))
    }

    /// Whether one of these letters is among the short options.
    fn has_letter(&self, letters: &str) -> bool {
        self.0.iter().any(|word| {
            word.starts_with('-') && !word.starts_with("--") && word.contains(|c| letters.contains(c))
        })
    }

    /// Whether a beginning of one of these long options is there, as GNU programs take it.
    fn has_beginning(&self, options: &[&str]) -> bool {
        self.0.iter().any(|word| word.len() > 2 && options.iter().any(|option| option.starts_with(*word)))
    }

    fn is_recursive(&self) -> bool {
        self.has_letter("R") || self.has_beginning(&["--recursive"])
    }
}

fn is_root_or_home(word: &str) -> bool {
    let place = word.trim_end_matches("/.").trim_end_matches('*').trim_end_matches('/');
    matches!(
        place,
        "" | "~"
            | "$HOME"
            | "${HOME}"
            | "/usr"
            | "/etc"
            | "/bin"
            | "/lib"
            | "/var"
            | "/home"
            | "/root"
            | "/boot"
            | "/dev"
    ) && !word.is_empty()
}

/// `u+s`, `4755`.
fn sets_user(mode: &str) -> bool {
    let is_number = mode.len() >= 4 && mode.chars().all(|c| c.is_digit(8));
    is_number && matches!(mode.as_bytes()[mode.len() - 4], b'2' | b'4' | b'6')
        || mode.split_once('+').is_some_and(|(who, what)| {
            who.chars().all(|c| "ugoa".contains(c))
                && what.contains('s')
                && what.chars().all(|c| "rwxXst".contains(c))
        })
}

fn is_disk(target: &str) -> bool {
    target.strip_prefix("/dev/").is_some_and(|device| DISKS.iter().any(|disk| device.starts_with(disk)))
}

//! [`Slash`]: the commands of a conversation, as they are typed.

use agent_core::{Mode, ReviewRequest, RollbackFiles};

/// A command of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slash {
    Help,
    Quit,
    /// Stop what runs.
    Stop,
    /// Another mode, and what is said in it right away.
    Mode {
        mode: Mode,
        then: Option<String>,
    },
    /// Carry out the plan that was proposed.
    Go,
    Personality(String),
    Compact,
    Review(ReviewRequest),
    Undo,
    Rollback {
        turns: u32,
        files: RollbackFiles,
    },
    Status,
    Skills,
    Prompts,
    Models,
    Mcp,
    History,
}

/// What a command takes, and what it is for.
const HELP: [(&str, &str); 18] = [
    ("/plan [TEXT]", "plan only: nothing is changed, a plan is proposed"),
    ("/code [TEXT]", "do the work, as usual"),
    ("/mode NAME", "plan, code, pair or execute"),
    ("/go", "carry out the plan that was proposed"),
    (
        "/review [--base BRANCH | --commit SHA | TEXT]",
        "have a change reviewed; without more, what is not committed",
    ),
    ("/undo", "take back the last turn, with the files that it changed"),
    ("/rollback N [--keep-files | --files-only]", "take back the last N turns"),
    ("/compact", "summarise what was said so far, to make room"),
    ("/status", "what the thread runs under, what is left and what was spent"),
    ("/personality NAME", "friendly, pragmatic, or none"),
    ("/skills", "what can be named as $NAME"),
    ("/prompts", "prompts of your own: /prompts:NAME ARGUMENTS, or /NAME"),
    ("/models", "the models that are known"),
    ("/mcp", "MCP servers and what they offer"),
    ("/history", "what you have said before"),
    ("/stop", "stop the turn, as Ctrl-C does"),
    ("!COMMAND", "run a command yourself; the agent does not see it"),
    ("/quit", "leave; the thread is kept"),
];

/// All names. A line that begins with one of them is a command.
const NAMES: [&str; 20] = [
    "help",
    "quit",
    "exit",
    "stop",
    "interrupt",
    "plan",
    "code",
    "mode",
    "go",
    "review",
    "undo",
    "rollback",
    "compact",
    "status",
    "personality",
    "skills",
    "prompts",
    "models",
    "mcp",
    "history",
];

/// Whether a line is a command of the conversation, whatever follows its name.
pub(crate) fn is_command(line: &str) -> bool {
    name(line).is_some_and(|(name, _)| NAMES.contains(&name))
}

/// The lines of `/help`.
pub(super) fn help() -> impl Iterator<Item = String> {
    HELP.iter().map(|(usage, about)| format!("  {usage:<46} {about}"))
}

/// What stands behind the slash, and the rest. A path is no name.
fn name(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().strip_prefix('/')?;
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let is_name = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:".contains(letter));
    is_name.then_some((name, rest.trim()))
}

impl Slash {
    /// Whether the agent hears something of it that the user wrote.
    pub(super) fn says_something(&self) -> bool {
        matches!(self, Self::Mode { then: Some(_), .. } | Self::Review(ReviewRequest::Custom { .. }))
    }

    /// The command in a line; `None` where it is none, and why it makes no sense, where it does not.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let (name, rest) = name(line)?;
        let then = (!rest.is_empty()).then(|| rest.to_owned());
        let bare = |slash: Self| match rest {
            "" => Ok(slash),
            _ => Err(format!("/{name} takes nothing behind it")),
        };
        Some(match name {
            "help" => bare(Self::Help),
            "quit" | "exit" => bare(Self::Quit),
            "stop" | "interrupt" => bare(Self::Stop),
            "plan" => Ok(Self::Mode { mode: Mode::Plan, then }),
            "code" => Ok(Self::Mode { mode: Mode::Code, then }),
            "mode" => mode(rest).map(|mode| Self::Mode { mode, then: None }),
            "go" => bare(Self::Go),
            "personality" if rest.is_empty() => {
                Err("/personality takes a name: friendly, pragmatic or none".into())
            }
            "personality" => {
                Ok(Self::Personality(if rest == "none" { String::new() } else { rest.to_owned() }))
            }
            "compact" => bare(Self::Compact),
            "review" => review(rest).map(Self::Review),
            "undo" => bare(Self::Undo),
            "rollback" => rollback(rest),
            "status" => bare(Self::Status),
            "skills" => bare(Self::Skills),
            "prompts" => bare(Self::Prompts),
            "models" => bare(Self::Models),
            "mcp" => bare(Self::Mcp),
            "history" => bare(Self::History),
            _ => return None,
        })
    }
}

fn mode(word: &str) -> Result<Mode, String> {
    Ok(match word {
        "plan" => Mode::Plan,
        "code" => Mode::Code,
        "pair" => Mode::Pair,
        "execute" => Mode::Execute,
        _ => return Err(format!("there is no mode {word:?}; there are plan, code, pair and execute")),
    })
}

fn review(rest: &str) -> Result<ReviewRequest, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    Ok(match words.as_slice() {
        [] | ["--uncommitted"] => ReviewRequest::Uncommitted,
        ["--base", branch] => ReviewRequest::BaseBranch { branch: (*branch).to_owned() },
        ["--commit", sha] => ReviewRequest::Commit { sha: (*sha).to_owned(), title: None },
        [option, ..] if option.starts_with("--") => {
            return Err("/review takes --base BRANCH, --commit SHA, or what to review in words".into());
        }
        _ => ReviewRequest::Custom { instructions: rest.to_owned() },
    })
}

fn rollback(rest: &str) -> Result<Slash, String> {
    let (mut turns, mut files) = (None, RollbackFiles::Restore);
    for word in rest.split_whitespace() {
        match word {
            "--keep-files" => files = RollbackFiles::Keep,
            "--files-only" => files = RollbackFiles::Only,
            number => turns = number.parse::<u32>().ok().filter(|turns| *turns > 0),
        }
    }
    let turns = turns.ok_or("/rollback takes how many turns, for example /rollback 2")?;
    Ok(Slash::Rollback { turns, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_is_said() {
        let then = Some("look first".to_owned());
        let table = [
            ("/help", Some(Ok(Slash::Help))),
            ("/plan", Some(Ok(Slash::Mode { mode: Mode::Plan, then: None }))),
            ("  /plan look first ", Some(Ok(Slash::Mode { mode: Mode::Plan, then }))),
            ("/mode pair", Some(Ok(Slash::Mode { mode: Mode::Pair, then: None }))),
            ("/review", Some(Ok(Slash::Review(ReviewRequest::Uncommitted)))),
            (
                "/review --base main",
                Some(Ok(Slash::Review(ReviewRequest::BaseBranch { branch: "main".into() }))),
            ),
            (
                "/review the queue",
                Some(Ok(Slash::Review(ReviewRequest::Custom { instructions: "the queue".into() }))),
            ),
            ("/undo", Some(Ok(Slash::Undo))),
            ("/stop", Some(Ok(Slash::Stop))),
            ("/interrupt", Some(Ok(Slash::Stop))),
            ("/rollback 2 --keep-files", Some(Ok(Slash::Rollback { turns: 2, files: RollbackFiles::Keep }))),
            ("/personality none", Some(Ok(Slash::Personality(String::new())))),
            ("/etc/hosts is wrong", None),
            ("/prompts:fix it", None),
            ("hello /help", None),
        ];
        for (line, expected) in table {
            assert_eq!(Slash::parse(line), expected, "{line}");
        }
        for line in [
            "/undo 2",
            "/rollback",
            "/rollback 0",
            "/mode fast",
            "/review --base",
            "/review --bse x",
            "/personality",
        ] {
            assert!(matches!(Slash::parse(line), Some(Err(_))), "{line}");
        }
    }

    #[test]
    fn every_command_is_told_of_by_help_and_known_while_a_turn_runs() {
        let told: Vec<&str> = HELP.iter().map(|(usage, _)| usage.split(' ').next().unwrap()).collect();
        for name in NAMES {
            assert!(is_command(&format!("/{name} x")), "{name}");
            let is_told = told.contains(&format!("/{name}").as_str());
            assert!(is_told || ["help", "exit", "interrupt"].contains(&name), "{name}");
        }
        assert!(!is_command("/etc/hosts") && !is_command("help"));
    }
}

//! `everturn policy`: what the rules about commands are, and what they and the rest make of one.

use crate::{
    args::{Layers, RunArgs},
    exit::{Exit, Failure},
    output,
    settings::{Purpose, Wishes},
    view::clean_line,
};
use agent_core::{Class, Verdict};
use clap::{Args, Subcommand};
use config::{Environment, Home};
use serde_json::json;
use tools::policy::{Checked, PolicySources, check, list};

/// What `--help` says below the options.
const ABOUT: &str = "\
Rules are in the files rules/*.toml of the data folder, and in those that the key exec_policy_files names. docs/exec-policy.md
says how they are written. One word with blanks in it is a line for the shell.

Examples:
  everturn policy list
  everturn policy check -- git push origin main
  everturn policy check 'cargo test 2>&1 | tail -n 20'";

/// The options of `everturn policy`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// What a thread would be told of a command. It does not run.
    Check {
        /// The program and its arguments, or a line for the shell.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
    /// All rules, and what is wrong with files of rules.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
}

impl PolicyArgs {
    fn layers(&self) -> &Layers {
        match &self.command {
            PolicyCommand::Check { layers, .. } | PolicyCommand::List { layers, .. } => layers,
        }
    }
}

/// Runs the command.
pub(crate) fn policy(environment: &Environment, args: PolicyArgs, run: &RunArgs) -> Result<Exit, Failure> {
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let layers = args.layers().clone().over(run.layers.clone());
    let wishes =
        Wishes::load(environment, home.root(), RunArgs { layers, ..RunArgs::default() }, Purpose::Look)?;
    let sources = PolicySources::of_home(home.root(), wishes.config().exec_policy_files.clone());
    match args.command {
        PolicyCommand::Check { command, json, .. } => {
            let cwd = std::env::current_dir()
                .map_err(|error| Failure::usage(format!("the current directory cannot be read: {error}")))?;
            let checked = check(&arguments(command), &sources, &cwd);
            if json {
                output::result(&as_json(&checked))
            } else {
                show(&checked)
            }
            Ok(Exit::Done)
        }
        PolicyCommand::List { json, .. } => Ok(show_rules(&sources, json)),
    }
}

/// A line in one word is for the shell, as `exec_command` would give it to it.
fn arguments(command: Vec<String>) -> Vec<String> {
    match command.as_slice() {
        [line] if line.contains(char::is_whitespace) => {
            vec!["bash".to_owned(), "-c".to_owned(), line.clone()]
        }
        _ => command,
    }
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Safe => "safe",
        Class::Dangerous => "dangerous",
        _ => "ordinary",
    }
}

/// The name of a verdict, and the rule or reason it comes with.
fn verdict_parts(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Allow { rule } => ("allow", rule),
        Verdict::Ask { reason } => ("ask", reason),
        Verdict::Forbid { reason } => ("forbid", reason),
        _ => ("none", ""),
    }
}

fn proposal(checked: &Checked) -> Option<String> {
    checked.proposal.as_ref().map(|words| words.join(" "))
}

fn as_json(checked: &Checked) -> String {
    let (verdict, why) = verdict_parts(&checked.verdict);
    json!({
        "class": class_name(checked.class),
        "reason": checked.reason,
        "verdict": verdict,
        "rule": (!why.is_empty()).then_some(why),
        "proposal": checked.proposal,
    })
    .to_string()
}

fn show(checked: &Checked) {
    let style = output::style_of(&anstream::stdout());
    let because =
        |why: &str| if why.is_empty() { String::new() } else { format!("  {}", style.dim(clean_line(why))) };
    let class = match checked.class {
        Class::Safe => style.green("safe"),
        Class::Dangerous => style.red("dangerous"),
        _ => "ordinary".to_owned(),
    };
    output::result(&format!("class     {class}{}", because(checked.reason.as_deref().unwrap_or_default())));
    let (verdict, why) = verdict_parts(&checked.verdict);
    let verdict = match verdict {
        "allow" => style.green(verdict),
        "ask" => style.yellow(verdict),
        "forbid" => style.red(verdict),
        _ => "no rule speaks of it".to_owned(),
    };
    output::result(&format!("rules     {verdict}{}", because(why)));
    let proposal = proposal(checked)
        .map_or_else(|| "none".to_owned(), |words| format!("allow `{}`", clean_line(&words)));
    output::result(&format!("proposal  {proposal}"));
}

fn show_rules(sources: &PolicySources, json: bool) -> Exit {
    let files = list(sources);
    let mut exit = Exit::Done;
    for file in &files {
        match &file.rules {
            Err(fault) => {
                exit = Exit::Failed;
                output::warn(&clean_line(&fault.to_string()));
            }
            Ok(rules) if json => {
                for rule in rules {
                    let decision = rule.decision.to_string();
                    let place = rule.file.to_string_lossy();
                    let line = json!({
                        "file": place, "line": rule.line, "prefix": rule.prefix, "decision": decision, "reason": rule.reason,
                    });
                    output::result(&line.to_string());
                }
            }
            Ok(rules) => {
                output::result(&file.file.display().to_string());
                for rule in rules {
                    let reason =
                        rule.reason.as_deref().map(|reason| format!("  ({reason})")).unwrap_or_default();
                    let text = format!(
                        "{:>6}  {:<6}  {}{reason}",
                        rule.line,
                        rule.decision.to_string(),
                        rule.words()
                    );
                    output::result(&clean_line(&text));
                }
            }
        }
    }
    if files.is_empty() {
        output::remark("there are no rules; docs/exec-policy.md says how to write some");
    }
    if exit == Exit::Failed {
        output::remark("until this is repaired, every command is asked about");
    }
    exit
}

//! [`Again`]: the commands that a user is advised to type, with what the command line said of the configuration.

use crate::{
    answering::Dialogue,
    args::{RunArgs, Whereabouts},
    output,
    view::command_line,
};
use agent_core::EventKind;
use config::{Provenance, Value};

/// What has to be typed behind a later command for the same configuration. A thread keeps its own settings; providers and
/// the environment of its commands are the process's.
#[derive(Debug, Default)]
pub(super) struct Again {
    options: Vec<String>,
    /// How the Temporal server is reached.
    server: Vec<String>,
    /// Keys that were given with a secret value, which is not shown.
    secrets: Vec<String>,
}

impl Again {
    /// `provenance` is of the configuration that this command line led to; it knows what is a secret.
    pub(super) fn new(run: &RunArgs, provenance: &Provenance) -> Self {
        let profile = run.layers.profile.iter().flat_map(|name| ["--profile".to_owned(), name.clone()]);
        let Whereabouts { backend: _, address, namespace, queue, bus } = &run.layers.whereabouts;
        let server = [("--address", address), ("--namespace", namespace), ("--queue", queue)]
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_owned(), value.clone()?]));
        let mut again = Self {
            options: profile.collect(),
            // The thread is found wherever it lives, once it is known where to look.
            server: server.flatten().collect(),
            // An address with a password in it is not repeated on a terminal.
            secrets: bus.iter().map(|_| "temporal.bus".to_owned()).collect(),
        };
        for given in &run.layers.config {
            let key = given.split_once('=').map_or(given.as_str(), |(key, _)| key).trim();
            let found = provenance.find(key);
            if found.iter().any(|(_, setting)| matches!(setting.value, Value::Secret(_))) {
                again.secrets.push(key.to_owned());
            } else {
                again.options.extend(["-c".to_owned(), given.clone()]);
            }
        }
        if run.power_safe {
            again.options.extend(["-c", "durability=power"].map(str::to_owned));
        }
        again
    }

    /// `everturn` with these arguments, as it is typed.
    pub(super) fn command(&self, arguments: &[&str]) -> String {
        let words = ["everturn"].iter().chain(arguments).map(|word| (*word).to_owned());
        let options = self.options.iter().chain(&self.server).cloned();
        command_line(&words.chain(options).collect::<Vec<_>>())
    }

    /// Whether the command line said anything of what a process brings to its threads.
    pub(super) fn is_plain(&self) -> bool {
        self.options.is_empty() && self.secrets.is_empty()
    }

    /// Says how to answer what waits.
    pub(super) fn advise<'a>(&self, waiting: impl Iterator<Item = &'a Dialogue>) {
        for question in waiting {
            let id = question.id().as_str();
            let advice = match question.question() {
                EventKind::ExecApprovalRequest(_) | EventKind::PatchApprovalRequest(_) => {
                    let [approve, deny] = ["approve", "deny"].map(|verb| self.command(&[verb, id]));
                    format!("{approve}    (or: {deny})")
                }
                EventKind::ElicitationRequest { .. } => {
                    let decline = self.command(&["answer", id, "--decline"]);
                    format!("{}    (or: {decline})", self.command(&["answer", id, "--field", "NAME=VALUE"]))
                }
                EventKind::DynamicToolCallRequest { .. } => {
                    let fail = self.command(&["answer", id, "--fail", "WHY"]);
                    format!("{}    (or: {fail})", self.command(&["answer", id, "RESULT"]))
                }
                _ => self.command(&["answer", id, "TEXT"]),
            };
            output::remark(&format!("waiting for an answer: {advice}"));
        }
        self.advise_secrets();
    }

    /// Says what an advised command leaves out.
    pub(super) fn advise_secrets(&self) {
        for key in &self.secrets {
            output::remark(&format!("add -c {key}=… as you gave it; its value is a secret and is not shown"));
        }
    }
}

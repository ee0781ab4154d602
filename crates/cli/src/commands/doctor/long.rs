//! What long threads rest on: who manages the machine, hooks, Git for snapshots, skills and prompts.

use super::Finding;
use crate::{
    owner::{SkillSource, custom_prompts},
    settings::Wishes,
};
use agent_core::Undo;
use config::{HookCommand, HookEntry, MANAGED_FILE};
use std::path::Path;

const MANAGED: &str = "managed";
const HOOKS: &str = "hooks";
const UNDO: &str = "undo";
const SKILLS: &str = "skills";
const PROMPTS: &str = "prompts";

/// One finding for each of them, as far as it is used.
pub(super) fn examine(wishes: &Wishes, root: &Path) -> Vec<Finding> {
    let config = wishes.config();
    let managed = (!config.constraints.is_empty())
        .then(|| Finding::ok(MANAGED, format!("{MANAGED_FILE} limits what settings may say")));
    let mut findings: Vec<Finding> = managed.into_iter().collect();
    findings.extend(hooks(wishes));
    findings.push(undo(wishes));
    let skills = SkillSource::new(wishes, root).at(&wishes.directory());
    findings.extend(files(SKILLS, skills.infos().len(), &skills.warnings));
    let prompts = custom_prompts(wishes, root);
    findings.extend(files(PROMPTS, prompts.infos().len(), &prompts.warnings));
    findings
}

fn hooks(wishes: &Wishes) -> Vec<Finding> {
    let config = wishes.config();
    let missing = |entry: &HookEntry| {
        let HookCommand::Argv(argv) = &entry.command else { return None };
        let program = argv.first().filter(|program| !is_there(program, wishes))?;
        Some(Finding::problem(
            HOOKS,
            format!("{}: there is no program {program}", entry.name),
            "install it or correct the path: until then each run of the hook is only a note",
        ))
    };
    let mut findings: Vec<Finding> = config.hooks.iter().filter_map(missing).collect();
    if let Some(program) = config.notify.first().filter(|program| !is_there(program, wishes)) {
        findings.push(Finding::problem(
            HOOKS,
            format!("notify: there is no program {program}"),
            "install it or correct the path",
        ));
    }
    if findings.is_empty() && !config.hooks.is_empty() {
        findings.push(Finding::ok(
            HOOKS,
            format!("{} are configured and their programs are there", config.hooks.len()),
        ));
    }
    findings
}

fn undo(wishes: &Wishes) -> Finding {
    match (wishes.config().undo, is_there("git", wishes)) {
        (Undo::Off, _) => Finding::ok(UNDO, "off: turns are taken back without their changes of files"),
        (Undo::On, true) => Finding::ok(UNDO, "turns can be taken back with their changes of files"),
        (Undo::On, false) => Finding::warning(
            UNDO,
            "git is not there, so changes of files cannot be taken back",
            "install git, or set undo = false",
        ),
    }
}

/// Nothing where there are none.
fn files(subject: &'static str, count: usize, warnings: &[String]) -> Vec<Finding> {
    if warnings.is_empty() {
        return (count > 0).then(|| Finding::ok(subject, format!("{count} are there"))).into_iter().collect();
    }
    let broken = |text: &String| Finding::warning(subject, text, "mend the file; the others are used");
    warnings.iter().map(broken).collect()
}

/// Whether a program is found, by its path or in the search path.
fn is_there(program: &str, wishes: &Wishes) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = wishes.environment.get("PATH").unwrap_or_default();
    std::env::split_paths(path).any(|folder| folder.join(program).is_file())
}

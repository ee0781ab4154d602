//! Which tools there are: asked of the host at the beginning of each turn, where they can change.

use super::{
    Discovery, Effect, EffectKind, Thread,
    machine::Machine,
    turn::{Phase, Tools},
};
use crate::protocol::{CollectRequest, Collected, EventKind, Item, ServedBy, Shared, SkillText, ToolSpec};

/// A look at the tools that is lost with its process is not made again beyond this attempt; the turn goes on with those it
/// knows.
const MAX_ATTEMPTS: u32 = 4;

impl Thread {
    /// The request for the tools there are.
    pub fn collect_request(&self) -> Option<CollectRequest> {
        let turn = self.turn.as_ref()?;
        Some(CollectRequest {
            key: self.key.clone(),
            turn: turn.id,
            cwd: turn.settings.cwd.clone(),
            known: self.collected.clone(),
            skills: turn.skills.iter().cloned().collect(),
        })
    }

    pub(super) fn is_client_tool(&self, name: &str) -> bool {
        let named = self.tools.iter().find(|tool| tool.name == name);
        named.is_some_and(|tool| tool.served_by == ServedBy::Client)
    }
}

impl Machine<'_> {
    /// Asks for the tools where that is due. True when the turn has to wait.
    pub(super) fn collects(&mut self) -> bool {
        let Some(turn) = &self.thread.turn else { return false };
        let is_of_use = self.thread.discovery == Discovery::EachTurn || !turn.skills.is_empty();
        if turn.tools != Tools::Due || !is_of_use {
            return false;
        }
        let effect = self.start(EffectKind::Collect);
        self.set_phase(Phase::Collecting { effect });
        true
    }

    pub(super) fn collected(&mut self, collected: &Collected) {
        for warning in &collected.warnings {
            self.event(EventKind::Warning { message: warning.clone() });
        }
        if let Some(tools) = &collected.tools {
            let others = self.thread.tools.iter().filter(|tool| tool.served_by != ServedBy::Host).cloned();
            let others: Vec<ToolSpec> = others.collect();
            self.offer(tools.iter().cloned().collect(), others);
        }
        self.thread.collected = collected.digest.clone();
        for SkillText { name, path, text } in &collected.skills {
            let text = format!("<skill name=\"{name}\" path=\"{path}\">\n{}\n</skill>", text.trim());
            self.push(Item::Context { text });
        }
        self.tools_known();
    }

    /// The client serves these tools from now on, and none else.
    pub(super) fn serve_client_tools(&mut self, tools: &[ToolSpec]) {
        let hosts = self.thread.tools.iter().filter(|tool| tool.served_by != ServedBy::Client).cloned();
        let tools = tools.iter().map(|tool| ToolSpec { served_by: ServedBy::Client, ..tool.clone() });
        self.offer(hosts.collect(), tools.collect());
    }

    /// Of two tools with one name the host's is offered.
    fn offer(&mut self, hosts: Vec<ToolSpec>, others: Vec<ToolSpec>) {
        let mut tools = hosts;
        for tool in others {
            if !tools.iter().any(|known| known.name == tool.name) {
                tools.push(tool);
            }
        }
        if tools != *self.thread.tools {
            self.event(EventKind::ToolsChanged {
                tools: tools.iter().map(|tool| tool.name.clone()).collect(),
            });
            self.thread.tools = Shared::new(tools);
        }
    }

    pub(super) fn collect_lost(&mut self, effect: Effect) {
        if effect.attempt < MAX_ATTEMPTS {
            self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect });
            return;
        }
        let message = "the process died while it looked for tools; the turn goes on with those it knows";
        self.event(EventKind::Warning { message: message.into() });
        self.tools_known();
    }

    pub(super) fn tools_known(&mut self) {
        self.with_turn(|turn| {
            let told = std::mem::take(&mut turn.skills);
            turn.told_skills.extend(told);
            turn.tools = Tools::Known;
            turn.phase = Phase::Between;
        });
    }
}

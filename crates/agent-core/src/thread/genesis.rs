//! How a thread begins: afresh, or as a fork of another.

use super::{
    Archived, Thread, Told,
    memory::{ContextSize, Memory, weight},
};
use crate::protocol::{Item, Plan, Settings, Shared, Source, ToolSpec};
use serde::{Deserialize, Serialize};

/// The first input of a thread: everything it starts with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Genesis {
    /// Where it comes from.
    pub source: Source,
    /// What it runs under.
    pub settings: Settings,
    /// The system prompt.
    pub instructions: Shared<String>,
    /// The tools offered to the model.
    pub tools: Shared<Vec<ToolSpec>>,
    /// Whether those of the host may change.
    #[serde(default, skip_serializing_if = "Discovery::is_fixed")]
    pub discovery: Discovery,
    /// The conversation it begins with: context items, or a fork's past.
    #[serde(default)]
    pub items: Vec<Shared<Item>>,
    /// What comes before those items and is kept as blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archived: Vec<Archived>,
    /// How durable the thread is, in the backend's words.
    pub durability: String,
    /// The thread and turn this one was forked from, as `thread/turn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
    /// The turns of that past.
    #[serde(default)]
    pub turns: u32,
    /// The tool calls of that past, so that calls stay numbered without repeats.
    #[serde(default)]
    pub calls: u64,
    /// The effects of that past, so that items keep ids of their own.
    #[serde(default)]
    pub effects: u64,
    /// A name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The plan of that past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What the model was told in that past of where it works.
    #[serde(default)]
    pub told: Told,
    /// What the host told before anybody spoke, where that is no longer at the beginning of the items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preamble: Vec<Shared<Item>>,
    /// What the user said in the archived part of that past, the last messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Shared<Item>>,
    /// The files that were changed in that past.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<String>,
    /// The tokens of the archived part of that past, as far as can be told.
    #[serde(default, skip_serializing_if = "crate::protocol::is_zero")]
    pub archived_tokens: u64,
}

impl Genesis {
    /// What is kept of its conversation beside the items.
    pub(super) fn memory(&self) -> Memory {
        let mut memory = Memory { preamble: self.preamble.clone(), ..Memory::default() };
        if memory.preamble.is_empty() && self.archived.is_empty() {
            let is_told = |item: &&Shared<Item>| matches!(***item, Item::Context { .. });
            memory.preamble = match self.forked_from {
                None => self.items.iter().take_while(is_told).cloned().collect(),
                Some(_) => Vec::new(),
            };
        }
        memory.touched.clone_from(&self.touched);
        memory.size = ContextSize::of_estimate(self.archived_tokens);
        self.said.iter().for_each(|item| memory.hear(item));
        for item in &self.items {
            memory.size.add(item);
            if let Item::User { .. } = &**item {
                memory.hear(item);
            }
        }
        memory
    }
}

/// Whether the tools of the host may change in the life of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Discovery {
    /// They are what they were when it began.
    #[default]
    Fixed,
    /// The tool handler is asked at the beginning of each turn: [`crate::ToolCallHandler::collect`].
    EachTurn,
}

impl Discovery {
    pub(super) fn is_fixed(&self) -> bool {
        *self == Self::Fixed
    }
}

impl Thread {
    /// What a fork of this thread begins with, or `None` while a turn runs: a fork is made between turns.
    /// Approvals for the session, spent tokens and waiting input stay behind.
    pub fn fork(&self) -> Option<Genesis> {
        self.turn.is_none().then(|| Genesis {
            source: self.source,
            settings: self.settings.clone(),
            instructions: self.instructions.clone(),
            tools: self.tools.clone(),
            discovery: self.discovery,
            items: self.items.clone(),
            archived: self.archived.clone(),
            durability: String::new(),
            forked_from: Some(format!("{}/{}", self.key.thread, self.turns)),
            turns: self.turns,
            calls: self.next_call - 1,
            effects: self.next_effect - 1,
            name: self.name.clone(),
            plan: self.plan.clone(),
            told: self.told.clone(),
            preamble: self.memory.preamble.clone(),
            said: self.said_in_archive(),
            touched: self.memory.touched.clone(),
            archived_tokens: self.archived_tokens(),
        })
    }

    /// What the user said before the items, as far as it is kept.
    fn said_in_archive(&self) -> Vec<Shared<Item>> {
        let is_said = |item: &&Shared<Item>| matches!(***item, Item::User { .. });
        let here = self.items.iter().filter(is_said).count();
        let before = self.memory.said.len().saturating_sub(here);
        let before = if self.archived.is_empty() { 0 } else { before };
        self.memory.said.iter().take(before).cloned().collect()
    }

    fn archived_tokens(&self) -> u64 {
        if self.archived.is_empty() {
            return 0;
        }
        let here: u64 = self.items.iter().map(|item| weight(item)).sum();
        self.context_tokens().saturating_sub(here)
    }
}

//! Where the lines go: whole ones, and text that is written as it comes.

use super::{
    plan_tags::{Plan, PlanTags},
    waiting::Waiting,
};
use crate::{output, view::clean};
use agent_core::{ItemId, Live};
use std::{collections::BTreeMap, io::Write};

/// The output, written from top to bottom.
pub(super) struct Page<W> {
    out: W,
    pub(super) waiting: Waiting,
    /// The item being streamed, on an unfinished line.
    streaming: Option<ItemId>,
    /// What was written of items before they were complete, with the attempt it came from.
    told: BTreeMap<ItemId, (u32, String)>,
    /// What is held back of them.
    tags: BTreeMap<ItemId, PlanTags>,
    /// Whether what was written last ended its line.
    is_at_line_start: bool,
}

impl<W: Write> Page<W> {
    pub(super) fn new(out: W, waiting: Waiting) -> Self {
        Self {
            out,
            waiting,
            streaming: None,
            told: BTreeMap::new(),
            tags: BTreeMap::new(),
            is_at_line_start: true,
        }
    }

    pub(super) fn line(&mut self, text: &str) {
        self.end_stream();
        self.raw(&format!("{text}\n"));
    }

    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.line(&line);
        }
    }

    /// A line on standard error: about what is written here, and no part of it.
    pub(super) fn beside(&mut self, text: &str) {
        self.end_stream();
        self.waiting.aside(|| output::remark(text));
    }

    /// A piece of an item, on from where the last one ended.
    pub(super) fn stream(&mut self, live: &Live, piece: &str, shown: &str) {
        self.waiting.rest();
        if self.streaming.as_ref() != Some(&live.item) {
            self.end_stream();
            self.streaming = Some(live.item.clone());
        }
        match self.told.get_mut(&live.item) {
            Some((attempt, text)) if *attempt == live.attempt => text.push_str(piece),
            _ => {
                self.told.insert(live.item.clone(), (live.attempt, piece.to_owned()));
            }
        }
        self.raw(shown);
    }

    /// A piece of what the agent says, without a plan in it, which is shown by itself.
    pub(super) fn say(&mut self, live: &Live, piece: &str) {
        if self.told.get(&live.item).is_none_or(|(attempt, _)| *attempt != live.attempt) {
            self.tags.remove(&live.item);
        }
        let shown = self.tags.entry(live.item.clone()).or_default().feed(piece);
        self.stream(live, piece, &clean(&shown));
    }

    /// What of a whole message was not streamed.
    pub(super) fn said(&mut self, item: &ItemId, text: &str, plan: Plan) {
        let tags = self.tags.remove(item).unwrap_or_default();
        let was_told =
            self.told.get(item).map(|(_, told)| told.clone()).filter(|told| text.starts_with(told.as_str()));
        let Some(told) = was_told else {
            let text = PlanTags::default().finish(text, plan);
            if plan == Plan::NotShown || !text.trim().is_empty() {
                self.complete(item, text.trim_end_matches('\n'));
            }
            return;
        };
        let rest = clean(&tags.finish(&text[told.len()..], plan));
        self.told.remove(item);
        if self.streaming.take_if(|streaming| *streaming == *item).is_some() {
            self.raw(&rest);
            if !self.is_at_line_start {
                self.raw("\n");
            }
        } else if !rest.trim().is_empty() {
            self.line(&rest);
        }
    }

    /// What of a whole text was not streamed.
    pub(super) fn complete(&mut self, item: &ItemId, text: &str) {
        match self.told.remove(item) {
            Some((_, told)) if text.starts_with(&told) => {
                let rest = clean(&text[told.len()..]);
                if self.streaming.take_if(|streaming| *streaming == *item).is_some() {
                    let end = if text.ends_with('\n') { "" } else { "\n" };
                    self.raw(&format!("{rest}{end}"));
                } else if !rest.is_empty() {
                    self.line(&rest);
                }
            }
            _ => self.line(&clean(text)),
        }
    }

    /// The same of an output, of which pieces may have been lost on their way; a text that was cut in its middle is not
    /// shown a second time.
    pub(super) fn finish(&mut self, item: &ItemId, text: &str) {
        let told = self.told.get(item).map_or(0, |(_, told)| told.len());
        if told == 0 && text.trim().is_empty() {
            return;
        }
        if told >= text.len() {
            self.was_streamed(item);
        } else {
            self.complete(item, text.trim_end_matches('\n'));
        }
    }

    /// Whether anything was streamed of the item, which is now complete.
    pub(super) fn was_streamed(&mut self, item: &ItemId) -> bool {
        if self.streaming.as_ref() == Some(item) {
            self.end_stream();
        }
        self.told.remove(item).is_some()
    }

    /// Whether anything was streamed of items that are not complete.
    pub(super) fn is_telling(&self) -> bool {
        self.streaming.is_some() || !self.told.is_empty()
    }

    /// No item goes on: a new turn begins, or what was told is told anew.
    pub(super) fn turn(&mut self) {
        self.end_stream();
        self.told.clear();
        self.tags.clear();
    }

    fn raw(&mut self, text: &str) {
        if !text.is_empty() {
            self.is_at_line_start = text.ends_with('\n');
        }
        let out = &mut self.out;
        self.waiting.aside(|| {
            // A terminal that went away is noticed elsewhere; the turn goes on.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    fn end_stream(&mut self) {
        let Some(item) = self.streaming.take() else { return };
        if self.told.get(&item).is_some_and(|(_, text)| !text.ends_with('\n')) {
            self.raw("\n");
        }
    }
}

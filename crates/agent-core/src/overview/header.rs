//! [`ThreadHeader`]: what lists show of a thread and what seldom changes.

use crate::{
    protocol::{Content, Event, EventKind, Item, ItemDetail, Settings, Source},
    thread::{Genesis, Input, Record},
};
use serde::{Deserialize, Serialize};

/// A title is the beginning of what the user said first, so many characters of it.
const TITLE_CHARS: usize = 80;

/// What lists show of a thread: all of it, or what a commit changes of it. What is not told stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreadHeader {
    /// Where the thread came from.
    pub source: Option<Source>,
    /// The name it was given.
    pub name: Option<String>,
    /// The beginning of what the user said first.
    pub title: Option<String>,
    /// Its working directory.
    pub cwd: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The thread and turn it was forked from, as `thread/turn`.
    pub forked_from: Option<String>,
}

impl ThreadHeader {
    /// What this commit changes of it, if anything. A thread that is `titled` keeps its title.
    pub fn of(record: &Record, events: &[Event], titled: bool) -> Option<Self> {
        let mut header = None;
        if let Input::Opened(genesis) = &record.input {
            header.get_or_insert_with(Self::default).open(genesis);
        }
        for event in events {
            match &event.kind {
                EventKind::SettingsChanged { settings } => {
                    header.get_or_insert_with(Self::default).settings(settings);
                }
                EventKind::ThreadNamed { name } => {
                    header.get_or_insert_with(Self::default).name = Some(name.clone());
                }
                EventKind::ItemCompleted { item } if !titled => {
                    if let ItemDetail::UserMessage { content } = &item.detail {
                        let header = header.get_or_insert_with(Self::default);
                        header.title = header.title.take().or_else(|| Self::title_of(content));
                    }
                }
                _ => {}
            }
        }
        header
    }

    /// Takes in what a commit changed. A title, once there, stays.
    pub fn take(&mut self, news: Self) {
        let Self { source, name, title, cwd, model, forked_from } = news;
        self.source = source.or(self.source);
        self.name = name.or(self.name.take());
        self.title = self.title.take().or(title);
        self.cwd = cwd.or(self.cwd.take());
        self.model = model.or(self.model.take());
        self.forked_from = forked_from.or(self.forked_from.take());
    }

    /// The title of a thread in which the user says this first; `None` where it has no text.
    pub fn title_of(content: &[Content]) -> Option<String> {
        let text = content.iter().find_map(|part| match part {
            Content::Text { text } if !text.trim().is_empty() => Some(text),
            _ => None,
        })?;
        let mut title = String::new();
        for (count, c) in text.split_whitespace().collect::<Vec<_>>().join(" ").chars().enumerate() {
            if count == TITLE_CHARS {
                title.push('…');
                break;
            }
            title.push(c);
        }
        Some(title)
    }

    fn open(&mut self, genesis: &Genesis) {
        self.source = Some(genesis.source);
        self.name.clone_from(&genesis.name);
        self.forked_from.clone_from(&genesis.forked_from);
        self.settings(&genesis.settings);
        self.title = genesis.items.iter().find_map(|item| match &**item {
            Item::User { content } => Self::title_of(content),
            _ => None,
        });
    }

    fn settings(&mut self, settings: &Settings) {
        self.cwd = Some(settings.cwd.clone());
        self.model = Some(settings.model.clone());
    }
}

//! [`Header`]: what lists show of a thread and what seldom changes.

use agent_core::{Content, Event, EventKind, Genesis, Input, Item, ItemDetail, Record, Settings};

/// A title is the beginning of what the user said first, so many characters of it.
const TITLE_CHARS: usize = 80;

/// What lists show of a thread, where a record changes it.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) source: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) cwd: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) forked_from: Option<String>,
}

impl Header {
    /// What this record changes of it, if anything.
    pub(crate) fn of(record: &Record, events: &[Event], titled: bool) -> Option<Self> {
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
                        header.title = header.title.take().or_else(|| title(content));
                    }
                }
                _ => {}
            }
        }
        header
    }

    fn open(&mut self, genesis: &Genesis) {
        self.source =
            serde_json::to_value(genesis.source).ok().and_then(|source| source.as_str().map(str::to_owned));
        self.name.clone_from(&genesis.name);
        self.forked_from.clone_from(&genesis.forked_from);
        self.settings(&genesis.settings);
        self.title = genesis.items.iter().find_map(|item| match &**item {
            Item::User { content } => title(content),
            _ => None,
        });
    }

    fn settings(&mut self, settings: &Settings) {
        self.cwd = Some(settings.cwd.clone());
        self.model = Some(settings.model.clone());
    }
}

fn title(content: &[Content]) -> Option<String> {
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

//! [`Origin`]: where a setting comes from, and which of two is the stronger.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nothing set it.
    Default,
    /// The user's file.
    User(Place),
    /// A file of the project, which is trusted.
    Project(Place),
    /// The profile that is used.
    Profile {
        /// Its name.
        name: String,
        /// Where in the user's file.
        place: Place,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// `-c KEY=VALUE`.
    Override,
    /// A flag with a name of its own.
    Flag(String),
    /// A file of whoever manages this machine. Nothing goes over it.
    Managed(Place),
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The column in letters, from 1.
    pub column: usize,
}

/// The layers, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Built in.
    Default,
    /// `config.toml` in the data folder.
    User,
    /// `.everturn/config.toml` of a trusted project.
    Project,
    /// A table under `profiles` in that file.
    Profile,
    /// Environment variables.
    Environment,
    /// `-c KEY=VALUE`.
    Override,
    /// Flags with names of their own.
    Flag,
    /// What whoever manages this machine has fixed.
    Managed,
}

impl Layer {
    /// Its name, for listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::User => "user",
            Self::Project => "project",
            Self::Profile => "profile",
            Self::Environment => "environment",
            Self::Override => "override",
            Self::Flag => "flag",
            Self::Managed => "managed",
        }
    }
}

impl Origin {
    /// Which layer it belongs to.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Default => Layer::Default,
            Self::User(_) => Layer::User,
            Self::Project(_) => Layer::Project,
            Self::Profile { .. } => Layer::Profile,
            Self::Variable(_) => Layer::Environment,
            Self::Override => Layer::Override,
            Self::Flag(_) => Layer::Flag,
            Self::Managed(_) => Layer::Managed,
        }
    }

    /// The origin for a message that names the profile already.
    pub(crate) fn short(&self) -> String {
        self.place().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Where in a file, if it is from one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::User(place) | Self::Project(place) | Self::Managed(place) | Self::Profile { place, .. } => {
                Some(place)
            }
            Self::Default | Self::Variable(_) | Self::Override | Self::Flag(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::User(place) => write!(out, "{place}"),
            Self::Project(place) => write!(out, "{place} (project)"),
            Self::Managed(place) => write!(out, "{place} (managed)"),
            Self::Profile { name, place } => write!(out, "{place} (profile {name})"),
            Self::Variable(name) => write!(out, "environment variable {name}"),
            Self::Override => out.write_str("-c"),
            Self::Flag(flag) => out.write_str(flag),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// A text with the places of its lines, so that a place is found without reading the text again.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    file: Arc<Path>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(file: &Path, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { file: PathBuf::from(file).into(), text, starts }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Which line a byte is in, from 0.
    pub(crate) fn index(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// A line without what ends it.
    pub(crate) fn line(&self, index: usize) -> &'a str {
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// Where a byte is.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let index = self.index(offset);
        let start = self.starts.get(index).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Place { file: Arc::clone(&self.file), line: index + 1, column: before.chars().count() + 1 }
    }
}

//! One broken rule, at one place.

use std::fmt;

/// Printed as `path:line: message`, which editors and terminals can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the root of the repository, with `/`.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, with the value, and what to do.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

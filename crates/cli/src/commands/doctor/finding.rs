//! [`Finding`]: how one thing is, and what to do about it.

/// How one thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at. Programs know it by this name.
    pub(super) subject: &'static str,
    pub(super) verdict: Verdict,
    /// How it is.
    pub(super) found: String,
    /// What to do; none where there is nothing to do, or what was found says it.
    pub(super) remedy: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and will surprise somebody.
    Warning,
    /// It does not work.
    Problem,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    pub(super) fn warning(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { subject, verdict: Verdict::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn problem(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { subject, verdict: Verdict::Problem, found: found.into(), remedy: Some(remedy.into()) }
    }
}

impl Verdict {
    /// How programs and logs call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    /// How people see it on a terminal.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warning => "!",
            Self::Problem => "✗",
        }
    }
}

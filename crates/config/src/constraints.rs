//! [`Constraints`]: what whoever manages a machine allows on it. Nothing that a user or a project says goes over them.

use crate::{
    KeyPath, Origin, Place, Problem, ProblemKind, SandboxMode, Setting, Value,
    choice::{Choice, WebSearch},
    settings::Settings,
};
use agent_core::{ApprovalPolicy, SandboxPolicy};
use std::collections::BTreeMap;

/// What is allowed. Everything is, where nothing is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Several files may say something of one subject; then all of them have to allow it.
    lists: BTreeMap<Subject, Vec<Allowed>>,
    /// The most of each budget, the lowest of all files.
    maxima: BTreeMap<Spending, Maximum>,
}

/// What a list of allowed values is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Approval,
    Sandbox,
    Provider,
    Model,
    WebSearch,
}

/// What a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spending {
    Tokens,
    ToolCalls,
    Cost,
    Turn,
    Work,
}

/// Values that are allowed, as they are written in settings. `*` in a model's name stands for any text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Allowed {
    pub(crate) values: Vec<String>,
    pub(crate) by: Place,
}

/// The most that a budget may be set to, in the unit of its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maximum {
    pub(crate) value: Value,
    pub(crate) by: Place,
}

/// The word for a policy in a table, which no key has.
pub(crate) const GRANULAR: &str = "granular";

impl Subject {
    fn wildcards(self) -> bool {
        self == Self::Model
    }
}

impl Spending {
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Tokens, "tokens"),
        (Self::ToolCalls, "tool_calls"),
        (Self::Cost, "cost_usd"),
        (Self::Turn, "turn_seconds"),
        (Self::Work, "work_minutes"),
    ];

    /// The keys that say it, each with how many of its units make one of the maximum's.
    fn keys(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Tokens => &[("budget.max_tokens", 1.0)],
            Self::ToolCalls => &[("budget.max_tool_calls", 1.0)],
            Self::Cost => &[("budget.max_cost_usd", 1.0)],
            Self::Turn => &[("budget.turn_seconds", 1.0), ("budget.max_turn_ms", 1_000.0)],
            Self::Work => &[("budget.max_work_minutes", 1.0)],
        }
    }
}

impl Constraints {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.maxima.is_empty()
    }

    /// Adds a list. What is wrong where then nothing would be allowed any more.
    pub(crate) fn limit(&mut self, subject: Subject, key: KeyPath, allowed: Allowed) -> Option<Problem> {
        let origin = Origin::Managed(allowed.by.clone());
        let lists = self.lists.entry(subject).or_default();
        let agrees = |value: &&String| lists.iter().all(|other| other.has(subject, value));
        if subject.wildcards() && !allowed.values.is_empty()
            || allowed.values.iter().any(|value| agrees(&value))
        {
            lists.push(allowed);
            return None;
        }
        let beside = lists.first().map(|other| other.by.clone());
        Some(Problem { origin, kind: ProblemKind::NothingAllowed { key, beside } })
    }

    /// The lower of two counts.
    pub(crate) fn cap(&mut self, spending: Spending, maximum: Maximum) {
        let lower =
            self.maxima.get(&spending).is_none_or(|known| number(&maximum.value) < number(&known.value));
        if lower {
            self.maxima.insert(spending, maximum);
        }
    }

    /// The sandbox where nothing is said: the command's default, else the strictest that is allowed.
    pub fn sandbox_or(&self, default: SandboxMode) -> SandboxMode {
        let allowed =
            |mode: &SandboxMode| self.refuses(Subject::Sandbox, mode.word().unwrap_or_default()).is_none();
        let strictest = SandboxMode::VALUES.iter().copied().find(|mode| allowed(mode));
        if allowed(&default) { default } else { strictest.unwrap_or(SandboxMode::ReadOnly) }
    }

    /// The approval policy where nothing is said: the command's default, else the first that is listed.
    pub fn approval_or(&self, default: ApprovalPolicy) -> ApprovalPolicy {
        let is_allowed = |word: &str| self.refuses(Subject::Approval, word).is_none();
        if is_allowed(approval_word(&default)) {
            return default;
        }
        let listed = self.lists.get(&Subject::Approval).into_iter().flatten().flat_map(|list| &list.values);
        let first = listed.filter(|word| is_allowed(word)).find_map(|word| ApprovalPolicy::of(word));
        first.unwrap_or(ApprovalPolicy::OnRequest)
    }

    /// What is not allowed of settings that a thread has or is to get, one line each; nothing where all is. For whatever does
    /// not come from a configuration: a thread of earlier days, an op of a client.
    pub fn refusals(&self, settings: &agent_core::Settings) -> Vec<String> {
        let sandbox = match settings.sandbox {
            SandboxPolicy::ReadOnly => SandboxMode::ReadOnly,
            SandboxPolicy::WorkspaceWrite { .. } => SandboxMode::WorkspaceWrite,
            _ => SandboxMode::DangerFullAccess,
        };
        let mut subjects = vec![
            (Subject::Approval, "approval_policy", approval_word(&settings.approval)),
            (Subject::Sandbox, "sandbox_mode", sandbox.word().unwrap_or_default()),
            (Subject::Model, "model", settings.model.as_str()),
        ];
        subjects.extend((!settings.provider.is_empty()).then_some((
            Subject::Provider,
            "model_provider",
            &*settings.provider,
        )));
        let forbidden = |(subject, key, value): (Subject, &str, &str)| {
            self.refuses(subject, value)
                .map(|list| forbidden(KeyPath::bare(key), &Value::from(value), list).to_string())
        };
        subjects.into_iter().filter_map(forbidden).collect()
    }

    /// Checks what all layers say, and fills in what follows where they say nothing.
    pub(crate) fn apply(&self, settings: &mut Settings, problems: &mut Vec<Problem>) {
        let mut found = Vec::new();
        for (path, setting) in settings.iter() {
            let Some((subject, value)) = subject_of(path, &setting.value) else { continue };
            if let Some(list) = self.refuses(subject, &value) {
                found.push(Problem {
                    origin: setting.origin.clone(),
                    kind: forbidden(path.clone(), &setting.value, list),
                });
            }
        }
        for (subject, key, default) in [
            (Subject::Model, "model", crate::DEFAULT_MODEL),
            (Subject::Provider, "model_provider", crate::providers::OPENAI),
        ] {
            found.extend(self.fill(settings, subject, key, default));
        }
        for (spending, maximum) in &self.maxima {
            found.extend(hold(settings, *spending, maximum));
        }
        problems.append(&mut found);
    }

    /// A default that is not allowed gives way to the first value that is.
    fn fill(&self, settings: &mut Settings, subject: Subject, key: &str, default: &str) -> Option<Problem> {
        let path = KeyPath::bare(key);
        let list = self.refuses(subject, default).filter(|_| settings.get(&path).is_none())?;
        let origin = Origin::Managed(list.by.clone());
        let named = list.values.iter().filter(|value| !value.contains('*'));
        match named.into_iter().find(|value| self.refuses(subject, value).is_none()) {
            Some(value) => {
                settings.put(path, Setting { value: value.as_str().into(), origin });
                None
            }
            None => Some(Problem { origin, kind: forbidden(path, &default.into(), list) }),
        }
    }

    /// The first list that does not have a value.
    fn refuses(&self, subject: Subject, value: &str) -> Option<&Allowed> {
        self.lists.get(&subject)?.iter().find(|list| !list.has(subject, value))
    }
}

impl Allowed {
    fn has(&self, subject: Subject, value: &str) -> bool {
        self.values.iter().any(|allowed| match allowed.contains('*') && subject.wildcards() {
            true => fits(allowed, value),
            false => allowed == value,
        })
    }
}

/// Whether a text is one that a pattern with `*` stands for.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// What a setting says of a subject.
fn subject_of(path: &KeyPath, value: &Value) -> Option<(Subject, String)> {
    let text = || match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let is = |pattern| path.fits(pattern);
    if is("approval_policy") {
        return Some((Subject::Approval, text()?));
    }
    if path.is_within(&KeyPath::bare("approval_policy.granular")) {
        return Some((Subject::Approval, GRANULAR.to_owned()));
    }
    if is("sandbox_mode") {
        return Some((Subject::Sandbox, text()?));
    }
    if is("model_provider") {
        return Some((Subject::Provider, text()?));
    }
    if is("model") || is("review_model") || is("modes.*.model") {
        return Some((Subject::Model, text()?));
    }
    if is("web_search") {
        return Some((Subject::WebSearch, text()?));
    }
    let switches = is("tools.web_search")
        || path.is_within(&KeyPath::bare("features").with(crate::features::WEB_SEARCH));
    let live = WebSearch::Live.word().unwrap_or_default();
    (switches && *value == Value::Bool(true)).then(|| (Subject::WebSearch, live.to_owned()))
}

fn forbidden(key: KeyPath, found: &Value, list: &Allowed) -> ProblemKind {
    let values: Vec<String> = list.values.iter().map(|value| format!("\"{value}\"")).collect();
    let allowed = format!("it allows {}", values.join(", "));
    ProblemKind::Forbidden { key, found: found.to_string(), allowed, by: list.by.clone() }
}

/// Holds a budget below its maximum: more is a problem, and nothing said becomes the maximum.
fn hold(settings: &mut Settings, spending: Spending, maximum: &Maximum) -> Option<Problem> {
    let limit = number(&maximum.value);
    let mut is_said = false;
    for (key, factor) in spending.keys() {
        let path = KeyPath::bare(key);
        let Some(setting) = settings.get(&path) else { continue };
        is_said = true;
        if number(&setting.value) > limit * factor {
            let most = if *factor == 1.0 { maximum.value.to_string() } else { (limit * factor).to_string() };
            let kind = ProblemKind::Forbidden {
                key: path,
                found: setting.value.to_string(),
                allowed: format!("the most is {most}"),
                by: maximum.by.clone(),
            };
            return Some(Problem { origin: setting.origin.clone(), kind });
        }
    }
    if !is_said && let Some((key, _)) = spending.keys().first() {
        let origin = Origin::Managed(maximum.by.clone());
        settings.put(KeyPath::bare(key), Setting { value: maximum.value.clone(), origin });
    }
    None
}

/// Counts of budgets are far below what a float holds exactly.
fn number(value: &Value) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "a limit of 2^53 tokens is none")]
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::INFINITY,
    }
}

fn approval_word(policy: &ApprovalPolicy) -> &'static str {
    policy.word().unwrap_or(GRANULAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("gpt-*", "gpt-6", true),
            ("gpt-*", "o3", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*-mini", "gpt-5-mini", true),
            ("ab*ba", "aba", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

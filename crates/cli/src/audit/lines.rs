//! Rows as a table for people, and as JSON lines for programs.

use super::Row;
use crate::view::{Style, clean_line};
use agent_core::Grant;
use serde_json::{Value, json};

impl Row {
    /// For people: when, where, what was decided, by whom, how far it may go, and what it is about; then why.
    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let turn = self.turn.map_or_else(|| "-".into(), |turn| turn.0.to_string());
        let call = self.call.as_ref().map_or("-", |call| call.as_str());
        let grant = match self.grant {
            None => "-",
            Some(Grant::Sandboxed) => "sandboxed",
            Some(_) => "unconfined",
        };
        let by = if self.by.is_empty() { "-".to_owned() } else { clean_line(&self.by) };
        let decision = clean_line(&self.decision);
        let mut lines = vec![format!(
            "{}  {turn:>4}  {call:<9} {}  {by:<10} {grant:<10}  {}",
            style.dim(moment(self.at_ms)),
            style.bold(format!("{decision:<20}")),
            clean_line(&self.what),
        )];
        let asked = self.asked.as_ref().map(|id| format!("asked as {id}"));
        let reason = self.reason.as_ref().map(|why| format!("why: {why}"));
        let rule = self.rule.as_ref().map(|rule| format!("rule: {rule}"));
        let more: Vec<String> = [asked, reason, rule].into_iter().flatten().collect();
        if !more.is_empty() {
            lines.push(style.dim(format!("    {}", clean_line(&more.join("; ")))));
        }
        lines
    }

    /// What stands above the rows.
    pub(crate) fn heading(style: Style) -> String {
        let heading = format!(
            "{:<20}  {:>4}  {:<9} {:<20}  {:<10} {:<10}  WHAT",
            "TIME (UTC)", "TURN", "CALL", "DECISION", "BY", "GRANT"
        );
        style.dim(heading)
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "seq": self.seq, "at_ms": self.at_ms, "time": moment(self.at_ms), "turn": self.turn,
            "kind": self.kind.word(), "call": self.call, "what": self.what, "decision": self.decision,
            "by": Some(&self.by).filter(|by| !by.is_empty()), "asked": self.asked.is_some(),
            "question": self.asked, "reason": self.reason, "rule": self.rule, "grant": self.grant,
        })
    }
}

/// The most of a time that is shown as one.
const LAST_MS: u64 = 253_402_300_799_999;

/// A time as RFC 3339 has it, in UTC.
fn moment(ms: u64) -> String {
    let seconds = i64::try_from(ms.min(LAST_MS) / 1_000).unwrap_or_default();
    match tz::UtcDateTime::from_timespec(seconds, 0) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            at.year(),
            at.month(),
            at.month_day(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        Err(_) => format!("{ms} ms"),
    }
}

//! Reviews: what is reviewed, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a review is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReviewRequest {
    /// What is not committed: staged, not staged, and new files.
    Uncommitted,
    /// What a pull request against this branch would bring.
    BaseBranch {
        /// The branch.
        branch: String,
    },
    /// What a commit changed.
    Commit {
        /// Its id.
        sha: String,
        /// Its subject, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// Something else.
    Custom {
        /// What to review, in words.
        instructions: String,
    },
}

/// What a review came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReviewOutcome {
    /// It came to its end.
    Completed {
        /// What it says.
        review: Review,
    },
    /// It was stopped, or failed; there is no result.
    Interrupted {
        /// Why.
        reason: String,
    },
}

/// The result of a review.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// What should be changed, as the reviewer ordered it.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Whether what was reviewed is correct: `patch is correct` or `patch is incorrect`, empty where it was not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub overall_correctness: String,
    /// Why.
    #[serde(default)]
    pub overall_explanation: String,
    /// How sure the reviewer is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall_confidence_score: Option<f64>,
}

/// One thing that should be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// In a few words.
    pub title: String,
    /// Why it is a problem.
    #[serde(default)]
    pub body: String,
    /// How sure the reviewer is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence_score: Option<f64>,
    /// From 0, at once, to 3, some day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_location: Option<CodeLocation>,
}

/// Lines of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeLocation {
    /// The file, as the reviewer named it.
    #[serde(alias = "absolute_file_path")]
    pub file: String,
    /// Which lines.
    pub line_range: LineRange,
}

/// Lines, from 1, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRange {
    /// The first.
    pub start: u32,
    /// The last.
    pub end: u32,
}

impl Review {
    /// What a reviewer wrote: its JSON, also with words or a fence around it. Text of another kind is all explanation.
    pub fn parse(text: &str) -> Self {
        let json = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
        let parsed = json.and_then(|json| serde_json::from_str::<Value>(json).ok());
        match parsed.as_ref().and_then(Self::of_json) {
            Some(review) => review,
            None => Self { overall_explanation: text.trim().to_owned(), ..Self::default() },
        }
    }

    /// Numbers out of range are moved into it; a finding that says nothing is left out.
    fn of_json(json: &Value) -> Option<Self> {
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let share = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_f64).map(|number| number.clamp(0.0, 1.0))
        };
        json.get("findings").or_else(|| json.get("overall_correctness"))?;
        let findings = json.get("findings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let finding = |value: &Value| {
            let title = text(value, "title");
            (!title.is_empty()).then(|| Finding {
                title,
                body: text(value, "body"),
                confidence_score: share(value, "confidence_score"),
                priority: value
                    .get("priority")
                    .and_then(Value::as_f64)
                    .map(|number| number.clamp(0.0, 3.0) as u8),
                code_location: value
                    .get("code_location")
                    .and_then(|place| serde_json::from_value(place.clone()).ok()),
            })
        };
        Some(Self {
            findings: findings.iter().filter_map(finding).collect(),
            overall_correctness: text(json, "overall_correctness"),
            overall_explanation: text(json, "overall_explanation"),
            overall_confidence_score: share(json, "overall_confidence_score"),
        })
    }

    /// For people and for the model: the verdict, then each finding with its place.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if !self.overall_correctness.is_empty() {
            words.push(format!("Verdict: {}", self.overall_correctness));
        }
        if !self.overall_explanation.is_empty() {
            words.push(self.overall_explanation.clone());
        }
        for finding in &self.findings {
            // Many reviewers write it into the title themselves.
            let priority = finding.priority.filter(|_| !finding.title.starts_with("[P"));
            let priority = priority.map(|priority| format!("[P{priority}] ")).unwrap_or_default();
            let place = finding.code_location.as_ref().map(CodeLocation::in_words).unwrap_or_default();
            words.push(format!(
                "- {priority}{}{place}\n  {}",
                finding.title,
                finding.body.replace('\n', "\n  ")
            ));
        }
        if words.is_empty() {
            words.push("The review has nothing to say.".into());
        }
        words.join("\n\n")
    }
}

impl CodeLocation {
    fn in_words(&self) -> String {
        match self.line_range {
            LineRange { start, end } if start == end => format!(" ({}:{start})", self.file),
            LineRange { start, end } => format!(" ({}:{start}-{end})", self.file),
        }
    }
}

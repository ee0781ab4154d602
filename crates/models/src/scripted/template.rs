//! [`Template`]: text with holes that the conversation fills.

use super::scene::Scene;

/// Text with `{{…}}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Output,
    /// From 1.
    NthOutput(usize),
    Line(String),
    Prompt,
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const KNOWN: &str = "{{output}}, {{output:N}}, {{line:TEXT}} and {{prompt}}; a literal {{ is written {{{{";

impl Template {
    /// Reads a template; the error says which hole is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(OPEN) {
            literal.push_str(&rest[..at]);
            rest = &rest[at + OPEN.len()..];
            if let Some(after) = rest.strip_prefix(OPEN) {
                literal.push_str(OPEN);
                rest = after;
                continue;
            }
            let end = rest.find(CLOSE).ok_or_else(|| format!("`{{{{` is never closed; known are {KNOWN}"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::parse(&rest[..end])?);
            rest = &rest[end + CLOSE.len()..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The text with its holes filled; the error says which one cannot be.
    pub(super) fn fill(&self, scene: &Scene<'_>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            part.fill(scene, &mut text)?;
        }
        Ok(text)
    }
}

impl Part {
    fn parse(hole: &str) -> Result<Self, String> {
        let unknown = || format!("`{{{{{hole}}}}}` is not a template; known are {KNOWN}");
        match hole.split_once(':') {
            None if hole == "output" => Ok(Self::Output),
            None if hole == "prompt" => Ok(Self::Prompt),
            Some(("output", number)) => match number.parse() {
                Ok(0) | Err(_) => Err(format!("`{{{{{hole}}}}}`: outputs are counted from 1")),
                Ok(number) => Ok(Self::NthOutput(number)),
            },
            Some(("line", text)) if !text.is_empty() => Ok(Self::Line(text.to_owned())),
            _ => Err(unknown()),
        }
    }

    fn fill(&self, scene: &Scene<'_>, text: &mut String) -> Result<(), String> {
        match self {
            Self::Literal(literal) => text.push_str(literal),
            Self::Prompt => {
                let prompt = scene.prompt.as_deref();
                text.push_str(prompt.ok_or("{{prompt}} stands for nothing: the user has said nothing")?);
            }
            Self::Output => {
                let output =
                    scene.last_output.ok_or("{{output}} stands for nothing: no tool has answered yet")?;
                text.push_str(&output.plain_text());
            }
            Self::NthOutput(number) => {
                let output = scene.outputs.get(number - 1).ok_or_else(|| {
                    let there = scene.outputs.len();
                    format!("{{{{output:{number}}}}} stands for nothing: this turn has {there} tool outputs so far")
                })?;
                text.push_str(&output.plain_text());
            }
            Self::Line(wanted) => text.push_str(&line_with(scene, wanted)?),
        }
        Ok(())
    }
}

fn line_with(scene: &Scene<'_>, wanted: &str) -> Result<String, String> {
    let nothing = |why: String| format!("{{{{line:{wanted}}}}} stands for nothing: {why}");
    let output =
        scene.last_output.ok_or_else(|| nothing("no tool has answered yet".to_owned()))?.plain_text();
    let line = output.lines().find(|line| line.contains(wanted));
    line.map(str::to_owned).ok_or_else(|| {
        nothing(format!(
            "no line of the last tool output contains it; that is {}",
            super::scene::quote(&output)
        ))
    })
}

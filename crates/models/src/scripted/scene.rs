//! [`Scene`]: what a script needs to know of a conversation, and which of its steps comes next.

use super::script::{Script, Shape, Step, Turn};
use agent_core::{Content, Item, ModelRequest, ToolOutput};

/// How much of a text an error quotes, in bytes.
const QUOTE_BYTES: usize = 300;
/// How the item begins that stands for what was summarised.
const SUMMARY: &str = "<summary>";

/// A conversation as a script sees it.
pub(super) struct Scene<'a> {
    /// The user's messages so far.
    prompts: Vec<String>,
    /// The last of them.
    pub(super) prompt: Option<String>,
    /// Tool outputs since the user's last message.
    pub(super) outputs: Vec<&'a ToolOutput>,
    /// The last tool output of the conversation.
    pub(super) last_output: Option<&'a ToolOutput>,
    /// Responses of the model in the whole conversation.
    responses: usize,
    /// Responses since the user's last message.
    responses_in_turn: usize,
    /// The conversation was summarised since the user's last message.
    is_summarised: bool,
}

/// A step and how to speak of it.
pub(super) struct Cue<'s> {
    pub(super) step: &'s Step,
    pub(super) name: String,
}

impl<'a> Scene<'a> {
    pub(super) fn of(request: &'a ModelRequest) -> Self {
        let mut scene = Self {
            prompts: Vec::new(),
            prompt: None,
            outputs: Vec::new(),
            last_output: None,
            responses: 0,
            responses_in_turn: 0,
            is_summarised: false,
        };
        let mut in_response = false;
        for item in request.conversation.told() {
            match &**item {
                Item::Agent { .. } | Item::Reasoning { .. } | Item::WebSearch { .. } | Item::Call(_) => {
                    if !in_response {
                        scene.responses += 1;
                        scene.responses_in_turn += 1;
                    }
                    in_response = true;
                    continue;
                }
                Item::User { content } => {
                    scene.prompts.push(said(content));
                    scene.outputs.clear();
                    scene.responses_in_turn = 0;
                    scene.is_summarised = false;
                }
                Item::Output { output, .. } => {
                    scene.outputs.push(output);
                    scene.last_output = Some(output);
                }
                Item::Context { text } if text.starts_with(SUMMARY) => scene.is_summarised = true,
                // `Context`, and whatever a later version adds, stands between responses and says nothing to us.
                _ => {}
            }
            in_response = false;
        }
        scene.prompt = scene.prompts.last().cloned();
        scene
    }

    /// The answer to a request for a summary.
    pub(super) fn summary_cue<'s>(&self, script: &'s Script) -> Result<Cue<'s>, String> {
        let none = || "the conversation is to be summarised, and the script has no [summary]".to_owned();
        let step = script.summary.as_ref().ok_or_else(none)?;
        Ok(Cue { step, name: format!("the summary (line {})", step.line) })
    }

    /// The step that comes next; the error says why there is none.
    pub(super) fn cue<'s>(&self, script: &'s Script) -> Result<Cue<'s>, String> {
        match &script.shape {
            Shape::Steps(steps) => {
                let number = self.responses + 1;
                let step = steps.get(self.responses).ok_or_else(|| {
                    format!(
                        "the script has {} steps, and the conversation asks for step {number}",
                        steps.len()
                    )
                })?;
                Ok(Cue { step, name: format!("step {number} (line {})", step.line) })
            }
            Shape::Turns(turns) => {
                let (index, turn) = self.turn(turns)?;
                let number = self.responses_in_turn + 1;
                let name = format!("turn {} (line {})", index + 1, turn.line);
                let step = turn.steps.get(self.responses_in_turn).ok_or_else(|| {
                    format!(
                        "{name} has {} steps, and the conversation asks for step {number}",
                        turn.steps.len()
                    )
                })?;
                Ok(Cue { step, name: format!("step {number} (line {}) of {name}", step.line) })
            }
        }
    }

    fn turn<'s>(&self, turns: &'s [Turn]) -> Result<(usize, &'s Turn), String> {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        let fits = |turn: &Turn, said: &str| turn.fits.as_deref().is_some_and(|fits| said.contains(fits));
        let named = |said: &str| turns.iter().position(|turn| !turn.after_summary && fits(turn, said));
        let after_summary = |turn: &Turn| turn.after_summary && (turn.fits.is_none() || fits(turn, prompt));
        if let Some(index) = turns.iter().position(after_summary).filter(|_| self.is_summarised) {
            return Ok((index, &turns[index]));
        }
        if let Some(index) = named(prompt) {
            return Ok((index, &turns[index]));
        }
        let is_unnamed = |turn: &Turn| turn.fits.is_none() && !turn.after_summary;
        // The user's message counts among those that no `match` fits.
        let number = self.prompts.iter().filter(|said| named(said).is_none()).count().max(1);
        turns.iter().enumerate().filter(|(_, turn)| is_unnamed(turn)).nth(number - 1).ok_or_else(|| {
            let unnamed = turns.iter().filter(|turn| is_unnamed(turn)).count();
            format!(
                "no turn answers {}: no `match` occurs in it, it is number {number} of such messages, and the \
                 script has {unnamed} turns without `match`",
                quote(prompt)
            )
        })
    }

    /// Whether the conversation is what the step expects; the error says where it is not.
    pub(super) fn check(&self, step: &Step) -> Result<(), String> {
        if let Some(wanted) = &step.prompt_contains {
            let prompt = self.prompt.as_deref().unwrap_or_default();
            if !prompt.contains(wanted) {
                return Err(format!(
                    "expects the user's last message to contain {}; it is {}",
                    quote(wanted),
                    quote(prompt)
                ));
            }
        }
        if let Some(wanted) = &step.output_contains {
            let told = self.last_output.map(told);
            match told {
                None => return Err(format!("expects a tool output with {}; there is none", quote(wanted))),
                Some(told) if !told.contains(wanted.as_str()) => {
                    return Err(format!(
                        "expects the last tool output to contain {}; it is {}",
                        quote(wanted),
                        quote(&told)
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// An output as the model is told it.
fn told(output: &ToolOutput) -> String {
    output.headline().unwrap_or_default() + &output.plain_text()
}

/// A message's words; images are left out.
fn said(content: &[Content]) -> String {
    let mut words = Vec::new();
    for part in content {
        match part {
            Content::Text { text } => words.push(text.clone()),
            Content::Mention { name, .. } => words.push(format!("@{name}")),
            Content::Skill { name } => words.push(format!("${name}")),
            _ => {}
        }
    }
    words.join("\n")
}

/// Text in quotes, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    if text.len() <= QUOTE_BYTES {
        return format!("{text:?}");
    }
    let end = text.floor_char_boundary(QUOTE_BYTES);
    format!("{:?}… ({} bytes)", &text[..end], text.len())
}

//! [`Dialogue`]: a question that is being answered in a conversation, line by line.

use super::{
    decide,
    field::{Field, content, fields},
    option_or_text,
};
use crate::view::clean_line;
use agent_core::{
    Answers, ApprovalDecision, CallId, ClientToolResult, Content, ElicitationAction, ElicitationReply,
    EventKind, InteractionId, Op, Question, question,
};
use serde_json::Value;
use std::sync::Arc;

/// What a typed line led to.
#[derive(Debug, PartialEq)]
pub(crate) enum Taken {
    /// The question is answered.
    Answer(Box<Op>),
    /// There is more to answer, or the line could not be read: what to type.
    Ask(String),
}

/// A question and what has been answered of it.
#[derive(Clone, Debug)]
pub(crate) struct Dialogue {
    id: InteractionId,
    question: Arc<EventKind>,
    told: Answers,
    filled: Vec<(String, Value)>,
    /// How many questions or fields are done with.
    done: usize,
}

impl Dialogue {
    /// None where the event asks nothing.
    pub(crate) fn of(event: &agent_core::Event) -> Option<Self> {
        let id = question(event)?.clone();
        let question = Arc::new(event.kind.clone());
        Some(Self { id, question, told: Answers::new(), filled: Vec::new(), done: 0 })
    }

    pub(crate) fn id(&self) -> &InteractionId {
        &self.id
    }

    pub(crate) fn question(&self) -> &EventKind {
        &self.question
    }

    /// The call that waits.
    pub(crate) fn call(&self) -> Option<&CallId> {
        match &*self.question {
            EventKind::ExecApprovalRequest(request) => Some(&request.call),
            EventKind::PatchApprovalRequest(request) => Some(&request.call),
            EventKind::RequestUserInput { call, .. }
            | EventKind::ElicitationRequest { call, .. }
            | EventKind::DynamicToolCallRequest { call, .. } => Some(call),
            _ => None,
        }
    }

    /// What to type now.
    pub(crate) fn prompt(&self) -> String {
        match &*self.question {
            EventKind::ExecApprovalRequest(request) => {
                let rule = request.amendment.as_ref().map(|rule| {
                    format!(
                        "r (yes, and a rule for all that begins with `{}`; r WORDS for another one), ",
                        clean_line(rule)
                    )
                });
                let rule = rule.unwrap_or_default();
                format!(
                    "answer y (yes), s (yes, and the same again in this thread), {rule}n (no) or a (no, and stop)"
                )
            }
            EventKind::RequestUserInput { questions, .. } => match questions.get(self.done) {
                Some(question) if questions.len() > 1 => {
                    format!("({} of {}) {}", self.done + 1, questions.len(), how_to_choose(question))
                }
                Some(question) => how_to_choose(question),
                None => "press Enter".into(),
            },
            EventKind::ElicitationRequest { request, .. } => match fields(&request.schema).get(self.done) {
                Some(field) => format!("{} · `decline` or `cancel` ends it", clean_line(&field.line())),
                None if request.url.is_some() => {
                    "open the address, then answer y (done), decline (no) or cancel (not now)".into()
                }
                None => "answer y (yes), decline (no) or cancel (not now)".into(),
            },
            EventKind::DynamicToolCallRequest { .. } => {
                "a client has to run it; or type what it returns, or `fail` and why".into()
            }
            _ => "answer y (yes), s (yes, and the same again in this thread), n (no) or a (no, and stop)"
                .into(),
        }
    }

    /// Takes a typed line.
    pub(crate) fn take(&mut self, line: &str) -> Taken {
        let question = Arc::clone(&self.question);
        match &*question {
            EventKind::RequestUserInput { questions, .. } => self.tell(questions, line),
            EventKind::ElicitationRequest { request, .. } => self.fill(&fields(&request.schema), line),
            EventKind::DynamicToolCallRequest { .. } => self.ran(line),
            _ => self.decide(line),
        }
    }

    fn decide(&self, line: &str) -> Taken {
        let amendment = match &*self.question {
            EventKind::ExecApprovalRequest(request) => request.amendment.as_deref(),
            _ => None,
        };
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let decision = match (word.to_lowercase().as_str(), rest.trim(), amendment) {
            ("y" | "yes", "", _) => ApprovalDecision::Approved,
            ("s" | "session", "", _) => ApprovalDecision::ApprovedForSession,
            ("n" | "no", "", _) => ApprovalDecision::Denied,
            ("a" | "abort", "", _) => ApprovalDecision::Abort,
            ("r" | "rule", "", Some(rule)) => {
                ApprovalDecision::ApprovedWithAmendment { rule: rule.to_owned() }
            }
            ("r" | "rule", rule, Some(_)) => {
                ApprovalDecision::ApprovedWithAmendment { rule: rule.to_owned() }
            }
            _ => return Taken::Ask(self.prompt()),
        };
        match decide(&self.question, self.id.clone(), decision) {
            Some(op) => Taken::Answer(Box::new(op)),
            None => Taken::Ask(self.prompt()),
        }
    }

    fn tell(&mut self, questions: &[Question], line: &str) -> Taken {
        if let Some(question) = questions.get(self.done) {
            self.told.insert(question.id.clone(), vec![option_or_text(question, line)]);
            self.done += 1;
        }
        if self.done < questions.len() {
            return Taken::Ask(self.prompt());
        }
        let answers = std::mem::take(&mut self.told);
        self.done = 0;
        Taken::Answer(Box::new(Op::UserInputAnswer { id: self.id.clone(), answers }))
    }

    fn fill(&mut self, fields: &[Field], line: &str) -> Taken {
        let reply = |action, content| {
            Taken::Answer(Box::new(Op::ResolveElicitation {
                id: self.id.clone(),
                response: ElicitationReply { action, content },
            }))
        };
        match (line.to_lowercase().as_str(), fields.is_empty()) {
            ("decline", _) | ("n" | "no", true) => return reply(ElicitationAction::Decline, Value::Null),
            ("cancel", _) => return reply(ElicitationAction::Cancel, Value::Null),
            ("y" | "yes" | "done", true) => return reply(ElicitationAction::Accept, Value::Null),
            (_, true) => return Taken::Ask(self.prompt()),
            (_, false) => {}
        }
        if let Some(field) = fields.get(self.done) {
            let value = if line == "-" { field.unsaid() } else { field.read(line).map(Some) };
            match value {
                Ok(value) => self.filled.extend(value.map(|value| (field.name.clone(), value))),
                Err(why) => return Taken::Ask(why),
            }
            self.done += 1;
        }
        if self.done < fields.len() {
            return Taken::Ask(self.prompt());
        }
        self.done = 0;
        let content = content(std::mem::take(&mut self.filled));
        let response = ElicitationReply { action: ElicitationAction::Accept, content };
        Taken::Answer(Box::new(Op::ResolveElicitation { id: self.id.clone(), response }))
    }

    fn ran(&self, line: &str) -> Taken {
        let (success, text) = match line.split_once(char::is_whitespace) {
            Some((word, why)) if word.eq_ignore_ascii_case("fail") => (false, why.trim()),
            None if line.eq_ignore_ascii_case("fail") => (false, "the user could not run it"),
            _ => (true, line),
        };
        let response = ClientToolResult { success, content: vec![Content::text(text)] };
        Taken::Answer(Box::new(Op::DynamicToolResponse { id: self.id.clone(), response }))
    }
}

fn how_to_choose(question: &Question) -> String {
    if question.options.is_empty() {
        "type the answer".into()
    } else {
        "type a number, or an answer of your own".into()
    }
}

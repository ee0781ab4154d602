//! Reviews: a turn with a conversation of its own, that changes nothing and comes back with findings.

use super::{
    Thread,
    machine::Machine,
    memory::{Aside, Memory},
    modes::only_looks,
    turn::{Ending, Task, Turn},
};
use crate::protocol::{
    ApprovalPolicy, CompactionTrigger, Content, EventKind, Item, ItemDetail, ItemId, Mode, Preparation,
    Review, ReviewOutcome, ReviewRequest, SandboxPolicy, ServedBy, Shared, ToolSpec, TurnEnd,
};

const INSTRUCTIONS: &str = include_str!("../prompts/review.md");
/// Tools a reviewer has no use for.
const WITHHELD: [&str; 4] = ["apply_patch", "update_plan", "request_user_input", "write_stdin"];

impl Thread {
    /// Whether the running turn reviews something.
    pub fn is_reviewing(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.review.is_some())
    }

    /// The system prompt of the running turn.
    pub(super) fn turn_instructions(&self) -> Shared<String> {
        match self.is_reviewing() {
            true => Shared::new(INSTRUCTIONS.to_owned()),
            false => self.instructions.clone(),
        }
    }

    /// The tools offered in the running turn.
    pub(super) fn turn_tools(&self) -> Shared<Vec<ToolSpec>> {
        let offered = self.effective_settings().offered(&self.tools);
        // Of what a client does nobody knows whether it changes something.
        let fits =
            |tool: &&ToolSpec| !WITHHELD.contains(&tool.name.as_str()) && tool.served_by != ServedBy::Client;
        match self.is_reviewing() {
            true => Shared::new(offered.iter().filter(fits).cloned().collect()),
            false => offered,
        }
    }

    /// Why a tool that there is may not be called now. What is not offered is remembered all the same: it is in the
    /// conversation, or a model knows it from elsewhere.
    pub(super) fn withheld(&self, name: &str) -> Option<String> {
        let known = self.tools.iter().find(|tool| tool.name == name)?;
        let is_offered = self.turn_tools().iter().any(|tool| tool.name == name);
        let plans = self.effective_settings().mode == Mode::Plan && known.served_by == ServedBy::Client;
        let why = match self.is_reviewing() {
            true => "a review only looks",
            false if plans => "plan mode is on, and nobody knows whether this would change something",
            false => "it is not offered in this mode",
        };
        (!is_offered || plans).then(|| format!("Not run: {why}. Go on without `{name}`."))
    }

    /// Why a call does not run in a review, whatever rules allow or the user has approved.
    pub(super) fn refused_by_review(&self, call: &Preparation) -> Option<String> {
        (self.is_reviewing() && !only_looks(call))
            .then(|| "Not run: a review only looks, and this would change something.".to_owned())
    }
}

impl Machine<'_> {
    /// Begins a review: the thread's own conversation steps aside.
    pub(super) fn enter_review(&mut self, request: &ReviewRequest) {
        let thread = &mut *self.thread;
        let aside = Aside {
            items: std::mem::take(&mut thread.items),
            archived: std::mem::take(&mut thread.archived),
            told: std::mem::take(&mut thread.told),
            memory: std::mem::take(&mut thread.memory),
            // A reviewer's model writes no summary of the thread's conversation, nor the thread's one of the review.
            asked_last: thread.asked_last.take(),
        };
        thread.epoch += 1;
        // What the host told before anybody spoke holds for reviewers too: it has the project's own rules.
        thread.items.clone_from(&aside.memory.preamble);
        thread.memory = Memory { preamble: aside.memory.preamble.clone(), ..Memory::default() };
        for item in &thread.items {
            thread.memory.size.add(item);
        }
        self.with_turn(|turn| {
            turn.review = Some(Box::new(aside));
            turn.is_heard = true;
            confine(turn);
            let settings = &mut turn.settings;
            if let Some(choice) = settings.review_model.clone() {
                settings.provider = choice.provider.unwrap_or_else(|| settings.provider.clone());
                settings.model = choice.model;
                settings.context_window = choice.context_window;
                settings.price = choice.price;
            }
        });
        self.event(EventKind::EnteredReviewMode { request: request.clone() });
        self.tell();
        let item = Item::User { content: vec![Content::text(in_words(request))] };
        self.push(item.clone());
        self.thread.memory.preamble.push(Shared::new(item));
    }

    /// Ends a review: the thread's own conversation goes on, with what came of it.
    pub(super) fn leave_review(&mut self, ending: &Ending) {
        let Some(aside) = self.with_turn(|turn| turn.review.take()) else { return };
        let message = self.with_turn(|turn| turn.last_message.clone());
        let outcome = outcome(ending, message.as_deref());
        let Aside { items, archived, told, memory, asked_last } = *aside;
        let thread = &mut *self.thread;
        thread.asked_last = asked_last;
        (thread.items, thread.archived, thread.told, thread.memory) = (items, archived, told, memory);
        thread.epoch += 1;
        let (words, correct) = match &outcome {
            ReviewOutcome::Completed { review } => (review.in_words(), "came to this"),
            ReviewOutcome::Interrupted { reason } => (reason.clone(), "was interrupted and has no result"),
        };
        self.push(Item::Context {
            text: format!("<review>\nThe user had a change reviewed by another agent. The review {correct}:\n\n{words}\n</review>"),
        });
        let id = ItemId::of_input(self.thread.input_seq, 0).beside("review");
        self.completed(id, ItemDetail::Review { outcome: outcome.clone() });
        self.event(EventKind::ExitedReviewMode { outcome });
    }

    /// What a turn is for beyond answering.
    pub(super) fn begin_task(&mut self, task: &Task) {
        match task {
            Task::Answer => {}
            Task::Summarise => {
                self.with_turn(|turn| turn.due_summary = Some(CompactionTrigger::Requested));
            }
            Task::Review { request } => self.enter_review(request),
        }
    }
}

/// Holds a turn that reviews to what reviewers may do, whatever the settings say by now.
pub(super) fn confine(turn: &mut Turn) {
    if turn.review.is_some() {
        turn.settings.sandbox = SandboxPolicy::ReadOnly;
        turn.settings.approval = ApprovalPolicy::Never;
        turn.settings.mode = Mode::Code;
        turn.settings.masks.clear();
    }
}

fn outcome(ending: &Ending, message: Option<&str>) -> ReviewOutcome {
    let interrupted = |reason: &str| ReviewOutcome::Interrupted { reason: reason.to_owned() };
    match (ending, message) {
        (Ending::Completed(TurnEnd::Final { .. }), Some(text)) => {
            ReviewOutcome::Completed { review: Review::parse(text) }
        }
        (Ending::Completed(TurnEnd::Final { .. }), None) => interrupted("the reviewer said nothing"),
        (Ending::Aborted(_), _) => interrupted("the review was interrupted"),
        (Ending::Completed(end), _) => interrupted(&failure(end)),
    }
}

/// Why a reviewer came to no end of its own.
fn failure(end: &TurnEnd) -> String {
    match end {
        TurnEnd::Final { .. } => "the reviewer said nothing".to_owned(),
        TurnEnd::RepeatedCalls { times } => {
            format!("the review failed: the reviewer asked for the same calls {times} times")
        }
        TurnEnd::RetriesExhausted { message }
        | TurnEnd::ContextWindowExceeded { message }
        | TurnEnd::BudgetSpent { message }
        | TurnEnd::OutputMisfit { message }
        | TurnEnd::Blocked { message }
        | TurnEnd::Fatal { message } => format!("the review failed: {message}"),
    }
}

/// What a reviewer is asked.
fn in_words(request: &ReviewRequest) -> String {
    match request {
        ReviewRequest::Uncommitted => {
            "Review what is not committed here: staged and unstaged changes (`git diff HEAD`) and new files (`git status \
             --porcelain`)."
                .to_owned()
        }
        ReviewRequest::BaseBranch { branch } => format!(
            "Review what merging this into `{branch}` would bring: find the merge base (`git merge-base HEAD {branch}`, or its \
             upstream if that is ahead) and look at `git diff` from there."
        ),
        ReviewRequest::Commit { sha, title } => {
            let title = title.as_deref().map(|title| format!(" ({title})")).unwrap_or_default();
            format!("Review the change that commit {sha}{title} makes (`git show {sha}`).")
        }
        ReviewRequest::Custom { instructions } => instructions.clone(),
    }
}

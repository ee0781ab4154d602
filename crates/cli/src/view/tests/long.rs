//! What is seen of summaries, reviews, proposed plans and turns that are taken back.

use super::{completed, message, piece, shown, told};
use agent_core::{
    CodeLocation, CompactionTrigger, EventKind, Finding, HookPhase, ItemDetail, LineRange, Review,
    ReviewOutcome, ReviewRequest, TurnId,
};
use serde_json::json;

fn finding(title: &str, priority: Option<u8>, lines: (u32, u32)) -> Finding {
    let line_range = LineRange { start: lines.0, end: lines.1 };
    Finding {
        title: title.into(),
        body: "First.\nSecond.".into(),
        confidence_score: Some(0.8),
        priority,
        code_location: Some(CodeLocation { file: "src/a.rs".into(), line_range }),
    }
}

fn result() -> Review {
    Review {
        findings: vec![finding("later", Some(2), (7, 7)), finding("at once\u{1b}", Some(0), (1, 3))],
        overall_correctness: "patch is incorrect".into(),
        overall_explanation: "It breaks.".into(),
        overall_confidence_score: Some(0.95),
    }
}

#[test]
fn a_summary_is_one_line_with_what_it_saved() {
    let compacted =
        |trigger| EventKind::ContextCompacted { trigger, before_tokens: 181_000, after_tokens: 9_000 };
    let all = shown(vec![
        compacted(CompactionTrigger::Size).into(),
        compacted(CompactionTrigger::Requested).into(),
        completed("c", ItemDetail::Compaction { summary: "long".into() }),
    ]);
    assert_eq!(
        all,
        "(summarised what was said so far, it was nearly full: 181.0k → 9000 tokens)\n\
         (summarised what was said so far, as asked: 181.0k → 9000 tokens)\n"
    );
}

#[test]
fn a_review_shows_its_findings_in_place_of_the_reviewers_json() {
    let all = shown(vec![
        EventKind::EnteredReviewMode { request: ReviewRequest::BaseBranch { branch: "main".into() } }.into(),
        message("item_1_0", "Looking at the diff."),
        piece(1, "{\"findings\""),
        message("item_2_0", "{\"findings\": []}"),
        completed("r", ItemDetail::Review { outcome: ReviewOutcome::Completed { review: result() } }),
        EventKind::ExitedReviewMode { outcome: ReviewOutcome::Completed { review: result() } }.into(),
        message("item_3_0", "After it."),
    ]);
    assert_eq!(
        all,
        "reviewing the changes against main\nLooking at the diff.\n\
         patch is incorrect: 2 findings, 95 % sure\nIt breaks.\n\n  \
         [P0] at once␛  src/a.rs:1-3 (80 % sure)\n    First.\n    Second.\n\n  \
         [P2] later  src/a.rs:7 (80 % sure)\n    First.\n    Second.\nAfter it.\n"
    );
}

#[test]
fn a_review_that_was_not_finished_says_so() {
    let outcome = ReviewOutcome::Interrupted { reason: "the review was interrupted".into() };
    let all = shown(vec![
        EventKind::EnteredReviewMode { request: ReviewRequest::Uncommitted }.into(),
        EventKind::ExitedReviewMode { outcome }.into(),
    ]);
    assert_eq!(
        all,
        "reviewing what is not committed\nthe review was not finished: the review was interrupted\n"
    );
}

#[test]
fn a_proposed_plan_is_set_apart_below_the_message_that_has_it() {
    let plan = || {
        completed("item_1_0.plan", ItemDetail::ProposedPlan { text: "1. Read\n\n2. Write\u{1b}\n".into() })
    };
    let text = "Look:\n<proposed_plan>\n1. Read\n\n2. Write\u{1b}\n</proposed_plan>";
    let shown_by_itself = "Proposed plan\n│ 1. Read\n│\n│ 2. Write␛\n";
    assert_eq!(shown(vec![plan(), message("item_1_0", text)]), format!("Look:\n{shown_by_itself}"));
    let streamed =
        vec![piece(1, "Look:\n<propo"), piece(1, "sed_plan>\n1. Re"), plan(), message("item_1_0", text)];
    assert_eq!(shown(streamed), format!("Look:\n{shown_by_itself}"));
    // What only looks like one is text.
    let other =
        shown(vec![piece(1, "A <proposed_plan> is"), message("item_1_0", "A <proposed_plan> is a tag.")]);
    assert_eq!(other, "A <proposed_plan> is a tag.\n");
}

#[test]
fn turns_that_are_taken_back_say_which_files_went_along() {
    let many: Vec<String> = (0..14).map(|n| format!("f{n:02}")).collect();
    let all = shown(vec![
        EventKind::RolledBack {
            from: TurnId(3),
            files: vec!["a.txt".into()],
            notes: vec!["kept 1 file".into()],
        }
        .into(),
        EventKind::RolledBack { from: TurnId(2), files: vec![], notes: vec![] }.into(),
        EventKind::FilesRestored { from: TurnId(1), files: many, notes: vec![] }.into(),
        EventKind::RollbackRefused {
            from: TurnId(1),
            reason: "you changed it".into(),
            paths: vec!["a\u{1b}".into()],
        }
        .into(),
    ]);
    let listed: String = (0..12).map(|n| format!("  f{n:02}\n")).collect();
    assert_eq!(
        all,
        format!(
            "↶ turn 3 and all after it are taken back; 1 file is as before\n  a.txt\n  kept 1 file\n\
             ↶ turn 2 and all after it are taken back; no file had to change\n\
             ↶ 14 files are as before turn 1\n{listed}  … and 2 more\n\
             turn 1 is not taken back: you changed it\n  a␛\n"
        )
    );
}

#[test]
fn programs_are_told_all_of_it() {
    let review = || ReviewOutcome::Interrupted { reason: "stopped".into() };
    let all = told(vec![
        EventKind::ContextCompacted {
            trigger: CompactionTrigger::Overflow,
            before_tokens: 9,
            after_tokens: 3,
        }
        .into(),
        EventKind::EnteredReviewMode { request: ReviewRequest::Uncommitted }.into(),
        EventKind::ExitedReviewMode { outcome: review() }.into(),
        completed("r", ItemDetail::Review { outcome: review() }),
        completed("p", ItemDetail::ProposedPlan { text: "Do it.".into() }),
        completed("c", ItemDetail::Compaction { summary: "All of it.".into() }),
        EventKind::RolledBack { from: TurnId(2), files: vec!["a".into()], notes: vec!["n".into()] }.into(),
        EventKind::FilesRestored { from: TurnId(2), files: vec!["a".into()], notes: vec![] }.into(),
        EventKind::RollbackRefused { from: TurnId(2), reason: "no".into(), paths: vec!["b".into()] }.into(),
        EventKind::HookNote { phase: HookPhase::PreTurn, hook: "h".into(), message: "m".into() }.into(),
        EventKind::Moved { from: "local".into(), to: "temporal".into() }.into(),
    ]);
    let stopped = json!({ "type": "interrupted", "reason": "stopped" });
    assert_eq!(
        all,
        [
            json!({ "seq": 1, "type": "context.compacted", "trigger": "overflow", "before_tokens": 9, "after_tokens": 3 }),
            json!({ "seq": 2, "type": "review.entered", "request": { "target": "uncommitted" } }),
            json!({ "seq": 3, "type": "review.exited", "in_words": false, "outcome": stopped }),
            json!({ "seq": 4, "type": "item.completed", "item": { "id": "r", "type": "review", "outcome": stopped } }),
            json!({ "seq": 5, "type": "item.completed", "item": { "id": "p", "type": "proposed_plan", "text": "Do it." } }),
            json!({ "seq": 6, "type": "item.completed", "item": { "id": "c", "type": "compaction", "summary": "All of it." } }),
            json!({ "seq": 7, "type": "rollback.done", "from_turn": 2, "files": ["a"], "notes": ["n"] }),
            json!({ "seq": 8, "type": "files.restored", "from_turn": 2, "files": ["a"], "notes": [] }),
            json!({ "seq": 9, "type": "rollback.refused", "from_turn": 2, "reason": "no", "paths": ["b"] }),
            json!({ "seq": 10, "type": "hook.note", "phase": "pre_turn", "hook": "h", "message": "m" }),
            json!({ "seq": 11, "type": "thread.moved", "from": "local", "to": "temporal" }),
        ]
    );
}

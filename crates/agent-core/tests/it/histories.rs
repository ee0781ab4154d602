//! Journals that earlier versions wrote. They replay as they were: the same events, whatever the rules are by now.

use crate::scenario::{submission, thread};
use agent_core::{Commit, EventKind, Input, Item, Op, RULES, Stored, Thread, ThreadKey, recover};

/// Written by version 1 of the rules: two patches, limits without a count of tokens, another model, a step that was tried
/// again in vain, and a turn that was cut off while a tool ran.
const RULES_1: &str = include_str!("../histories/rules_1.jsonl");

fn commits(journal: &str) -> Vec<Commit> {
    journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recovered(tail: Vec<Commit>) -> Thread {
    recover(ThreadKey::for_test("thread-1"), Stored { snapshot: None, tail }).unwrap()
}

#[test]
fn a_journal_of_version_1_leads_to_the_same_events_from_each_beginning() {
    let commits = commits(RULES_1);
    assert!(commits.iter().all(|commit| commit.record.rules == 1) && RULES > 1);
    for length in 1..=commits.len() {
        recovered(commits[..length].to_vec());
    }
    let thread = recovered(commits.clone());
    assert_eq!(thread.settings().context_window, Some(1000), "the window stayed with the other model");
    let diffs: Vec<&str> = commits
        .iter()
        .flat_map(|commit| &commit.events)
        .filter_map(|event| match &event.kind {
            EventKind::TurnDiff { diff } => Some(diff.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(diffs.len(), 1);
    assert_eq!(diffs[0].matches("--- a/file").count(), 2, "patches stood one after another");
}

#[test]
fn its_running_turn_ends_by_the_rules_it_began_with_and_the_next_one_by_those_of_now() {
    let mut thread = recovered(commits(RULES_1));
    let mut kinds = Vec::new();
    let mut apply = |thread: &mut Thread, input| {
        let record = thread.next_record(0, input);
        kinds.extend(thread.apply(&record).unwrap().events.into_iter().map(|event| event.kind));
    };
    apply(&mut thread, Input::Submitted(Box::new(submission("stop", Op::Interrupt))));
    let lost: Vec<_> = thread.running().map(|running| (running.effect.id, running.effect.attempt)).collect();
    for (effect, attempt) in lost {
        if thread.awaits(effect, attempt) {
            apply(&mut thread, Input::Lost { effect, attempt, evidence: None });
        }
    }
    assert!(kinds.iter().any(EventKind::is_terminal), "{kinds:?}");
    let told = |thread: &Thread| {
        thread.items().iter().filter(|item| matches!(&***item, Item::Context { .. })).count()
    };
    assert_eq!(told(&thread), 1, "its host had told the environment");
    let record = thread.next_record(0, Input::Submitted(Box::new(crate::scenario::says("next", "go on"))));
    thread.apply(&record).unwrap();
    assert_eq!(told(&thread), 2, "from now on the thread does");
    assert_ne!(thread.rules, 1);
}

#[test]
fn what_rules_of_today_keep_is_kept_by_no_thread_of_earlier_ones() {
    // Its snapshots come from a build that knew none of this: the thread from its first record has to be the same.
    let kept = ["memory", "spent", "marks", "rollback", "asked_last", "metadata", "is_begun", "kept_notes"];
    let new = serde_json::to_value(thread()).unwrap();
    let commits = commits(RULES_1);
    for length in 1..=commits.len() {
        let thread = serde_json::to_value(recovered(commits[..length].to_vec())).unwrap();
        for name in kept {
            assert_eq!(thread.get(name), new.get(name), "{name} after record {length}");
        }
    }
}

#[test]
fn a_journal_that_leads_elsewhere_is_an_error() {
    let mut commits = commits(RULES_1);
    let last = commits.iter_mut().rev().find(|commit| !commit.events.is_empty()).unwrap();
    last.events.pop();
    let stored = Stored { snapshot: None, tail: commits };
    assert!(recover(thread().key, stored).is_err());
}

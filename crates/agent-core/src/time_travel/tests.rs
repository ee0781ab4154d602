//! A small journal, as it was, changed, and cut.

use super::{Obstacle, TimeTravel, Trail, Verified, first_difference};
use crate::{
    ports::Commit,
    protocol::{Content, EventKind, Op, OpId, Submission, Tenant, ThreadId, ThreadKey},
    thread::{Input, RULES, Thread},
};

fn key() -> ThreadKey {
    ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") }
}

/// Opened, asked twice to do something, and interrupted.
fn journal() -> Vec<Commit> {
    let mut thread = Thread::new(key());
    let say = |id: &str, op| Input::Submitted(Box::new(Submission::new(OpId::new(id), "test", op)));
    let input = |text: &str| Op::UserInput { items: vec![Content::text(text)] };
    let inputs = [
        Input::Opened(Box::default()),
        say("op-1", input("go")),
        say("op-2", input("and go")),
        say("op-3", Op::Interrupt),
    ];
    let mut journal = Vec::new();
    for (at, input) in inputs.into_iter().enumerate() {
        let record = thread.next_record(at as u64, input);
        let events = thread.apply(&record).unwrap().events;
        journal.push(Commit { record, events });
    }
    journal
}

#[test]
fn a_journal_leads_to_what_was_recorded() {
    let journal = journal();
    let events = journal.iter().map(|commit| commit.events.len() as u64).sum();
    let mut travel = TimeTravel::new(key(), journal.clone());
    assert_eq!(travel.verify().unwrap(), Verified::Same { records: 4, events });
    // Back and forth comes to the same places.
    let end = travel.thread().view();
    travel.go_to(2).unwrap();
    let view = travel.thread().view();
    assert_eq!((travel.at(), view.turn.map(|turn| turn.0), view.queued), (2, Some(1), 0));
    assert_eq!(view.phase, Some("asking the model"));
    assert_eq!(view.running.len(), 1);
    assert_eq!(travel.go_to(99).unwrap().unwrap().recorded, journal[3]);
    assert_eq!(travel.thread().view(), end);
    assert_eq!(travel.forward().unwrap(), None);
}

#[test]
fn the_first_record_that_differs_is_shown_with_both() {
    let mut journal = journal();
    let was = EventKind::ThreadNamed { name: "something else".into() };
    let is = std::mem::replace(&mut journal[1].events[0].kind, was.clone());
    journal[2].events.clear();
    let Verified::Different(again) = TimeTravel::new(key(), journal).verify().unwrap() else {
        panic!("the same")
    };
    assert_eq!(again.record().seq, 2);
    let (at, recorded, now) = again.first_difference().unwrap();
    assert_eq!((at, &recorded.unwrap().kind, &now.unwrap().kind), (0, &was, &is));
}

#[test]
fn what_cannot_be_gone_through_is_named() {
    let whole = journal();
    let mut cut = whole.clone();
    cut.remove(1);
    let gap = TimeTravel::new(key(), cut).verify().unwrap_err();
    assert_eq!(gap, Obstacle::Gap { wanted: 2, found: 3 });

    let mut newer = whole.clone();
    newer[2].record.rules = RULES + 1;
    let mut travel = TimeTravel::new(key(), newer);
    let obstacle = travel.verify().unwrap_err();
    assert_eq!(obstacle, Obstacle::NewerRules { seq: 3, found: RULES + 1, supported: RULES });
    assert_eq!((travel.at(), obstacle.seq()), (2, 3));

    let mut odd = whole;
    odd[3].record.input = Input::Opened(Box::default());
    let obstacle = TimeTravel::new(key(), odd).verify().unwrap_err();
    assert_eq!(
        obstacle.to_string(),
        "record 4 cannot be applied by this build: the thread has been opened before"
    );
}

#[test]
fn two_trails_part_at_the_first_record_that_is_decided_differently() {
    let journal = journal();
    let trail = TimeTravel::new(key(), journal.clone()).trail();
    assert_eq!((trail.digests.len(), &trail.obstacle), (4, &None));
    assert_eq!(first_difference(&trail, &trail), None);
    // What was recorded plays no part.
    let mut unlike = journal.clone();
    unlike[1].events.clear();
    assert_eq!(TimeTravel::new(key(), unlike).trail(), trail);
    for at in 0..4 {
        let mut other = trail.clone();
        for digest in &mut other.digests[at..] {
            digest.insert(0, 'x');
        }
        assert_eq!(first_difference(&trail, &other), Some(at as u64 + 1));
        other.digests.truncate(at);
        assert_eq!(first_difference(&trail, &other), Some(at as u64 + 1));
    }
    let mut newer = journal;
    newer[2].record.rules = RULES + 1;
    let Trail { digests, obstacle } = TimeTravel::new(key(), newer).trail();
    assert_eq!((digests.len(), obstacle.is_some()), (2, true));
}

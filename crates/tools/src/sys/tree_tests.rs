//! Which processes belong to a tree.

use super::*;
use rstest::rstest;

fn process(pid: i32, parent: i32, session: i32, start: u64) -> Process {
    Process { pid, parent, group: session, session, start, dead: false }
}

fn tree() -> Tree {
    Tree { root: 100, start: 50, mark: "m".into() }
}

#[rstest]
#[case::the_root(process(100, 1, 100, 50), true)]
#[case::of_its_session(process(101, 7, 100, 60), true)]
#[case::child_in_another_session(process(102, 100, 102, 60), true)]
#[case::orphan_with_the_mark(process(103, 1, 103, 60), true)]
#[case::orphan_without_it(process(104, 1, 104, 60), false)]
#[case::older_than_the_root(process(105, 100, 100, 49), false)]
fn members_are_found(#[case] candidate: Process, #[case] member: bool) {
    let all = [process(100, 1, 100, 50), candidate];
    let found = tree().among(&all, |pid| pid == 103);
    assert_eq!(found.iter().any(|one| one.pid == candidate.pid), member);
}

#[test]
fn a_reused_number_is_not_taken_for_the_root() {
    let all = [process(100, 1, 100, 90), process(101, 100, 100, 91), process(102, 1, 102, 60)];
    assert_eq!(tree().among(&all, |_| false), []);
    assert_eq!(tree().among(&all, |pid| pid == 102), [all[2]], "a marked one is ours all the same");
}

#[test]
fn children_of_children_are_found_in_any_order() {
    let all = [process(300, 200, 300, 70), process(200, 100, 200, 60), process(100, 1, 100, 50)];
    assert_eq!(tree().among(&all, |_| false).len(), 3);
}

#[test]
fn the_dead_lead_to_the_living_and_do_not_count() {
    let dead = Process { dead: true, ..process(100, 1, 100, 50) };
    let all = [dead, process(200, 100, 200, 60)];
    assert_eq!(tree().among(&all, |_| false), [all[1]]);
}

#[test]
fn this_process_and_the_first_are_never_members() {
    let own = i32::try_from(std::process::id()).unwrap();
    let all = [process(own, 100, 100, 60), process(1, 100, 100, 60)];
    assert_eq!(tree().among(&all, |_| true), []);
}

#[test]
fn without_a_start_time_nothing_is_a_member() {
    let unknown = Tree { start: 0, ..tree() };
    assert_eq!(unknown.among(&[process(100, 1, 100, 50)], |_| true), []);
}

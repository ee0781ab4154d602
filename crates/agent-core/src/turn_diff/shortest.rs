//! The shortest way from one sequence of lines to another: Eugene Myers, "An O(ND) Difference Algorithm and Its Variations"
//! (1986), the greedy form. Equal input gives equal output, which a replay needs.

/// Longer ways are not searched: time and memory grow with the square of this.
const MAX_CHANGES: usize = 1_000;

/// What happens to the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is in both.
    Keep,
    /// It is in the old one only.
    Delete,
    /// It is in the new one only.
    Insert,
}

/// The steps from `old` to `new`, if there is a way with fewer than `now` deletions and insertions.
pub(super) fn shortest(old: &[&str], new: &[&str], now: usize) -> Option<Vec<Step>> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let middle = between(old, new, now.checked_sub(1)?)?;
    let kept = |lines| std::iter::repeat_n(Step::Keep, lines);
    Some(kept(head).chain(middle).chain(kept(tail)).collect())
}

/// The same for sequences that differ in their first and in their last line.
fn between(old: &[&str], new: &[&str], most: usize) -> Option<Vec<Step>> {
    if old.is_empty() || new.is_empty() {
        let steps = [vec![Step::Delete; old.len()], vec![Step::Insert; new.len()]].concat();
        return (steps.len() <= most).then_some(steps);
    }
    let most = most.min(MAX_CHANGES).min(old.len() + new.len());
    if old.len().abs_diff(new.len()) > most {
        return None;
    }
    // For each number of changes: how far into `old` one gets on each diagonal, from the lowest to the highest.
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for changes in 0..=most {
        let mut reached = vec![0; 2 * changes + 1];
        for place in (0..=2 * changes).step_by(2) {
            let (from, step) = origin(&rounds, changes, place);
            let mut x = from + usize::from(step == Step::Delete);
            // The diagonal is `place - changes`: that much further into `old` than into `new`.
            while (x + changes).checked_sub(place).is_some_and(|y| y < new.len() && x < old.len())
                && old[x] == new[x + changes - place]
            {
                x += 1;
            }
            reached[place] = x;
            if x == old.len() && x + changes == new.len() + place {
                rounds.push(reached);
                return Some(trace(&rounds, place));
            }
        }
        rounds.push(reached);
    }
    None
}

/// From where one comes to a diagonal with this many changes: how far into `old` that was, and the step from there.
fn origin(rounds: &[Vec<usize>], changes: usize, place: usize) -> (usize, Step) {
    let Some(round) = changes.checked_sub(1).map(|before| &rounds[before]) else { return (0, Step::Keep) };
    // The diagonals next to this one are at `place - 2` and `place` in the round before, which is shorter by one on each
    // side.
    let below = place.checked_sub(2).map(|at| round[at]);
    match (below, round.get(place)) {
        (Some(below), Some(above)) if below >= *above => (below, Step::Delete),
        (Some(below), None) => (below, Step::Delete),
        (_, Some(above)) => (*above, Step::Insert),
        (None, None) => (0, Step::Keep),
    }
}

/// The steps of the way that ended in the last round at `place`.
fn trace(rounds: &[Vec<usize>], mut place: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for changes in (0..rounds.len()).rev() {
        let x = rounds[changes][place];
        let (from, step) = origin(rounds, changes, place);
        let kept = x - from - usize::from(step == Step::Delete);
        steps.extend(std::iter::repeat_n(Step::Keep, kept));
        match step {
            Step::Delete => place -= 2,
            Step::Insert => {}
            Step::Keep => break,
        }
        steps.push(step);
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(old: &str, new: &str, now: usize) -> Option<String> {
        let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let (old, new) = (letters(old), letters(new));
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let steps = shortest(&old, &new, now)?;
        let (mut from, mut to) = (old.iter(), new.iter());
        let shown = steps.iter().map(|step| match step {
            Step::Keep => {
                assert_eq!(from.next(), to.clone().next(), "a kept line is in both");
                (*to.next().unwrap()).to_owned()
            }
            Step::Delete => format!("-{}", from.next().unwrap()),
            Step::Insert => format!("+{}", to.next().unwrap()),
        });
        let shown = shown.collect();
        assert_eq!((from.next(), to.next()), (None, None), "every line has its step");
        Some(shown)
    }

    #[test]
    fn the_fewest_changes_are_found() {
        assert_eq!(ways("", "", 1).as_deref(), Some(""));
        assert_eq!(ways("abc", "abc", 6).as_deref(), Some("abc"));
        assert_eq!(ways("abcabba", "cbabac", 13).map(|way| way.matches(['-', '+']).count()), Some(5));
        assert_eq!(ways("axxb", "ayb", 5).as_deref(), Some("a-x-x+yb"));
        assert_eq!(ways("a", "bab", 3).as_deref(), Some("+ba+b"));
    }

    #[test]
    fn a_way_that_is_not_shorter_is_none() {
        assert_eq!(ways("ab", "ba", 2), None);
        assert_eq!(ways("ab", "ba", 3).map(|way| way.matches(['-', '+']).count()), Some(2));
        assert_eq!(ways("", "a", 1), None);
        assert_eq!(ways("", "", 0), None);
    }
}

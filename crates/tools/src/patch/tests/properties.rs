//! Properties over random texts.

use std::fmt::Write as _;

use proptest::prelude::*;
use similar::{Algorithm, ChangeTag, capture_diff_slices, group_diff_ops};

use super::{Sandbox, envelope, files, snapshot};

/// A text as lines, one ending for all, with or without a final newline.
fn joined(lines: &[String], ending: &str, final_newline: bool) -> String {
    let mut text = lines.join(ending);
    if final_newline && !lines.is_empty() {
        text.push_str(ending);
    }
    text
}

/// The chunks that turn one list of lines into the other, with three lines of context.
fn chunks(old: &[String], new: &[String]) -> String {
    let mut out = String::new();
    for group in group_diff_ops(capture_diff_slices(Algorithm::Myers, old, new), 3) {
        out.push_str("@@\n");
        for change in group.iter().flat_map(|op| op.iter_changes(old, new)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            writeln!(out, "{sign}{}", change.value()).unwrap();
        }
    }
    out
}

/// Anything that is one line, often something that looks like the patch format or like white space.
fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ -~]{0,12}",
        1 => "[\\PC\t]{0,8}".prop_filter("one line", |line| !line.contains(['\r', '\n', '\u{feff}'])),
        1 => prop::sample::select(vec!["", " ", "*** End Patch", "*** End of File", "@@", "@@ x", "+", "-", "}", "EOF"])
            .prop_map(str::to_owned),
    ]
}

/// Old lines, each unlike every other even when white space and typography are ignored: then a chunk has one place.
fn old_lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ \t]{0,3}[a-z(){};]{0,6}", 0..40)
        .prop_map(|lines| lines.into_iter().enumerate().map(|(i, line)| format!("{line} #{i}")).collect())
}

#[derive(Debug, Clone)]
enum Step {
    Keep,
    Remove,
    Replace(Vec<String>),
    InsertBefore(Vec<String>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lines = || prop::collection::vec(any_line(), 1..4);
    let step = prop_oneof![
        6 => Just(Step::Keep),
        1 => Just(Step::Remove),
        1 => lines().prop_map(Step::Replace),
        1 => lines().prop_map(Step::InsertBefore),
    ];
    prop::collection::vec(step, 41)
}

fn stepped(old: &[String], steps: &[Step]) -> Vec<String> {
    let mut new = Vec::new();
    for (i, step) in steps.iter().enumerate().take(old.len() + 1) {
        let line = old.get(i).cloned();
        match step {
            Step::Keep => new.extend(line),
            Step::Remove => {}
            Step::Replace(lines) => new.extend(lines.iter().cloned()),
            Step::InsertBefore(lines) => new.extend(lines.iter().cloned().chain(line)),
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patch_made_from_a_diff_yields_the_new_text(
        old in old_lines(),
        steps in steps(),
        crlf in any::<bool>(),
        final_newline in any::<bool>(),
        crlf_patch in any::<bool>(),
    ) {
        let new = stepped(&old, &steps);
        // An empty file ends with a newline once it has lines; a single line without newline has no ending to copy;
        // a last line that is empty and has no newline cannot be told from a final newline.
        let final_newline = final_newline || old.is_empty() || new.last().is_some_and(String::is_empty);
        let ending = if crlf && (old.len() > 1 || (final_newline && !old.is_empty())) { "\r\n" } else { "\n" };
        let (before, after) = (joined(&old, ending, final_newline), joined(&new, ending, final_newline));
        prop_assume!(old != new);

        let mut patch = envelope(&format!("*** Update File: f\n{}", chunks(&old, &new)));
        if crlf_patch {
            patch = patch.replace('\n', "\r\n");
        }
        let sandbox = Sandbox::new(&[("f", &before)]);
        let result = sandbox.apply(&patch);
        prop_assert!(result.is_ok(), "{}\n{patch}", result.unwrap_err());
        let now = files(sandbox.work());
        prop_assert_eq!(now.get("f"), Some(&after), "{}", patch);
        prop_assert_eq!(now.len(), 1);
    }

    #[test]
    fn broken_patch_changes_nothing_and_leaves_nothing(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any_line()), 1..4),
        mutations in prop::collection::vec((0..4_u8, any::<prop::sample::Index>(), any::<char>()), 0..4),
    ) {
        let whole = "cd . && apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: n/new\n+one\n+two\n*** Update File: a\n\
                     @@ one\n two\n-three\n+3\n@@\n five\n+5.5\n*** End of File\n*** Delete File: b\n\
                     *** Update File: c\n*** Move to: m/c\n@@\n-x\n+y\n*** End Patch\nEOF\n";
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        for (from, to, line) in &cuts {
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            match from.cmp(&to) {
                std::cmp::Ordering::Less => lines.swap(from, to),
                std::cmp::Ordering::Equal => { lines.remove(from); }
                std::cmp::Ordering::Greater => lines.insert(to, line.clone()),
            }
        }
        let mut chars: Vec<char> = lines.join("\n").chars().collect();
        for (kind, at, c) in mutations {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match kind {
                0 => { chars.remove(at); }
                1 => chars.insert(at, c),
                2 => chars[at] = c,
                _ => chars.truncate(at.max(1)),
            }
        }
        let patch: String = chars.into_iter().collect();

        let sandbox =
            Sandbox::new(&[("a", "one\ntwo\nthree\nfour\nfive\n"), ("b", "b\n"), ("c", "x\n"), ("keep", "k")]);
        let before = snapshot(sandbox.outside());
        let result = sandbox.apply(&patch);
        let now = snapshot(sandbox.outside());
        if let Err(error) = result {
            prop_assert_ne!(error.code(), "patch_roll_back_failed");
            prop_assert!(!error.to_string().is_empty());
            prop_assert_eq!(&now, &before, "{}", error);
        }
        prop_assert!(!now.keys().any(|name| name.contains(".everturn-patch-")));
        prop_assert_eq!(now.get("work/keep"), before.get("work/keep"));
    }
}

//! What a person reads at the end of a turn.

use super::{done, shown, shown_in};
use crate::view::Style;
use agent_core::{AbortReason, EventKind, RateLimit, TokenUsage, TurnEnd};

fn usage() -> TokenUsage {
    TokenUsage { input: 12_345, cached: 10_000, output: 678, reasoning: 512 }
}

fn tokens(left: Option<(u64, u64)>, rate_limits: Vec<RateLimit>) -> super::Happening {
    let (context_left, context_window) = left.unzip();
    EventKind::TokenCount {
        last: usage(),
        total: usage(),
        context_window,
        context_left,
        cost_microusd: None,
        rate_limits,
    }
    .into()
}

#[test]
fn a_turn_ends_with_a_summary() {
    let few = TokenUsage { input: 30, cached: 0, output: 4, reasoning: 0 };
    let plain = shown(vec![EventKind::TurnStarted.into(), done(few)]);
    assert_eq!(plain, "✓ done · 100 ms · 0 calls · 30 tokens in, 4 out\n");
    let full = shown(vec![
        EventKind::TurnStarted.into(),
        tokens(Some((87_900, 100_000)), Vec::new()),
        done(usage()),
    ]);
    assert_eq!(
        full,
        "✓ done · 200 ms · 0 calls · 12.3k tokens in (81 % cached), 678 out (512 reasoning) · context 87 % left\n"
    );
}

#[test]
fn a_turn_that_was_stopped_tells_what_it_spent() {
    let aborted = |reason| EventKind::TurnAborted { reason }.into();
    let all = shown(vec![
        EventKind::TurnStarted.into(),
        tokens(None, Vec::new()),
        aborted(AbortReason::Interrupted),
    ]);
    assert_eq!(
        all,
        "■ interrupted · 200 ms · 0 calls · 12.3k tokens in (81 % cached), 678 out (512 reasoning)\n"
    );
    let early = shown(vec![EventKind::TurnStarted.into(), aborted(AbortReason::Shutdown)]);
    assert_eq!(early, "■ stopped: the thread was shut down · 100 ms · 0 calls\n");
}

#[test]
fn an_end_that_is_no_answer_is_marked() {
    let ended = |end| {
        let completed = EventKind::TurnCompleted { end, usage: TokenUsage::default() };
        shown(vec![EventKind::TurnStarted.into(), completed.into()])
    };
    let message = || "why".to_owned();
    assert_eq!(ended(TurnEnd::BudgetSpent { message: message() }), "✗ why · 100 ms · 0 calls\n");
    for end in [
        TurnEnd::OutputMisfit { message: message() },
        TurnEnd::RetriesExhausted { message: message() },
        TurnEnd::RepeatedCalls { times: 3 },
    ] {
        assert_eq!(ended(end), "✗ failed · 100 ms · 0 calls\n");
    }
}

#[test]
fn rate_limits_are_told_only_when_little_is_left() {
    let limit =
        |name: &str, limit, remaining, reset_ms| RateLimit { name: name.into(), limit, remaining, reset_ms };
    let limits = vec![
        limit("requests", 60, 3, Some(39_500)),
        limit("tokens", 1_000_000, 200_000, None),
        limit("input tokens", 1_000_000, 199_999, None),
        limit("images", 0, 0, None),
    ];
    let all = shown(vec![EventKind::TurnStarted.into(), tokens(None, limits), done(TokenUsage::default())]);
    let (_, told) = all.split_once('\n').unwrap();
    assert_eq!(told, "  requests: 3 of 60 left, whole again in 40 s\n  input tokens: 199.9k of 1.0M left\n");
}

const DIFF: &str = "\
diff --git a/docs/new.md b/docs/new.md
new file mode 100644
--- /dev/null
+++ b/docs/new.md
@@ -0,0 +1,2 @@
+one
+two
diff --git a/src/a/very/long/way/down/to/the/日本語.rs b/src/a/very/long/way/down/to/the/日本語.rs
--- a/src/a/very/long/way/down/to/the/日本語.rs
+++ b/src/a/very/long/way/down/to/the/日本語.rs
# lines left out: 900 added and 100 removed; the diff of this turn is too long
diff --git a/x.rs b/y.rs
rename from x.rs
rename to y.rs
--- a/x.rs
+++ b/y.rs
@@ -1 +0,0 @@
-gone
";

#[test]
fn the_changed_files_are_listed_at_the_end() {
    let diff = |diff: &str| super::Happening::from(EventKind::TurnDiff { diff: diff.into() });
    let all = shown(vec![EventKind::TurnStarted.into(), diff(DIFF), done(TokenUsage::default())]);
    let expected = "  \
  A docs/new.md                              +2       +
  M …/very/long/way/down/to/the/日本語.rs  +900 −100  ++++-
  M x.rs → y.rs                                   −1  -
  3 files changed, +902 −101
✓ done · 200 ms · 0 calls
";
    assert_eq!(all, expected);
    assert!(all.lines().all(|line| crate::view::width::width(line) <= 60), "{all}");
    let next = shown(vec![diff(DIFF), EventKind::TurnStarted.into(), done(TokenUsage::default())]);
    assert_eq!(next, "✓ done · 100 ms · 0 calls\n", "the next turn has its own");
}

#[test]
fn one_small_file_has_a_mark_for_each_line() {
    let diff = "--- a/f\n+++ b/f\n@@ -1,2 +1,4 @@\n a\n-b\n+c\n+d\n+e\n";
    let all = vec![EventKind::TurnDiff { diff: diff.into() }.into(), done(TokenUsage::default())];
    assert_eq!(shown(all), "  M f  +3 −1  +++-\n✓ done · 100 ms · 0 calls\n");
    let all = vec![EventKind::TurnDiff { diff: diff.into() }.into(), done(TokenUsage::default())];
    let coloured = shown_in(Style::Colour, all);
    assert!(coloured.contains("\u{1b}[32m+++\u{1b}[39m\u{1b}[31m-\u{1b}[39m\n"), "{coloured:?}");
}

#[test]
fn many_files_are_counted() {
    let diff: String =
        (0..25).map(|n| format!("--- a/f{n:02}\n+++ b/f{n:02}\n@@ -0,0 +1 @@\n+x\n")).collect();
    let all = shown(vec![EventKind::TurnDiff { diff }.into(), done(TokenUsage::default())]);
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!((lines.len(), lines[19]), (23, "  M f19  +1   +"));
    assert_eq!(lines[20..22], ["  … and 5 more", "  25 files changed, +25 −0"]);
}

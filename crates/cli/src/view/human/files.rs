//! The files that a turn changed, as `git diff --stat` shows them.

use super::calls::letter;
use crate::view::{
    Style, clean_line,
    width::{cut_start, width},
};
use agent_core::FileStat;

/// So many files are listed.
const MAX_FILES: usize = 20;
/// A bar is at most so long.
const MAX_BAR_COLUMNS: usize = 30;
/// A bar has at least so much room.
const MIN_BAR_COLUMNS: usize = 6;
/// Columns before, between and after the parts of a line.
const GAPS: usize = 9;

/// A line for each file: its name, the numbers of added and removed lines, a bar.
pub(super) fn changed_files(style: Style, files: &[FileStat], columns: usize) -> Vec<String> {
    let shown = &files[..files.len().min(MAX_FILES)];
    let numbers: Vec<(String, String)> =
        shown.iter().map(|file| (signed('+', file.added), signed('−', file.removed))).collect();
    let (added_columns, removed_columns) = numbers.iter().fold((0, 0), |(added, removed), numbers| {
        (added.max(width(&numbers.0)), removed.max(width(&numbers.1)))
    });
    let rest = columns.saturating_sub(GAPS + added_columns + removed_columns);
    let names: Vec<String> = shown.iter().map(name).collect();
    let longest = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let name_columns = longest.min(rest.saturating_sub(MIN_BAR_COLUMNS));
    let bar_columns = rest.saturating_sub(name_columns).min(MAX_BAR_COLUMNS);
    let most = shown.iter().map(total).max().unwrap_or(0);
    let mut lines = Vec::new();
    for ((file, name), (added, removed)) in shown.iter().zip(names).zip(numbers) {
        let name = cut_start(&name, name_columns);
        let pad = " ".repeat(name_columns.saturating_sub(width(&name)));
        let right =
            |text: &str, columns: usize| format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))));
        let (plus, minus) = bar(file, most, bar_columns);
        let line = format!(
            "  {} {name}{pad}  {} {}  {}{}",
            letter(file.kind),
            style.green(right(&added, added_columns)),
            style.red(right(&removed, removed_columns)),
            style.green("+".repeat(plus)),
            style.red("-".repeat(minus)),
        );
        lines.push(line.trim_end().to_owned());
    }
    if files.len() > shown.len() {
        lines.push(style.dim(format!("  … and {} more", files.len() - shown.len())));
    }
    if files.len() > 1 {
        let sum = |count: fn(&FileStat) -> u32| files.iter().map(|file| u64::from(count(file))).sum::<u64>();
        let (added, removed) = (sum(|file| file.added), sum(|file| file.removed));
        lines.push(style.dim(format!("  {} files changed, +{added} −{removed}", files.len())));
    }
    lines
}

fn name(file: &FileStat) -> String {
    let moved = file.moved_to.as_ref().map(|to| format!(" → {}", clean_line(to))).unwrap_or_default();
    format!("{}{moved}", clean_line(&file.path))
}

fn signed(sign: char, lines: u32) -> String {
    if lines == 0 { String::new() } else { format!("{sign}{lines}") }
}

fn total(file: &FileStat) -> u64 {
    u64::from(file.added) + u64::from(file.removed)
}

/// The lengths of the two halves of a bar. The longest bar fills the room, unless each line can have its own column; a
/// file with any change has at least one mark of its kind.
fn bar(file: &FileStat, most: u64, columns: usize) -> (usize, usize) {
    let room = columns as u64;
    let scaled = |lines: u32| {
        let lines = u64::from(lines);
        let scaled = if most <= room { lines } else { lines * room.saturating_sub(1) / most };
        usize::try_from(scaled.max(lines.min(1))).unwrap_or(columns)
    };
    (scaled(file.added), scaled(file.removed))
}

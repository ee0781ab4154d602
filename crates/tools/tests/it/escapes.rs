//! Attempts to get out of the sandbox, as tables. Every row is tried through the registry as an agent would, and what must not
//! change is compared before and after. Most rows are tried once more where nothing holds them, and have to get out there, so
//! that a row that is held proves something.
//!
//! `cargo nextest run -p tools escapes --no-capture` prints the tables.

mod arena;
mod bombs;
mod canary;
mod git;
mod hidden;
mod kernel;
mod left_running;
mod outside;
mod processes;
mod read_only;
mod row;
mod sockets;
mod startup;
mod swapping;
mod tools;
mod trial;
mod writes;

use row::Row;
use std::collections::BTreeSet;

const TABLES: [&[Row]; 9] = [
    writes::ROWS,
    read_only::ROWS,
    hidden::ROWS,
    processes::ROWS,
    sockets::ROWS,
    kernel::ROWS,
    git::ROWS,
    startup::ROWS,
    tools::ROWS,
];

#[tokio::test]
async fn nothing_is_written_outside() {
    trial::all("Writing outside", writes::ROWS).await;
}

#[tokio::test]
async fn nothing_is_written_at_all_under_read_only() {
    trial::all("Writing under read-only", read_only::ROWS).await;
}

#[tokio::test]
async fn nothing_hidden_is_read() {
    trial::all("Reading what is hidden", hidden::ROWS).await;
}

#[tokio::test]
async fn no_other_process_is_reached_and_none_is_left() {
    trial::all("Other processes", processes::ROWS).await;
}

#[tokio::test]
async fn nobody_outside_is_talked_to() {
    trial::all("Sockets and terminals", sockets::ROWS).await;
}

#[tokio::test]
async fn no_door_of_the_kernel_is_open() {
    trial::all("Doors of the kernel", kernel::ROWS).await;
}

#[tokio::test]
async fn repositories_and_policies_stay_as_they_are() {
    trial::all("Repositories and policies", git::ROWS).await;
}

#[tokio::test]
async fn nothing_is_planted_for_later() {
    trial::all("What runs later", startup::ROWS).await;
}

#[tokio::test]
async fn patches_go_through_the_same_door() {
    trial::all("Patches", tools::ROWS).await;
}

#[tokio::test]
async fn nothing_shared_is_used_up() {
    trial::all("Using up what is shared", bombs::ROWS).await;
}

/// What is left running is found by its parents there, and `/proc` names everybody, though nobody can be reached.
#[tokio::test]
async fn landlock_alone_holds_whoever_may_write_nothing() {
    for (title, rows) in [
        ("Writing outside", writes::ROWS),
        ("Writing under read-only", read_only::ROWS),
        ("Reading what is hidden", hidden::ROWS),
        ("Other processes", processes::ROWS),
        ("Sockets and terminals", sockets::ROWS),
        ("Doors of the kernel", kernel::ROWS),
        ("Repositories and policies", git::ROWS),
        ("What runs later", startup::ROWS),
    ] {
        trial::all_by_landlock(title, rows).await;
    }
}

#[test]
fn there_are_as_many_attempts_as_promised_and_no_name_twice() {
    let rows: Vec<&Row> = TABLES.iter().copied().chain([bombs::ROWS]).flatten().collect();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
    assert!(rows.len() >= 60, "{} rows", rows.len());
    println!("{} attempts", rows.len());
}

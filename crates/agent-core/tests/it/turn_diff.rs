//! The diff of a turn: many changes of many files, told as one diff a file.

mod by_example;
mod by_git;
mod by_property;
mod tree;

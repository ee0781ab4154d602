//! Everturn as its users meet it: scenarios on every backend, the binary as a black box, SIGKILL at every point.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod bad_input;
mod bad_models;
mod binary;
mod cache_share;
mod commands;
mod config;
mod crash;
mod doctor;
mod exec_options;
mod faults;
mod laptop;
mod long;
mod long_thread;
mod moving;
mod policy;
mod providers;
mod questions;
mod replay;
mod resuming;
mod sandbox;
mod scenarios;
mod temporal;
mod undo_cut_off;

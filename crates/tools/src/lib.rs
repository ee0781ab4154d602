//! The tools of Everturn: commands, patches, files, and the ledger of their effects.

mod kill_point;
pub mod patch;

pub use kill_point::kill_point;

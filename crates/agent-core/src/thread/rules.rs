//! What decides differently since which version of the rules. A turn keeps to the rules it began with, everything outside
//! of a turn to those of its record, so that journals of earlier versions replay as they were.
//!
//! Version 2:
//! * the thread itself tells the model of its environment; before, the host did, in the items a thread began with;
//! * the diff of a turn has each file once; before, patches stood one after another;
//! * the error of a step that was tried again and again says how often;
//! * limits that come without a count of tokens are told;
//! * another model has another window; before, the window stayed what it was.
//!
//! Version 3:
//! * whether a call runs, and who decided so, is an event.
//!
//! Version 4:
//! * a conversation that has grown large is summarised, also where a provider says that it does not fit;
//! * budgets are looked at before each call too, and count the calls that began;
//! * modes and manners of speaking are told, and so is the text of skills that the user names.

/// See the module.
pub(super) const CONVERSATIONS_ARE_SUMMARISED: u32 = 4;
/// See the module.
pub(super) const TOOLS_ARE_BUDGETED: u32 = 4;
/// See the module.
pub(super) const MODES_ARE_TOLD: u32 = 4;
/// See the module.
pub(super) const SKILLS_ARE_TOLD: u32 = 4;
/// See the module.
pub(super) const DECISIONS_ARE_EVENTS: u32 = 3;
/// See the module.
pub(super) const TOLD_BY_THE_THREAD: u32 = 2;
/// See the module.
pub(super) const DIFFS_ARE_JOINED: u32 = 2;
/// See the module.
pub(super) const ATTEMPTS_ARE_TOLD: u32 = 2;
/// See the module.
pub(super) const LIMITS_ALONE_ARE_TOLD: u32 = 2;
/// See the module.
pub(super) const WINDOW_IS_THE_MODELS: u32 = 2;

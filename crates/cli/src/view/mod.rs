//! What a person or a program sees of a thread.

mod amounts;
mod asked;
mod clean;
mod command_line;
mod ending;
mod human;
mod json;
mod style;
mod taste;
#[cfg(test)]
mod tests;
mod width;

pub(crate) use amounts::{dollars_exactly, number, percent};
pub(crate) use asked::asked;
pub(crate) use clean::{clean, clean_line};
pub(crate) use command_line::command_line;
pub(crate) use human::HumanView;
pub(crate) use json::JsonView;
pub(crate) use style::Style;
pub(crate) use taste::{Reasoning, Taste};

use agent_core::{Event, Live, Notice};

/// Shows a thread's updates, in order.
pub(crate) trait View: Send {
    /// A durable event.
    fn event(&mut self, event: &Event);
    /// A piece of an item in the making.
    fn live(&mut self, live: &Live);
    /// Something to tell that is no event of the thread.
    fn note(&mut self, text: &str);
    /// How it stands with what the events come from.
    fn notice(&mut self, notice: &Notice);
    /// What was shown of the events after this one is void; they come anew.
    fn rewind(&mut self, to: u64);
    /// These events are kept no more.
    fn gap(&mut self, from: u64, to: u64);
}

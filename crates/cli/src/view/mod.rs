//! What a person or a program sees of a thread.

mod amounts;
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

pub(crate) use clean::{clean, clean_line};
pub(crate) use command_line::command_line;
pub(crate) use human::HumanView;
pub(crate) use json::JsonView;
pub(crate) use style::Style;
pub(crate) use taste::{Reasoning, Taste};

use agent_core::{Event, Live};

/// Shows a thread's updates, in order.
pub(crate) trait View: Send {
    /// A durable event.
    fn event(&mut self, event: &Event);
    /// A piece of an item in the making.
    fn live(&mut self, live: &Live);
    /// Something to tell that is no event of the thread.
    fn note(&mut self, text: &str);
}

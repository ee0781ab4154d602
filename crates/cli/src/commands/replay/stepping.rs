//! `--step`: a journal gone through by hand. Commands come a line each, so a script can give them too.

use super::{failed, telling};
use crate::{
    exit::{Exit, Failure},
    output,
};
use agent_core::TimeTravel;
use std::io::{BufRead, IsTerminal, Write};

const HELP: &str = "next (or Enter), prev, goto N, state, help, quit; their first letters do as well";

/// What may be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Next,
    Prev,
    Goto(u64),
    State,
    Help,
    Quit,
}

impl Order {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let order = match (words.next(), words.next()) {
            (None | Some("n" | "next"), None) => Self::Next,
            (Some("p" | "prev"), None) => Self::Prev,
            (Some("g" | "goto"), Some(number)) => Self::Goto(number.parse().ok()?),
            (Some("s" | "state"), None) => Self::State,
            (Some("h" | "help" | "?"), None) => Self::Help,
            (Some("q" | "quit" | "exit"), None) => Self::Quit,
            (Some(number), None) => Self::Goto(number.parse().ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(order)
    }
}

/// Goes through it until the input ends.
pub(super) fn step(mut travel: TimeTravel) -> Result<Exit, Failure> {
    let input = std::io::stdin();
    let is_terminal = input.is_terminal();
    output::remark(&format!("{} records; {HELP}", travel.len()));
    let mut lines = input.lock().lines();
    loop {
        if is_terminal {
            // A prompt is about the output, and no part of it.
            let _ = write!(anstream::stderr(), "{}/{}> ", travel.at(), travel.len());
        }
        let Some(line) = lines.next() else { return Ok(Exit::Done) };
        let line =
            line.map_err(|error| Failure::new(Exit::Failed, format!("the input cannot be read: {error}")))?;
        match Order::parse(&line) {
            Some(Order::Quit) => return Ok(Exit::Done),
            Some(order) => follow(&mut travel, order),
            None => output::remark(&format!("`{}` means nothing here: {HELP}", line.trim())),
        }
    }
}

fn follow(travel: &mut TimeTravel, order: Order) {
    let reached = match order {
        Order::Quit => return,
        Order::Help => return output::remark(HELP),
        Order::State => {
            telling::state(&travel.thread().view()).iter().for_each(|line| output::result(line));
            return;
        }
        Order::Next => travel.forward(),
        Order::Prev if travel.at() <= 1 => {
            let _ = travel.go_to(0);
            return output::remark("this is the beginning");
        }
        Order::Prev => travel.go_to(travel.at() - 1),
        Order::Goto(0) => {
            let _ = travel.go_to(0);
            return output::remark("this is the beginning");
        }
        Order::Goto(seq) if seq > travel.len() => {
            return output::remark(&format!("there is no record {seq}: the journal has {}", travel.len()));
        }
        Order::Goto(seq) => travel.go_to(seq),
    };
    match reached {
        Ok(Some(again)) => telling::lines(&again).iter().for_each(|line| output::result(line)),
        Ok(None) => output::remark("this is the end"),
        Err(obstacle) => output::remark(&failed(&obstacle).message),
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn orders_are_words_or_their_first_letters() {
        let table = [
            ("", Some(Order::Next)),
            ("n", Some(Order::Next)),
            (" next ", Some(Order::Next)),
            ("p", Some(Order::Prev)),
            ("goto 12", Some(Order::Goto(12))),
            ("12", Some(Order::Goto(12))),
            ("s", Some(Order::State)),
            ("?", Some(Order::Help)),
            ("quit", Some(Order::Quit)),
            ("goto", None),
            ("goto x", None),
            ("goto 1 2", None),
            ("next 3", None),
            ("jump", None),
        ];
        for (line, order) in table {
            assert_eq!(Order::parse(line), order, "{line:?}");
        }
    }
}

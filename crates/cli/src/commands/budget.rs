//! What to type when a budget is spent: the option of the limit that was reached, with a value that lets the thread go on.

use super::again::Again;
use crate::{backend::ServedSession, exit::Failure, follow::Follower, host::Host, output};
use agent_core::{Budget, Settings};

/// Micro-dollars in a dollar.
const MICRO: u64 = 1_000_000;

/// A limit that can be reached, as the loop's message and the command line name it.
struct Limit {
    /// How the message begins.
    begins: String,
    option: &'static str,
    limit: u64,
    /// What is advised where the limit was nothing.
    first: u64,
    written: fn(u64) -> String,
}

/// How a thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    AsTask,
    AsConversation,
}

/// Says how a thread whose budget is spent goes on.
pub(super) async fn advise(
    host: &Host,
    session: &dyn ServedSession,
    follower: &mut Follower<'_>,
    again: &Again,
    how: Resumed,
) -> Result<(), Failure> {
    let Some(message) = follower.take_spent() else { return Ok(()) };
    let id = session.key().thread.as_str();
    let settings = host.find(id).await?.settings().await?;
    let mut command = match how {
        Resumed::AsTask => vec!["exec", "resume", id, "-p", "go on"],
        Resumed::AsConversation => vec!["resume", id],
    };
    let options = options(&message, &settings);
    command.extend(options.iter().map(String::as_str));
    let what = match options.as_slice() {
        [option, _] => format!("raise {option}"),
        [] => "raise the limit that is reached".to_owned(),
        _ => "say what the tokens of the model cost, in dollars for a million".to_owned(),
    };
    output::remark(&format!("to go on, {what}, for example: {}", again.command(&command)));
    Ok(())
}

/// The options that let it go on.
fn options(message: &str, settings: &Settings) -> Vec<String> {
    let Some(Limit { option, limit, first, written, .. }) =
        limits(settings.budget).into_iter().find(|limit| message.starts_with(&limit.begins))
    else {
        return price(message, settings);
    };
    let enough = match spent_in(message) {
        Some(used) if used >= limit.saturating_mul(2) => used.saturating_mul(2),
        _ => limit.saturating_mul(2),
    };
    vec![option.to_owned(), written(if limit == 0 { first.max(enough) } else { enough })]
}

fn limits(budget: Budget) -> Vec<Limit> {
    let Budget { tokens, tool_calls, turn_ms, cost_microusd, work_ms } = budget;
    let limit = |limit: Option<u64>, name: &str, option, first, written| {
        limit.map(|limit| Limit {
            begins: format!("the budget of {limit} {name} is spent"),
            option,
            limit,
            first,
            written,
        })
    };
    let money = cost_microusd.map(|limit| Limit {
        begins: format!("the budget of ${}.{:04} is spent", limit / MICRO, limit % MICRO / 100),
        option: "--max-cost",
        limit,
        first: 1_000_000,
        written: money,
    });
    [
        limit(tokens, "tokens", "--max-tokens", 100_000, |tokens| tokens.to_string()),
        limit(tool_calls, "tool calls", "--max-tool-calls", 50, |calls| calls.to_string()),
        limit(turn_ms, "milliseconds for a turn", "--max-time", 600_000, time),
        limit(work_ms, "milliseconds of work", "--max-work", 3_600_000, time),
        money,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Where money is limited and the model's price is not known, what says the price.
fn price(message: &str, settings: &Settings) -> Vec<String> {
    if settings.budget.cost_microusd.is_none() || !message.contains("price") {
        return Vec::new();
    }
    let said = |what: &str, dollars: &str| format!("models.\"{}\".price.{what}={dollars}", settings.model);
    let (input, output) = (said("input", "2.50"), said("output", "10.00"));
    vec!["-c".to_owned(), input, "-c".to_owned(), output]
}

/// What was spent, as the message has it behind the limit: a number, or dollars.
fn spent_in(message: &str) -> Option<u64> {
    let (used, _) = message.split_once(" is spent (")?.1.split_once(')')?;
    let Some(dollars) = used.strip_prefix('$') else { return used.parse().ok() };
    let (whole, rest) = dollars.split_once('.')?;
    // The message has four digits of a dollar.
    Some(whole.parse::<u64>().ok()?.saturating_mul(MICRO).saturating_add(rest.parse::<u64>().ok()? * 100))
}

fn money(microusd: u64) -> String {
    let cents = microusd.div_ceil(MICRO / 100);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn time(ms: u64) -> String {
    match ms {
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms.div_ceil(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_was_reached_is_doubled_or_more() {
        let budget = Budget {
            tokens: Some(5_000),
            tool_calls: Some(0),
            turn_ms: Some(90_000),
            cost_microusd: Some(2_500_000),
            work_ms: Some(1_800_000),
        };
        let settings = Settings { budget, ..Settings::new("/w", "m") };
        let raise = "; raise it to go on";
        let table = [
            ("the budget of 5000 tokens is spent (5100)", "--max-tokens 10000"),
            ("the budget of 5000 tokens is spent (20000)", "--max-tokens 40000"),
            ("the budget of 0 tool calls is spent (0)", "--max-tool-calls 50"),
            ("the budget of 90000 milliseconds for a turn is spent (91500)", "--max-time 3m"),
            ("the budget of 1800000 milliseconds of work is spent (1800001)", "--max-work 1h"),
            ("the budget of $2.5000 is spent ($2.5012)", "--max-cost 5.00"),
            ("the budget of $2.5000 is spent ($5.0012)", "--max-cost 10.01"),
            (
                "there is a budget of $2.5000, and the price of the model m is not known",
                "-c models.\"m\".price.input=2.50 -c models.\"m\".price.output=10.00",
            ),
            ("a message of later days", ""),
        ];
        for (message, options) in table {
            assert_eq!(
                super::options(&format!("{message}{raise}"), &settings).join(" "),
                options,
                "{message}"
            );
        }
    }
}

//! Times, numbers and shares in few characters.

/// A time in its two largest units.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A number to three digits or so.
pub(crate) fn number(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}.{}k", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

/// Micro-dollars as dollars, to a tenth of a cent: an estimate from list prices.
pub(crate) fn dollars(micro: u64) -> String {
    match micro {
        0..1_000 => "less than $0.001".to_owned(),
        _ => format!("about ${}.{:03}", micro / 1_000_000, micro % 1_000_000 / 1_000),
    }
}

/// Micro-dollars as dollars, with as many digits as there are.
pub(crate) fn dollars_exactly(micro: u64) -> String {
    let (whole, rest) = (micro / 1_000_000, micro % 1_000_000);
    let digits = format!("{rest:06}");
    let digits = digits.trim_end_matches('0');
    format!("${whole}.{digits:0<2}")
}

/// A part of a whole in percent, rounded down: what is left is not made more.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100)
        .checked_div(u128::from(whole))
        .map_or(0, |percent| u64::try_from(percent).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let times = [0, 999, 1_250, 59_999, 60_000, 3_599_000, 3_720_000].map(duration);
        assert_eq!(times, ["0 ms", "999 ms", "1.2 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 2 min"]);
        assert_eq!(
            [0, 9_999, 12_345, 999_999, 2_150_000].map(number),
            ["0", "9999", "12.3k", "999.9k", "2.1M"]
        );
        assert_eq!(
            [999, 1_000, 1_234_567].map(dollars),
            ["less than $0.001", "about $0.001", "about $1.234"]
        );
        assert_eq!(
            [0, 1_250_000, 75_000, 2_000_000, 1].map(dollars_exactly),
            ["$0.00", "$1.25", "$0.075", "$2.00", "$0.000001"]
        );
        assert_eq!((percent(1, 3), percent(5, 0), percent(u64::MAX, u64::MAX)), (33, 0, 100));
    }
}

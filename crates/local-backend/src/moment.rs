//! Moments in words.

const MS_A_MINUTE: u64 = 60_000;
const MINUTES_A_DAY: u64 = 24 * 60;
/// The Gregorian calendar repeats itself after so many days.
const DAYS_AN_ERA: u64 = 146_097;
/// From 1 March of the year 0 to the Unix epoch.
const DAYS_TO_EPOCH: u64 = 719_468;

/// A moment, in milliseconds since the Unix epoch, as `2026-11-21 17:10 UTC`.
pub(crate) fn in_words(at_ms: u64) -> String {
    let minutes = at_ms / MS_A_MINUTE;
    let days = minutes / MINUTES_A_DAY + DAYS_TO_EPOCH;
    // Years begin in March, so that the day that comes every four years is the last one.
    let (era, day) = (days / DAYS_AN_ERA, days % DAYS_AN_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let day = day - (153 * from_march + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (minutes % MINUTES_A_DAY / 60, minutes % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn moments_are_told_by_the_calendar() {
        let table = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (1_795_280_999_000, "2026-11-21 17:09 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00 UTC"),
        ];
        for (at_ms, words) in table {
            assert_eq!(in_words(at_ms), words);
        }
    }
}

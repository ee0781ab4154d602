//! When a request is made again, and after how long.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The longest wait that a provider may ask for. One that asks for more is not waited for: the call fails at once and
/// says how long the provider wants.
pub(crate) const MAX_RETRY_AFTER_MS: u64 = 60_000;
/// No wait of ours is longer, however often it was doubled.
const MAX_BACKOFF_MS: u64 = 30_000;

/// How often, and how far apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// Requests after the first.
    pub(crate) retries: u32,
    /// The first wait; it doubles each time.
    pub(crate) base_ms: u64,
}

impl RetryPolicy {
    /// The wait before a retry, counted from 1; `jitter` from 0 to 1 spreads it a fifth to both sides.
    fn backoff(self, retry: u32, jitter: f64) -> Duration {
        let doubled = self.base_ms.saturating_mul(1 << (retry - 1).min(20)).min(MAX_BACKOFF_MS);
        Duration::from_millis(doubled).mul_f64(0.8 + 0.4 * jitter)
    }

    /// The wait before a retry, counted from 1, where the provider wants at least `wanted`.
    pub(crate) fn wait(self, retry: u32, wanted: Option<Duration>) -> Duration {
        self.backoff(retry, jitter()).max(wanted.unwrap_or_default())
    }
}

/// From 0 to 1, another one each time. The standard library's hash keys are random enough to keep clients apart.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// How long the provider wants the next request to wait: `retry-after-ms` (OpenAI), else `Retry-After` in seconds or
/// as a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text(RETRY_AFTER.as_str())?;
    match number(value) {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => Some(http_date(value)?.duration_since(now).unwrap_or_default()),
    }
}

/// A date as in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7; its obsolete forms are not read).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let part = |text: &str, below: u64| text.parse::<u64>().ok().filter(|number| *number < below);
    let (day, year) = (part(day, 32)?, part(year, 10_000)?);
    let seconds = part(hour, 24)? * 3600 + part(minute, 60)? * 60 + part(second, 61)?;
    let days = days_since_1970(year, month, day)?;
    Some(UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds))
}

/// Days since 1970 in the Gregorian calendar, with years that begin in March (H. Hinnant, "days_from_civil"). `None` for
/// what is no day, or an earlier one.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if year > 9999 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    #[test]
    fn waits_double_and_spread_a_fifth() {
        let policy = RetryPolicy { retries: 4, base_ms: 200 };
        let ms = |retry, jitter| policy.backoff(retry, jitter).as_millis();
        assert_eq!([1, 2, 3, 4].map(|retry| ms(retry, 0.5)), [200, 400, 800, 1600]);
        assert_eq!((ms(1, 0.0), ms(1, 1.0)), (160, 240));
        assert_eq!(ms(40, 0.5), 30_000);
        for _ in 0..100 {
            assert!((0.0..1.0).contains(&jitter()));
        }
    }

    #[test]
    fn provider_may_ask_for_more_but_not_for_less() {
        let policy = RetryPolicy { retries: 4, base_ms: 200 };
        assert_eq!(policy.wait(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert!(policy.wait(1, Some(Duration::ZERO)) >= Duration::from_millis(160));
    }

    #[test]
    fn wishes_to_wait_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let table = [
            ("retry-after", "2", Some(2000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after-ms", "120", Some(120)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(7000)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "inf", None),
            ("retry-after", "Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("x", "2", None),
        ];
        for (name, value, expected) in table {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
            let ms = retry_after(&headers, now).map(|wait| wait.as_millis());
            assert_eq!(ms, expected, "{name}: {value}");
        }
    }

    #[test]
    fn dates_are_read() {
        let seconds = |text| http_date(text)?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Thu, 29 Feb 2024 12:00:01 GMT"), Some(1_709_208_001));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT"), Some(946_684_799));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }
}

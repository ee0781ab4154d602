//! Rate limits as response headers tell them: `x-ratelimit-{limit,remaining,reset}-NAME`, where the name is `requests`
//! or `tokens` at OpenAI and Groq (OpenAI, "Rate limits", section "Rate limits in headers"; GroqDocs, "Rate Limits"),
//! `requests-day` or `tokens-minute` at Cerebras, and missing at OpenRouter, which counts requests. Anthropic has
//! `anthropic-ratelimit-NAME-{limit,remaining,reset}`, where the reset is a point in time as RFC 3339 writes it (Anthropic,
//! "Rate limits", section "Response headers").

use crate::retry::days_since_1970;
use agent_core::RateLimit;
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "x-ratelimit-";
const ANTHROPIC: &str = "anthropic-ratelimit-";
/// How many limits are read. Nobody has more than a few.
const MAX_LIMITS: usize = 16;
/// A reset after more seconds than this is a point in time.
const EPOCH_SECONDS: f64 = 1e9;
/// A point in time of more seconds than this is in milliseconds.
const EPOCH_MS: f64 = 1e11;

/// The limits that the headers name, sorted by name.
pub(crate) fn rate_limits(headers: &HeaderMap, now: SystemTime) -> Vec<RateLimit> {
    let names = || headers.keys().map(|key| key.as_str());
    let usual = names().filter_map(|key| key.strip_prefix(PREFIX)?.strip_prefix("limit"));
    let usual = usual.take(MAX_LIMITS).filter_map(|suffix| rate_limit(headers, suffix, now));
    let anthropic = names().filter_map(|key| key.strip_prefix(ANTHROPIC)?.strip_suffix("-limit"));
    let anthropic = anthropic.take(MAX_LIMITS).filter_map(|name| anthropic_limit(headers, name, now));
    let mut limits: Vec<RateLimit> = usual.chain(anthropic).collect();
    limits.sort_by(|a, b| a.name.cmp(&b.name));
    limits
}

fn anthropic_limit(headers: &HeaderMap, name: &str, now: SystemTime) -> Option<RateLimit> {
    let text = |what: &str| headers.get(format!("{ANTHROPIC}{name}-{what}"))?.to_str().ok().map(str::trim);
    Some(RateLimit {
        name: name.to_owned(),
        limit: text("limit")?.parse().ok()?,
        remaining: text("remaining")?.parse().ok()?,
        reset_ms: text("reset").and_then(rfc_3339).and_then(|at| until_ms(at, now)),
    })
}

/// A point in time as in `2026-11-21T16:00:00Z`; nobody sends another zone or fractions of a second.
fn rfc_3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let numbers: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let days = days_since_1970(year, month, day)?;
    let second = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(days.checked_mul(86_400)?.checked_add(second)?))
}

/// How long until then, in milliseconds.
fn until_ms(at: SystemTime, now: SystemTime) -> Option<u64> {
    u64::try_from(at.duration_since(now).unwrap_or_default().as_millis()).ok()
}

/// The limit whose headers end in `suffix`, which begins with a hyphen where there is one.
fn rate_limit(headers: &HeaderMap, suffix: &str, now: SystemTime) -> Option<RateLimit> {
    let text = |what: &str| {
        headers.get(format!("{PREFIX}{what}{suffix}")).and_then(|value| value.to_str().ok()).map(str::trim)
    };
    let name = match suffix {
        "" => "requests",
        _ => suffix.strip_prefix('-')?,
    };
    Some(RateLimit {
        name: name.to_owned(),
        limit: text("limit")?.parse().ok()?,
        remaining: text("remaining")?.parse().ok()?,
        reset_ms: text("reset").and_then(|reset| reset_ms(reset, now)),
    })
}

/// How long until the reset: a duration, or a point in time in seconds or milliseconds since 1970 (OpenRouter).
fn reset_ms(text: &str, now: SystemTime) -> Option<u64> {
    let number = text.parse::<f64>().ok().filter(|number| *number > EPOCH_SECONDS && number.is_finite());
    let Some(number) = number else { return duration_ms(text) };
    let seconds = if number > EPOCH_MS { number / 1000.0 } else { number };
    let at = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
    until_ms(at, now)
}

/// A duration as in `1s`, `6m0s`, `120ms`, `1h2m3.5s` or `7.66s`; without a unit it is in seconds.
fn duration_ms(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_ms = match &rest[..letters] {
            "ms" => 1.0,
            "s" | "" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        total += number * unit_ms;
        rest = &rest[letters..];
    }
    Some(total.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    #[test]
    fn resets_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_741_305_500);
        let table = [
            ("1s", Some(1000)),
            ("6m0s", Some(360_000)),
            ("120ms", Some(120)),
            ("7.66s", Some(7660)),
            ("1h2m3s", Some(3_723_000)),
            ("2d", Some(172_800_000)),
            ("30", Some(30_000)),
            ("1741305600", Some(100_000)),
            ("1741305600000", Some(100_000)),
            ("1741300000", Some(0)),
            ("", None),
            ("soon", None),
            ("1y", None),
            ("ms", None),
        ];
        for (text, expected) in table {
            assert_eq!(reset_ms(text, now), expected, "{text}");
        }
    }

    fn limits(headers: &[(&'static str, &str)]) -> Vec<RateLimit> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        rate_limits(&HeaderMap::from_iter(headers), UNIX_EPOCH)
    }

    fn limit(name: &str, limit: u64, remaining: u64, reset_ms: Option<u64>) -> RateLimit {
        RateLimit { name: name.to_owned(), limit, remaining, reset_ms }
    }

    #[test]
    fn limits_without_a_number_are_left_out() {
        let found = limits(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "many"),
        ]);
        assert_eq!(found, [limit("requests", 60, 59, Some(1000))]);
    }

    #[test]
    fn limits_of_anthropic_reset_at_a_point_in_time() {
        let found = limits(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "1970-01-02T00:00:03Z"),
            ("anthropic-ratelimit-input-tokens-limit", "30000"),
            ("anthropic-ratelimit-input-tokens-remaining", "29000"),
            ("anthropic-ratelimit-input-tokens-reset", "soon"),
            ("anthropic-ratelimit-unified-status", "allowed"),
        ]);
        let expected =
            [limit("input-tokens", 30_000, 29_000, None), limit("requests", 50, 49, Some(86_403_000))];
        assert_eq!(found, expected);
    }

    #[test]
    fn points_in_time_are_read() {
        let seconds = |text| rfc_3339(text)?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
        assert_eq!(seconds("2024-02-29T12:00:01Z"), Some(1_709_208_001));
        for other in
            ["", "2024-02-29", "2024-02-29T12:00Z", "2024-02-29T12:00:01+01:00", "2024-00-01T00:00:00Z"]
        {
            assert_eq!(seconds(other), None, "{other}");
        }
    }

    #[test]
    fn limits_have_the_names_that_the_provider_gives_them() {
        let found = limits(&[
            ("x-ratelimit-limit-tokens-minute", "60000"),
            ("x-ratelimit-remaining-tokens-minute", "59000"),
            ("x-ratelimit-reset-tokens-minute", "11.38"),
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "0"),
        ]);
        let expected = [limit("requests", 20, 0, None), limit("tokens-minute", 60_000, 59_000, Some(11_380))];
        assert_eq!(found, expected);
    }
}

//! Rate limits as OpenAI's response headers tell them: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`
//! (OpenAI, "Rate limits", section "Rate limits in headers").

use agent_core::RateLimit;
use reqwest::header::HeaderMap;

const NAMES: [&str; 2] = ["requests", "tokens"];

/// The limits that the headers name.
pub(crate) fn rate_limits(headers: &HeaderMap) -> Vec<RateLimit> {
    NAMES.iter().filter_map(|name| rate_limit(headers, name)).collect()
}

fn rate_limit(headers: &HeaderMap, name: &str) -> Option<RateLimit> {
    let text = |what: &str| {
        headers.get(format!("x-ratelimit-{what}-{name}")).and_then(|value| value.to_str().ok()).map(str::trim)
    };
    Some(RateLimit {
        name: name.to_owned(),
        limit: text("limit")?.parse().ok()?,
        remaining: text("remaining")?.parse().ok()?,
        reset_ms: text("reset").and_then(duration_ms),
    })
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
        let table = [
            ("1s", Some(1000)),
            ("6m0s", Some(360_000)),
            ("120ms", Some(120)),
            ("7.66s", Some(7660)),
            ("1h2m3s", Some(3_723_000)),
            ("2d", Some(172_800_000)),
            ("30", Some(30_000)),
            ("", None),
            ("soon", None),
            ("1y", None),
            ("ms", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_without_a_number_are_left_out() {
        let headers = HeaderMap::from_iter(
            [
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-limit-tokens", "many"),
            ]
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())),
        );
        let expected =
            RateLimit { name: "requests".to_owned(), limit: 60, remaining: 59, reset_ms: Some(1000) };
        assert_eq!(rate_limits(&headers), [expected]);
    }
}

//! The local date.

use tz::TimeZone;

/// The date at a Unix time, in seconds, where the time zone is what `TZ` says.
pub(super) fn local(zone: Option<&str>, seconds: i64) -> Option<String> {
    let zone = match zone {
        Some(zone) => TimeZone::from_posix_tz(zone),
        None => TimeZone::local(),
    };
    // The C library takes UTC as well where it finds no zone.
    let zone = zone.unwrap_or_else(|_| TimeZone::utc());
    let date = tz::DateTime::from_timespec(seconds, 0, zone.as_ref()).ok()?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.month_day()))
}

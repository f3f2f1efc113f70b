//! When a reservation ends.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use humantime::{format_rfc3339_seconds, parse_duration, parse_rfc3339};

/// When a reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long after it was made.
    After(Duration),
    /// At this time.
    At(SystemTime),
}

/// The last time that can be written (RFC 3339 has years of four digits).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

impl Expiry {
    /// The time that it names at `now`.
    ///
    /// # Errors
    /// Where that is past already, or cannot be written.
    pub fn at(self, now: SystemTime) -> anyhow::Result<SystemTime> {
        let time = match self {
            Self::After(duration) => now.checked_add(duration),
            Self::At(time) => Some(time),
        };
        let end = SystemTime::UNIX_EPOCH + END_OF_TIME;
        let time = time.filter(|time| *time <= end).context(
            "--expires lies beyond the year 9999; leave it out for a reservation without end",
        )?;
        ensure!(
            time > now,
            "--expires {} is past already; it is {} now",
            format_rfc3339_seconds(time),
            format_rfc3339_seconds(now)
        );
        Ok(time)
    }
}

pub(super) fn parse(text: &str) -> Result<Expiry, String> {
    if let Ok(time) = parse_rfc3339(text) {
        return Ok(Expiry::At(time));
    }
    parse_duration(text).map(Expiry::After).map_err(|_| {
        "write a number with a unit (48h, 7d), or a time in UTC (2026-12-01T08:00:00Z)".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_while_or_a_time_to_come() {
        let now = parse_rfc3339("2026-11-20T12:00:00Z").unwrap();
        let at = |text: &str| parse(text).map(|expiry| expiry.at(now));
        let ends = |text: &str| format_rfc3339_seconds(at(text).unwrap().unwrap()).to_string();
        assert_eq!(ends("48h"), "2026-11-22T12:00:00Z");
        assert_eq!(ends("2026-12-01T08:00:00Z"), "2026-12-01T08:00:00Z");
        for past in ["0s", "2026-11-20T12:00:00Z", "2020-01-01T00:00:00Z"] {
            let error = at(past).unwrap().unwrap_err().to_string();
            assert!(error.contains("past already"), "{error}");
        }
        let error = at("10000y").unwrap().unwrap_err().to_string();
        assert!(error.contains("9999"), "{error}");
        for text in [
            "",
            "tomorrow",
            "48",
            "2026-12-01",
            "2026-12-01T08:00:00+01:00",
        ] {
            assert!(parse(text).unwrap_err().contains("48h"), "{text}");
        }
    }
}

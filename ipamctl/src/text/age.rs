//! How long ago something was.

use std::time::{Duration, SystemTime};

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// A unit of time: how many seconds, and how it is written.
type Unit = (u64, char);

/// One form of an age: below how many seconds it is used, in which unit, and with which smaller
/// unit beside it.
type Step = (u64, Unit, Option<Unit>);

/// kubectl's steps (`duration.HumanDuration` of k8s.io/apimachinery), so that ages compare at a
/// glance with those of pods.
const STEPS: [Step; 9] = [
    (2 * MINUTE, (SECOND, 's'), None),
    (10 * MINUTE, (MINUTE, 'm'), Some((SECOND, 's'))),
    (3 * HOUR, (MINUTE, 'm'), None),
    (8 * HOUR, (HOUR, 'h'), Some((MINUTE, 'm'))),
    (2 * DAY, (HOUR, 'h'), None),
    (8 * DAY, (DAY, 'd'), Some((HOUR, 'h'))),
    (2 * YEAR, (DAY, 'd'), None),
    (8 * YEAR, (YEAR, 'y'), Some((DAY, 'd'))),
    (u64::MAX, (YEAR, 'y'), None),
];

/// An age in at most two units: `8s`, `5m10s`, `12m`, `5d3h`, `2y30d`.
pub fn age(age: Duration) -> String {
    let age = age.as_secs();
    let step = STEPS.iter().find(|(until, _, _)| age < *until);
    let Some((_, (unit, name), smaller)) = step else {
        return format!("{}y", age / YEAR);
    };
    let whole = format!("{}{name}", age / unit);
    match smaller.map(|(smaller, name)| (age % unit / smaller, name)) {
        None | Some((0, _)) => whole,
        Some((rest, name)) => format!("{whole}{rest}{name}"),
    }
}

/// How long before `now` a time was that others wrote down (RFC 3339): nothing where their clock is
/// ahead, and `None` where it cannot be read.
pub fn age_of(time: &str, now: SystemTime) -> Option<Duration> {
    let time = humantime::parse_rfc3339_weak(time).ok()?;
    Some(now.duration_since(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_look_like_kubectls() {
        for (seconds, text) in [
            (0, "0s"),
            (8, "8s"),
            (119, "119s"),
            (120, "2m"),
            (310, "5m10s"),
            (12 * MINUTE + 59, "12m"),
            (179 * MINUTE, "179m"),
            (3 * HOUR, "3h"),
            (7 * HOUR + 59 * MINUTE, "7h59m"),
            (47 * HOUR, "47h"),
            (2 * DAY, "2d"),
            (5 * DAY + 3 * HOUR, "5d3h"),
            (8 * DAY + 3 * HOUR, "8d"),
            (729 * DAY, "729d"),
            (2 * YEAR + 30 * DAY, "2y30d"),
            (9 * YEAR + 30 * DAY, "9y"),
            (u64::MAX, "584942417355y"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}

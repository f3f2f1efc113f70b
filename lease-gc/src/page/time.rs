//! Points in time and spans of it, as people read them.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

/// A point in time in the zone of `now`: the time of day, and the date where it is another.
pub(super) fn instant(at: Timestamp, now: &Zoned) -> String {
    let local = at.to_zoned(now.time_zone().clone());
    let format = if local.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    format!("<time datetime=\"{at}\">{}</time>", local.strftime(format))
}

/// How long ago, or how soon.
pub(super) fn distance(at: Timestamp, now: &Zoned) -> String {
    let distance = at.duration_since(now.timestamp());
    let long = span(distance.unsigned_abs());
    if distance.is_negative() {
        format!("{long} ago")
    } else {
        format!("in {long}")
    }
}

/// A span in one or two units.
pub(super) fn span(span: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let seconds = span.as_secs();
    let largest = UNITS.iter().position(|(unit, _)| seconds >= *unit);
    let Some((place, (unit, name))) = largest.and_then(|place| Some((place, UNITS.get(place)?)))
    else {
        return format!("{seconds} s");
    };
    let whole = format!("{} {name}", seconds / unit);
    let (smaller, smaller_name) = UNITS.get(place + 1).unwrap_or(&(1, "s"));
    match seconds % unit / smaller {
        0 => whole,
        rest => format!("{whole} {rest} {smaller_name}"),
    }
}

/// How long something took, where fractions of a second matter.
pub(super) fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration < Duration::from_mins(1) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        span(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (3600 + 59, "1 h"),
            (3600 + 120, "1 h 2 min"),
            (86_400 * 3 + 3600, "3 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(took(Duration::from_millis(42)), "42 ms");
        assert_eq!(took(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(took(Duration::from_secs(61)), "1 min 1 s");
    }

    #[test]
    fn instants_are_local_and_have_a_date_on_other_days() {
        let now: Zoned = "2026-11-20T00:30:00+01:00[Europe/Berlin]".parse().unwrap();
        let at: Timestamp = "2026-11-19T23:15:00Z".parse().unwrap();
        assert!(instant(at, &now).contains(">00:15:00<"));
        assert_eq!(distance(at, &now), "15 min ago");
        let at: Timestamp = "2026-11-19T20:15:00Z".parse().unwrap();
        assert!(instant(at, &now).contains(">2026-11-19 21:15:00<"));
        let at: Timestamp = "2026-11-19T23:32:00Z".parse().unwrap();
        assert_eq!(distance(at, &now), "in 2 min");
    }
}

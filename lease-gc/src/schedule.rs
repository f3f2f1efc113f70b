//! When sweeps begin.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;

/// The fields of a schedule, in their order (crontab(5)).
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

/// A cron schedule of five fields, in the local time zone (`TZ`).
///
/// A fixed time that a change of the clocks skips is due right after it, and one that comes twice
/// is due once.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Its number of fields is not five.
    #[error(
        "a schedule has five fields ({}) and this has {found}; \"*/5 * * * *\" is every five minutes",
        FIELDS.join(", ")
    )]
    Fields {
        /// How many it has.
        found: usize,
    },
    /// A field is wrong.
    #[error("the {name} {value:?} is wrong: {why}")]
    Field {
        /// Which.
        name: &'static str,
        /// What it says.
        value: String,
        /// In the words of the parser.
        why: String,
    },
    /// All of it is wrong, in the words of the parser.
    #[error("{0}")]
    Whole(String),
    /// No day is ever like that.
    #[error("it is never due: no month of it has such a day")]
    Never,
}

impl Schedule {
    /// Reads five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let cron = parse(text).map_err(|why| explain(text, why))?;
        let schedule = Self {
            text: text.trim().to_owned(),
            cron,
        };
        match schedule.next_after(&Zoned::now()) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never),
        }
    }

    /// When it is due next, later than `now`, in the time zone of `now`.
    pub fn next_after(&self, now: &Zoned) -> Option<Zoned> {
        self.cron.find_next_occurrence(now, false).ok()
    }
}

fn parse(text: &str) -> Result<Cron, CronError> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(text)
}

/// Finds the field that the parser, which does not name it, refuses.
fn explain(text: &str, why: CronError) -> ScheduleError {
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return ScheduleError::Fields {
            found: fields.len(),
        };
    }
    let named = FIELDS.into_iter().zip(fields).enumerate();
    let wrong = named.map(|(place, (name, value))| {
        let alone = (0..FIELDS.len()).map(|other| if other == place { value } else { "*" });
        let alone: Vec<_> = alone.collect();
        Some((name, value, parse(&alone.join(" ")).err()?))
    });
    match wrong.flatten().next() {
        Some((name, value, why)) => ScheduleError::Field {
            name,
            value: value.to_owned(),
            why: words(why),
        },
        None => ScheduleError::Whole(words(why)),
    }
}

fn words(error: CronError) -> String {
    match error {
        CronError::ComponentError(why)
        | CronError::InvalidPattern(why)
        | CronError::IllegalCharacters(why) => why,
        other => other.to_string(),
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        Self::parse(text)
    }
}

/// As it was written.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schedule").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn due(schedule: &str, now: &str, next: &[&str]) {
        let schedule = Schedule::parse(schedule).unwrap();
        let mut now: Zoned = now.parse().unwrap();
        for expected in next {
            now = schedule.next_after(&now).unwrap();
            assert_eq!(now.to_string(), *expected);
        }
    }

    #[test]
    fn every_minute() {
        due(
            "* * * * *",
            "2026-12-31T23:58:59.5+00:00[UTC]",
            &[
                "2026-12-31T23:59:00+00:00[UTC]",
                "2027-01-01T00:00:00+00:00[UTC]",
            ],
        );
    }

    #[test]
    fn it_is_due_later_than_now_even_when_it_is_due_now() {
        due(
            "*/5 * * * *",
            "2026-11-20T10:05:00+00:00[UTC]",
            &["2026-11-20T10:10:00+00:00[UTC]"],
        );
    }

    #[test]
    fn steps_ranges_lists_and_names() {
        due(
            "0,30 8-9 * * MON-fri",
            "2026-11-20T09:10:00+00:00[UTC]",
            &[
                "2026-11-20T09:30:00+00:00[UTC]",
                "2026-11-23T08:00:00+00:00[UTC]",
            ],
        );
        due(
            "15 */12 1 jan,JUL *",
            "2026-11-20T00:00:00+00:00[UTC]",
            &[
                "2027-01-01T00:15:00+00:00[UTC]",
                "2027-01-01T12:15:00+00:00[UTC]",
                "2027-07-01T00:15:00+00:00[UTC]",
            ],
        );
        due(
            "0 0 29 2 *",
            "2026-11-20T00:00:00+00:00[UTC]",
            &["2028-02-29T00:00:00+00:00[UTC]"],
        );
        due(
            "@daily",
            "2026-11-20T00:00:00+00:00[UTC]",
            &["2026-11-21T00:00:00+00:00[UTC]"],
        );
    }

    #[test]
    fn a_fixed_time_is_local_and_comes_once_a_day_when_clocks_change() {
        due(
            "30 4 * * *",
            "2026-11-20T05:00:00+01:00[Europe/Berlin]",
            &["2026-11-21T04:30:00+01:00[Europe/Berlin]"],
        );
        due(
            "30 2 * * *",
            "2026-03-28T12:00:00+01:00[Europe/Berlin]",
            &[
                "2026-03-29T03:00:00+02:00[Europe/Berlin]",
                "2026-03-30T02:30:00+02:00[Europe/Berlin]",
            ],
        );
        due(
            "30 2 * * *",
            "2026-10-24T12:00:00+02:00[Europe/Berlin]",
            &[
                "2026-10-25T02:30:00+02:00[Europe/Berlin]",
                "2026-10-26T02:30:00+01:00[Europe/Berlin]",
            ],
        );
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (text, why) in [
            ("", "this has 0"),
            ("* * * *", "this has 4"),
            ("0 * * * * *", "this has 6"),
            ("61 * * * *", "the minute \"61\""),
            ("* 24 * * *", "the hour \"24\""),
            ("* * 0 * *", "the day of month \"0\""),
            ("* * * mox *", "the month \"mox\""),
            ("* * * * 8", "the day of week \"8\""),
            ("*/0 * * * *", "the minute \"*/0\""),
            ("5-1 * * * *", "the minute \"5-1\""),
            ("@never", "this has 1"),
            ("0 0 30 2 *", "it is never due"),
        ] {
            let error = Schedule::parse(text).unwrap_err().to_string();
            assert!(
                error.to_lowercase().contains(why),
                "{text:?} gives {error:?}"
            );
        }
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        let schedule = Schedule::parse(" */5 * * * Mon ").unwrap();
        assert_eq!(schedule.to_string(), "*/5 * * * Mon");
    }
}

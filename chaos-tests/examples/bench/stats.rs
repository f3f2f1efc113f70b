//! What is said of many measurements.

use std::time::Duration;

/// A comparison is made once more in each of so many parts of the run: how far these lie apart is its
/// spread.
const PARTS: usize = 10;

/// The times of one thing done many times, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

/// Something measured, and the least and the greatest of it in parts of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Of the whole run.
    pub(crate) value: f64,
    /// Least and greatest of the parts; `None` for what was not repeated.
    pub(crate) spread: Option<(f64, f64)>,
}

impl Figure {
    /// What does not vary.
    pub(crate) const fn exact(value: f64) -> Self {
        Self {
            value,
            spread: None,
        }
    }
}

impl Times {
    /// One more.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> Duration {
        percentile(&self.0, 50)
    }

    /// The one that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.0, percent)
    }

    /// How many times the other's median this one's is.
    pub(crate) fn ratio_to(&self, other: &Self) -> Figure {
        self.compared(other, |this, other| this / other)
    }

    /// How much more the median is than the other's (ms).
    pub(crate) fn beyond(&self, other: &Self) -> Figure {
        self.compared(other, |this, other| (this - other) * 1000.0)
    }

    /// Part by part in the order of the rounds: what disturbed one disturbed the other.
    fn compared(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> Figure {
        let medians = |this: &[Duration], other: &[Duration]| {
            let [this, other] = [this, other].map(|times| percentile(times, 50).as_secs_f64());
            compare(this, other)
        };
        let count = PARTS.min(self.count()).min(other.count());
        let parts = (0..count).map(|part| medians(self.part(part, count), other.part(part, count)));
        let spread = parts.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), part| {
            (low.min(part), high.max(part))
        });
        Figure {
            value: medians(&self.0, &other.0),
            spread: (count > 1).then_some(spread),
        }
    }

    fn part(&self, part: usize, of: usize) -> &[Duration] {
        let bound = |part: usize| self.count() * part / of.max(1);
        self.0.get(bound(part)..bound(part + 1)).unwrap_or_default()
    }
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// In milliseconds.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

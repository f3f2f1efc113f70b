//! What is asked of the plugin.

use std::fmt::{self, Display};

use crate::stats::Figure;

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// One thing asked, and what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What is compared with what.
    pub(crate) what: String,
    /// The bound.
    pub(crate) asked: Asked,
    /// What was measured.
    pub(crate) measured: Figure,
    /// Of all three numbers; empty for a ratio.
    pub(crate) unit: &'static str,
}

impl Asked {
    /// Whether a value keeps to it.
    pub(crate) fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

impl Target {
    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        self.asked.is_met_by(self.measured.value)
    }

    /// The row of a table: what, asked, measured, spread, met.
    pub(crate) fn cells(&self) -> [String; 5] {
        let Figure { value, spread } = self.measured;
        let spread =
            spread.map_or_else(String::new, |(low, high)| format!("{low:.2} to {high:.2}"));
        [
            self.what.clone(),
            format!("{} {}", self.asked, self.unit)
                .trim_end()
                .to_owned(),
            format!("{value:.2} {}", self.unit).trim_end().to_owned(),
            spread,
            if self.is_met() { "yes" } else { "no" }.to_owned(),
        ]
    }
}

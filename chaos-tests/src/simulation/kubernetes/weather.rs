//! What a reader of the API meets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Mark;

/// How the API is for one reader.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// What a list of nodes meets.
    pub nodes: Option<Trouble>,
    /// What a list of pods meets.
    pub pods: Option<Trouble>,
    /// What a question about one object meets. Neither of the troubles of lists.
    pub objects: Option<Trouble>,
    /// How much longer every answer takes.
    pub slow: Duration,
    /// Whether the watch of pods misses what happens.
    pub watch_is_cut: bool,
}

/// What a request meets.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Nobody listens.
    Down,
    /// Nobody answers.
    Silent,
    /// The answer is this HTTP status.
    Error(u16),
    /// The list ends in an error after its first page.
    CutMidList,
    /// The list is empty.
    Empty,
    /// The list is as the cluster was then.
    Stale(Mark),
}

impl Weather {
    /// Every request meets the same.
    pub fn all(trouble: &Trouble) -> Self {
        Self {
            nodes: Some(trouble.clone()),
            pods: Some(trouble.clone()),
            objects: Some(trouble.clone()),
            ..Self::default()
        }
    }
}

impl Trouble {
    /// Its name in a [`Tally`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Silent => "silent",
            Self::Error(_) => "error",
            Self::CutMidList => "cut_mid_list",
            Self::Empty => "empty",
            Self::Stale(_) => "stale",
        }
    }
}

/// How many requests were answered as they should be (`fine`), and how many met which trouble.
pub type Tally = BTreeMap<&'static str, u64>;

//! The states of a taken address.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use store::record::Kind;

/// Why an address is not free. The words are those of tables, of JSON and of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// An ADD took it, for a pod.
    Allocated,
    /// The collector wrote it down: a live pod names it.
    Adopted,
    /// It was brought over from another plugin.
    Imported,
    /// It has a record of a kind that a newer version made.
    Other,
    /// It was released, and rests.
    Resting,
    /// An operator keeps it.
    Reserved,
    /// An operator wants nobody to have it.
    Quarantined,
    /// Its key, or its holder's record, cannot be read.
    Unreadable,
    /// It has a holder, and the holder has no record of it.
    Orphaned,
    /// A record names it, and its key is missing or names another holder.
    Lost,
}

impl State {
    /// What a record of this kind makes of its addresses.
    pub const fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Allocated => Self::Allocated,
            Kind::Adopted => Self::Adopted,
            Kind::Imported => Self::Imported,
            Kind::Other(_) => Self::Other,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allocated => "allocated",
            Self::Adopted => "adopted",
            Self::Imported => "imported",
            Self::Other => "other",
            Self::Resting => "resting",
            Self::Reserved => "reserved",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
            Self::Orphaned => "orphaned",
            Self::Lost => "lost",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_word() {
        for state in State::value_variants() {
            let word = state.to_string();
            assert_eq!(State::from_str(&word, false).as_ref(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), word);
        }
    }
}

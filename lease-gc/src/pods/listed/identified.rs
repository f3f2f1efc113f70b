//! An object of any kind, of which only the identity is of interest.

use serde::Deserialize;

/// An object of the API. One without a name or a uid is an error.
#[derive(Deserialize)]
pub(in crate::pods) struct Identified {
    /// Who it is.
    pub metadata: Identity,
}

/// What tells objects apart.
#[derive(Deserialize)]
pub(in crate::pods) struct Identity {
    /// The name, unique among the living.
    pub name: String,
    /// The uid, unique for all time.
    pub uid: String,
}

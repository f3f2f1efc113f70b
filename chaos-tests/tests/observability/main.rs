//! What is watched: the rules and the dashboard of `deploy/observability`, compared with what the real
//! programs export and with what the documentation says of them.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod dashboard;
mod files;
mod live;
mod rules;
mod troubles;

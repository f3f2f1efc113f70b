//! The networks of `deploy/examples` with real interfaces: the very files, the real main plugins of this
//! machine, and calls in the order of libcni. The kernel is asked what came of it.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value that lacks the key gives null, which the test then refuses"
)]

mod asking;
mod lifetimes;
mod reaching;
mod scene;
mod stand_ins;

//! The image, built by real engines, and each of its jobs done in a container of it.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod built;
mod collector;
mod initialiser;
mod installer;
mod released;
mod shop;
mod uninstaller;

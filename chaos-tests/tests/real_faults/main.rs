//! Every fault of the real leg has the effect that it says, and gives no proof where it was not done.

mod check;
mod isolation;
mod network;
mod operators;
mod processes;
mod storage;

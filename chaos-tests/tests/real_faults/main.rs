//! Every fault of the real leg has the effect that it says, and gives no proof where it was not done.

mod isolation;

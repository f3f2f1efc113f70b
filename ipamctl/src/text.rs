//! How things are written for people.

mod age;
mod escape;
mod share;

pub use self::age::age;
pub use self::escape::{printable, shortened};
pub use self::share::share;

//! How things are written for people.

mod age;
mod bytes;
mod escape;
mod share;

pub use self::age::{age, age_of};
pub use self::bytes::bytes;
pub use self::escape::{printable, shortened};
pub use self::share::share;

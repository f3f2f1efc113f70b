//! How things are written for people.

mod age;
mod bytes;
mod escape;
mod holder;
mod share;
mod stretches;

pub use self::age::{age, age_of};
pub use self::bytes::bytes;
pub use self::escape::{printable, shortened};
pub use self::holder::{state, whose};
pub use self::share::share;
pub use self::stretches::stretches;

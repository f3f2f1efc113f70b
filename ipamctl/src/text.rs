//! How things are written for people.

mod age;
mod escape;
mod holder;
mod share;
mod stretches;

pub use self::age::age;
pub use self::escape::{printable, shortened};
pub use self::holder::{state, whose};
pub use self::share::share;
pub use self::stretches::stretches;

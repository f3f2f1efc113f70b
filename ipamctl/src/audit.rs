//! The store compared with itself and with the pods that live.
//!
//! * [`Comparison`]: takes the store in, entry by entry, and says what does not fit. Pure.
//! * [`Finding`]: one thing that does not fit, and what would repair it.
//! * [`Report`]: all findings of one check, as a file that says whether it is whole.

mod comparison;
mod digest;
mod finding;
mod report;

pub use self::comparison::{Comparison, Counts, Pods};
pub use self::digest::digest;
pub use self::finding::{Finding, Kind, Repair};
pub use self::report::{About, Report, ReportError};

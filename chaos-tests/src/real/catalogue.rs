//! All faults of the real leg, by their names.

use std::sync::Arc;

use rand::rngs::StdRng;

use crate::real::faults::Fault;
use crate::real::stage::Stage;

/// A fault of this kind, with chances of its own.
pub fn make(_kind: &str, _stage: &Arc<Stage>, _rng: &mut StdRng) -> Option<Box<dyn Fault>> {
    None
}

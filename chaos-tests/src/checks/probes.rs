//! What answers on the wire, whatever anybody's records say.

use super::facts::{Facts, Map, Moment, Place};
use super::{Found, Violation};
use crate::history::What;

/// How long an address may still answer after its container was said to be down (milliseconds): that is said
/// before it is taken down, and a busy machine takes its time for that.
const AFTERGLOW: u64 = 5000;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let places: Map<_, Place> = facts.names.addresses.iter().copied().zip(0..).collect();
    for (event, one) in facts.history.events.iter().enumerate() {
        let What::Probe(probe) = &one.what else {
            continue;
        };
        let moment = Moment { event, at: one.at };
        let place = places.get(&(probe.space.as_str(), probe.address)).copied();
        let mut answered: Vec<_> = probe.answered.iter().collect();
        answered.sort_unstable();
        answered.dedup();
        let what = match (answered.as_slice(), place) {
            ([], _) => continue,
            ([_], Some(place)) if is_up(facts, place, moment) => continue,
            ([one], _) => format!("{one} answers, and no container has the address"),
            (several, _) => format!("{} answer for one address: {several:?}", several.len()),
        };
        let mut violation = Violation::new(moment, what);
        violation.address = Some(format!("{}/{}", probe.space, probe.address));
        found.push(violation);
    }
}

/// Whether a container has the address, or had it a moment ago, or may get it: it has it before it says so.
fn is_up(facts: &Facts<'_>, place: Place, moment: Moment) -> bool {
    let ups = facts.ups_at.of(place);
    let begun = ups.partition_point(|up| facts.ups[*up].begin.at <= moment.at + AFTERGLOW);
    let (begun, _) = ups.split_at(begun);
    let mut begun = begun.iter().rev().map(|up| &facts.ups[*up]);
    begun.any(|up| up.end.is_none_or(|end| end.at + AFTERGLOW >= moment.at))
}

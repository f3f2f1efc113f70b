//! One holder: what containers have, told by the containers.

use super::facts::{Facts, Moment, Up};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for place in 0..facts.names.addresses.len() {
        // The one that has the address the longest of all that came before.
        let mut longest: Option<&Up> = None;
        for up in facts.ups_at.of(place).iter().map(|up| &facts.ups[*up]) {
            if let Some(longest) = longest
                && longest.who != up.who
                && until(longest).is_none_or(|end| end > up.begin)
            {
                let both = format!(
                    "{} has the address while {} still has it, since {} ms",
                    facts.names.name(up.who),
                    facts.names.name(longest.who),
                    longest.begin.at
                );
                let violation = Violation::new(up.begin, both);
                found.push(violation.at(facts, place).of(facts, up.who));
            }
            let lasts_longer = |one: &Up| match (until(one), until(up)) {
                (Some(one), Some(up)) => up > one,
                (one, _) => one.is_some(),
            };
            if longest.is_none_or(lasts_longer) {
                longest = Some(up);
            }
        }
    }
}

/// Until when the address is a container's: for ever, until it is taken from it, or until an operator said
/// that its machine is off.
fn until(up: &Up) -> Option<Moment> {
    up.given_up.or(up.end)
}

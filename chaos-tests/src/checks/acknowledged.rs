//! Nothing that was acknowledged is lost.

use std::net::IpAddr;

use super::facts::{Call, Facts, How, Life, Moment};
use super::{Found, Violation};

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    for call in &facts.calls {
        let Some((answered, addresses)) = call.acknowledged() else {
            continue;
        };
        let what = if call.is("ADD") {
            add(facts, call, answered, addresses)
        } else if call.is("CHECK") {
            exists(facts, call, answered)
        } else {
            Ok(())
        };
        if let Err(what) = what {
            found.push(Violation::new(answered, what).of(facts, call.who));
        }
    }
}

/// Every ADD writes: the record, or its stamp on one that was there.
fn add(
    facts: &Facts<'_>,
    call: &Call<'_>,
    answered: Moment,
    addresses: &[IpAddr],
) -> Result<(), String> {
    // The newest: an ADD of another process may have been undone meanwhile.
    let written = facts.lives_of(call.who).rev().find(|life| {
        let mut versions = life.versions.iter().rev();
        versions.any(|version| {
            version.moment > call.began
                && (version.revision > call.reached || facts.turned(call.began, version.moment))
                && facts.before(version.moment, answered)
                && names(facts, version.record, addresses)
        })
    });
    let Some(life) = written.or_else(|| forgotten(facts, call, answered)) else {
        let addresses = list(addresses);
        return Err(format!(
            "ADD answered {addresses}, and wrote no record that names them while it ran"
        ));
    };
    let gone = life.end.filter(|end| {
        end.how == How::Committed && end.moment < answered && !taken_back(facts, call, end.moment)
    });
    match gone {
        Some(end) => Err(format!(
            "ADD answered {}, but its record was deleted at revision {} while it ran",
            list(addresses),
            end.revision
        )),
        None => looked(facts, call),
    }
}

/// Whether a record names these addresses, in their order.
fn names(facts: &Facts<'_>, record: usize, addresses: &[IpAddr]) -> bool {
    let places = &facts.log.records[record].places;
    let named = places.iter().map(|place| facts.names.addresses[*place].1);
    named.eq(addresses.iter().copied())
}

/// The record of an ADD that a restore has overtaken: written on a line that does not count any more.
fn forgotten<'f>(facts: &'f Facts<'_>, call: &Call<'_>, answered: Moment) -> Option<&'f Life> {
    facts.lives_of(call.who).find(|life| {
        life.end.is_some_and(|end| {
            end.how == How::Line && call.began < end.moment && end.moment < answered
        })
    })
}

/// Whether somebody who may do so deleted the record of a running ADD: a DEL that overtook it, a GC whose
/// list lacked it, or a collector, whose reasons are judged elsewhere.
fn taken_back(facts: &Facts<'_>, call: &Call<'_>, deleted: Moment) -> bool {
    let overtook = facts.calls_for(call.who).any(|other| {
        other.is("DEL")
            && other.began < deleted
            && other
                .answered()
                .is_none_or(|answered| answered > call.began)
    });
    let parts = facts.names.attachments[call.who];
    let collected = || {
        facts.calls.iter().any(|other| {
            other.is("GC")
                && facts.names.attachments[other.who][..3] == parts[..3]
                && other.began < deleted
                && other
                    .answered()
                    .is_none_or(|answered| answered > call.began)
        })
    };
    let released = || {
        let mut lives = facts.owners_of.of(call.who).iter();
        lives.any(|life| {
            let end = facts.lives.owners[*life].end;
            end.is_some_and(|end| end.moment == deleted && facts.is_collectors(*life, end))
        })
    };
    overtook || released() || collected()
}

/// The look after an ADD shows its record, or the log shows why not.
fn looked(facts: &Facts<'_>, call: &Call<'_>) -> Result<(), String> {
    let Some((moment, look)) = call.look.filter(|(_, look)| !look.present) else {
        return Ok(());
    };
    let gone = facts.lives_of(call.who).any(|life| {
        life.end
            .is_some_and(|end| end.moment > call.began && facts.before(end.moment, moment))
    });
    if gone {
        return Ok(());
    }
    Err(format!(
        "a look after {} found no record, and none was deleted",
        look.attachment.container
    ))
}

/// A CHECK succeeds only where there is a record.
fn exists(facts: &Facts<'_>, call: &Call<'_>, answered: Moment) -> Result<(), String> {
    let there = facts.lives_of(call.who).any(|life| {
        facts.before(life.begin.moment, answered)
            && life.end.is_none_or(|end| end.moment > call.began)
    });
    if there {
        Ok(())
    } else {
        Err("CHECK succeeded, and there was no record while it ran".to_owned())
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

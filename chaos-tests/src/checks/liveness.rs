//! Once all faults are over, everything works again.

use super::facts::{Call, Facts, Moment};
use super::{Found, Violation};
use crate::history::Outcome;

/// How long an ADD may take then (milliseconds).
const SOON: u64 = 10_000;

/// What an election may need beside twice its lease (milliseconds): etcd's own election first, which starts
/// the lease anew.
const ELECTION: u64 = 5_000;

/// The error codes that say that there is no address to give: the range is full, the address is taken.
const NO_ADDRESS: [u32; 2] = [100, 101];

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let Some(healed) = facts.healed else { return };
    for call in facts.calls.iter().filter(|call| call.began > healed) {
        if let Some((ended, what)) = fails(call) {
            found.push(Violation::new(ended, what).of(facts, call.who));
        }
    }
    if facts.run.sweep_every > 0 {
        leads(facts, healed, found);
    }
}

fn fails(call: &Call<'_>) -> Option<(Moment, String)> {
    let (ended, outcome) = call.ended?;
    let verb = &call.invoke.verb;
    let took = ended.at.saturating_sub(call.began.at);
    match outcome {
        Outcome::Failed { code, message } if call.is("ADD") || call.is("DEL") => {
            let what = format!("{verb} failed after all faults were over: {code}: {message}");
            (!NO_ADDRESS.contains(code)).then_some((ended, what))
        }
        Outcome::Ok { .. } if call.is("ADD") && took > SOON => {
            let what = format!("ADD took {took} ms after all faults were over");
            Some((ended, what))
        }
        _ => None,
    }
}

/// In every cluster that ever had a leader, somebody leads soon.
fn leads(facts: &Facts<'_>, healed: Moment, found: &mut Found) {
    let due = healed.at + 2 * facts.run.election_ttl + ELECTION;
    let Some((end, _)) = facts.end.filter(|(end, _)| end.at >= due) else {
        return;
    };
    let reigns = &facts.lives.reigns;
    let led = reigns.iter().filter(|reign| reign.identity.is_some());
    let mut clusters: Vec<_> = led.map(|reign| reign.cluster).collect();
    clusters.sort_unstable();
    clusters.dedup();
    if clusters.is_empty() {
        found.push(Violation::new(end, "no collector ever led"));
    }
    for cluster in clusters {
        let mut of_it = reigns.iter().filter(|reign| reign.cluster == cluster);
        let before = of_it
            .clone()
            .take_while(|reign| reign.moment.at <= healed.at);
        let led = before.last().is_some_and(|reign| reign.identity.is_some());
        let leads = of_it.any(|reign| {
            reign.identity.is_some() && reign.moment.at > healed.at && reign.moment.at <= due
        });
        if !led && !leads {
            let what = format!("nobody led cluster {cluster} until {due} ms");
            found.push(Violation::new(end, what));
        }
    }
}

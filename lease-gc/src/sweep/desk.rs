//! Where everything that a sweep reads comes together and is judged. No input or output.

use std::collections::HashSet;
use std::mem::take;
use std::time::{Duration, SystemTime};

use store::address::Address;
use store::collect::Listed;
use store::inspect::{Damaged, Owner};
use store::key::holder_name;
use store::names::Space;
use store::record::{HeldAddress, Holder};
use store::txn::Entry;

use super::judged::Judged;
use super::ranges::Ranges;
use super::withheld::Withheld;
use crate::events::About;
use crate::evidence::adoption::{self, Place};
use crate::evidence::{self, Breaker, Finding, Policy, Sweep, Verdict, Witness};
use crate::pods::{Living, LivingPod};
use crate::report::{Conflict, SweepReport};

/// One sweep's judgement in the making.
pub(super) struct Desk<'a> {
    living: &'a Living,
    witness: &'a Witness,
    sweep: Sweep<'a>,
    breaker: &'a mut Breaker,
    ranges: Ranges,
    places: adoption::Ranges,
    report: &'a mut SweepReport,
    /// The records of one node and network, which stand together in the listing.
    group: Vec<Owner>,
    /// Addresses that some pod names and somebody holds, in the space of their range.
    held: HashSet<Address>,
    judged: Judged,
}

impl<'a> Desk<'a> {
    /// An empty desk. It remembers at most `limit` dead records, so that memory is bounded
    /// when everything dies at once.
    pub(super) fn new(
        living: &'a Living,
        witness: &'a Witness,
        sweep: Sweep<'a>,
        breaker: &'a mut Breaker,
        ranges: Ranges,
        report: &'a mut SweepReport,
        limit: usize,
    ) -> Self {
        breaker.begin();
        Self {
            living,
            witness,
            sweep,
            breaker,
            places: ranges.places(),
            ranges,
            report,
            group: Vec::new(),
            held: HashSet::new(),
            judged: Judged::new(limit),
        }
    }

    /// Takes the next owner record of the cluster. They come in the order of their keys.
    pub(super) fn owner(&mut self, owner: Result<Owner, Damaged>) {
        self.report.records += 1;
        match owner {
            Ok(owner) => {
                let first = self.group.first();
                if first.is_some_and(|first| !together(first, &owner)) {
                    self.judge_group();
                }
                self.group.push(owner);
            }
            Err(damaged) => self.report.damaged.push(damaged.into()),
        }
    }

    /// The last owner record was taken. Returns how many there were.
    pub(super) fn end_of_owners(&mut self) -> u64 {
        self.judge_group();
        self.report.records
    }

    fn judge_group(&mut self) {
        let group = take(&mut self.group);
        if let Some(owner) = group.first() {
            let node = owner.attachment.node.clone();
            self.judged.nodes.insert(node);
        }
        let findings = evidence::judge(&group, self.living, self.witness);
        for (owner, finding) in group.into_iter().zip(findings) {
            self.decide(owner, finding);
        }
    }

    fn decide(&mut self, owner: Owner, finding: Finding) {
        let key = &owner.judged.key;
        match self.sweep.look(&owner, finding) {
            Verdict::Alive => self.look_for_rivals(&owner),
            Verdict::Keep(reason) => {
                tracing::debug!(key, reason = reason.as_str(), "kept");
                self.report.kept.add(reason.as_str());
            }
            Verdict::Conflict(conflict) => {
                self.report.kept.add(Withheld::Conflict.as_str());
                if let Some(rival) = self.living.pod_of_uid(&conflict.uid) {
                    self.conflict(key, conflict.address, rival);
                }
            }
            Verdict::Waiting {
                evidence,
                remaining,
            } => {
                let evidence = evidence.as_str();
                tracing::debug!(key, evidence, seconds = remaining.as_secs(), "waits");
                self.report.candidates.add(evidence);
                let longest = &mut self.judged.longest_wait;
                *longest = (*longest).max(remaining);
            }
            Verdict::Confirmed(evidence) => {
                self.breaker.count(&owner, evidence);
                if let Err(_too_many) = self.judged.dead(owner, evidence) {
                    self.report.kept.add(Withheld::RateCapped.as_str());
                }
            }
        }
    }

    /// Other pods that name an address of a record whose own pod lives.
    fn look_for_rivals(&mut self, owner: &Owner) {
        for held in &owner.record.addresses {
            let rival = evidence::rival(owner, held, self.living, &self.places);
            if let Some(rival) = rival {
                self.conflict(&owner.judged.key, held.address, rival);
            }
        }
    }

    fn conflict(&mut self, holder: &str, address: Address, pod: LivingPod<'_>) {
        let conflict = Conflict {
            address,
            holder: holder.to_owned(),
            pod: format!("{}/{}", pod.namespace, pod.name),
        };
        self.report.conflicts.push(conflict.clone());
        let claimant = About::Pod {
            namespace: pod.namespace.to_owned(),
            name: pod.name.to_owned(),
            uid: pod.uid.to_owned(),
            node: pod.node.to_owned(),
        };
        self.judged.conflicts.push((claimant, conflict));
    }

    /// Takes the next address key, whoever's it is. `cluster` is whose pods are known, and `wall`
    /// the time on the wall, by which reservations end.
    pub(super) fn address(
        &mut self,
        cluster: &str,
        wall: SystemTime,
        entry: &Entry,
        parsed: Result<(Space, Address, Result<Holder, Damaged>), Damaged>,
    ) {
        let (space, address, holder) = match parsed {
            Ok(parsed) => parsed,
            Err(damaged) => return self.report.damaged.push(damaged.into()),
        };
        self.ranges.count(&space, address, holder.as_ref().ok());
        let place = self.places.place(address);
        if matches!(place, Place::In(of, _) if *of == space)
            && self.living.naming(address).next().is_some()
        {
            self.held.insert(address);
        }
        match holder {
            Ok(Holder::Cooldown(rest)) => {
                let cooldown = Duration::from_secs(rest.cooldown_s);
                if self.sweep.rested(&entry.key, entry.mod_revision, cooldown) {
                    self.judged.rested.push(Listed::from(entry));
                }
            }
            Ok(Holder::Reservation(why) | Holder::Quarantine(why)) => {
                if why.is_over(wall) {
                    self.judged.expired.push(Listed::from(entry));
                }
                self.look_for_squatters(&entry.key, &space, address);
            }
            Ok(Holder::Attachment(holder)) if holder.cluster != cluster => {
                self.look_for_squatters(&holder_name(&holder), &space, address);
            }
            // Its record is judged, and whose pod lives with it.
            Ok(Holder::Attachment(_)) => {}
            Err(damaged) => self.report.damaged.push(damaged.into()),
        }
    }

    /// Pods that use an address that an operator keeps or another cluster holds.
    fn look_for_squatters(&mut self, holder: &str, space: &Space, address: Address) {
        let squatter = evidence::claimants(space, address, self.living, &self.places).next();
        if let Some(squatter) = squatter {
            self.conflict(holder, address, squatter);
        }
    }

    /// The last address was taken: looks which addresses of living pods nobody holds. Those that
    /// were missing before are to be adopted, as records with ids from `new_id` that were `created`
    /// now (RFC 3339).
    pub(super) fn look_for_missing(
        &mut self,
        cluster: &str,
        new_id: impl FnMut() -> String,
        created: &str,
    ) {
        let held = |_: &Space, address| self.held.contains(&address);
        let missing = adoption::missing(self.living, &self.places, held);
        if missing.ambiguous > 0 {
            tracing::warn!(
                addresses = missing.ambiguous,
                "pods name addresses that lie in ranges of several spaces: they are not adopted"
            );
        }
        let mut due = missing.candidates;
        due.retain(|candidate| {
            let HeldAddress { space, address, .. } = &candidate.held;
            self.sweep.missing(space, *address, candidate.pod.uid)
        });
        // As with the dead: the next sweep finds the others.
        due.truncate(self.judged.limit());
        self.judged.missing = adoption::records(due, cluster, self.living, new_id, created);
    }

    /// Everything was read, and counts from now on: what is to be done.
    pub(super) fn close(mut self, policy: &Policy) -> Judged {
        for configured in self.ranges.unused() {
            let Listed { key, mod_revision } = &configured.listed;
            if self.sweep.unused(key, *mod_revision) {
                self.judged.unused.push(configured.listed.clone());
            }
        }
        self.sweep.finish();
        self.report.ranges = self.ranges.reports();
        let nodes = u64::try_from(self.living.nodes().len()).unwrap_or(u64::MAX);
        for tripped in self.breaker.check(self.report.records, nodes, policy) {
            self.judged.hold_back(&tripped, self.report);
        }
        self.judged
    }
}

/// Whether two records are of one node and network.
fn together(one: &Owner, other: &Owner) -> bool {
    let (one, other) = (&one.attachment, &other.attachment);
    one.node == other.node && one.network == other.network
}

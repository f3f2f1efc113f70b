//! What a sweep does in the end: releases the dead, adopts the living, ends rests and
//! reservations.

use std::collections::HashSet;
use std::time::Duration;

use store::clock::Clock;
use store::collect::{Fenced, Listed};
use store::coordination::Coordination;
use store::election::Fence;
use store::etcd::EtcdError;
use store::inspect::Owner;
use store::names::Attachment;
use store::record::OwnerRecord;

use super::judged::{Judged, release};
use super::pace::Pace;
use super::withheld::Withheld;
use super::{Memory, VoidReason};
use crate::chain::chain;
use crate::collector::Collector;
use crate::events::{About, Event};
use crate::evidence::Evidence;
use crate::pods::{Source, SourceError, View};
use crate::report::{Conflict, Release, SweepReport};

/// How old the evidence may get while the releases wait for their turn. The rest is for the next
/// sweep.
const EVIDENCE_AGE: Duration = Duration::from_mins(1);

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// How many records one sweep can release while its evidence is fresh.
    pub(super) fn most_releases(&self) -> usize {
        let most = u64::from(self.max_releases_per_second.get()) * EVIDENCE_AGE.as_secs();
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    pub(super) async fn act(
        &self,
        mut judged: Judged,
        fence: &Fence,
        source: &V::Source,
        report: &mut SweepReport,
    ) -> Result<(), VoidReason> {
        self.release(judged.take_dead(), fence, source, report)
            .await?;
        report.rests_ended = self.delete(&judged.rested, fence, "rests ended").await?;
        let ended = "reservations ended";
        report.reservations_ended = self.delete(&judged.expired, fence, ended).await?;
        let forgotten = "ranges that nobody uses were forgotten";
        self.delete(&judged.unused, fence, forgotten).await?;
        self.adopt_all(judged.missing, fence, report).await
    }

    async fn release(
        &self,
        dead: Vec<(Owner, Evidence)>,
        fence: &Fence,
        source: &V::Source,
        report: &mut SweepReport,
    ) -> Result<(), VoidReason> {
        let clock = self.store.clock();
        let began = clock.monotonic();
        let mut pace = Pace::new(self.max_releases_per_second);
        for (owner, evidence) in dead {
            if clock.monotonic().saturating_sub(began) > EVIDENCE_AGE {
                report.kept.add(Withheld::RateCapped.as_str());
                continue;
            }
            pace.next().await;
            match self.release_one(&owner, evidence, fence, source).await? {
                Ok(()) => {
                    let release = release(&owner, evidence, self.now());
                    self.tell_release(&owner, evidence, &release);
                    report.release(release);
                }
                Err(why) => {
                    let (key, why) = (&owner.judged.key, why.as_str());
                    tracing::info!(key, evidence = evidence.as_str(), why, "not released");
                    report.kept.add(why);
                }
            }
        }
        Ok(())
    }

    async fn release_one(
        &self,
        owner: &Owner,
        evidence: Evidence,
        fence: &Fence,
        source: &V::Source,
    ) -> Result<Result<(), Withheld>, VoidReason> {
        if needs_direct_look(evidence) {
            let pod = &owner.record.pod;
            match source.pod_exists(&pod.namespace, &pod.name, &pod.uid).await {
                Ok(false) => {}
                Ok(true) => return Ok(Err(Withheld::CameBack)),
                Err(error @ SourceError::Name(_)) => return Ok(Err(unreleasable(owner, &error))),
                Err(error) => return Err(error.into()),
            }
        }
        // Before the release: the history may see it before its answer is here.
        self.causes.announce(&owner.record.id, evidence.as_str());
        let outcome = self.store.release_dead(fence, owner, self.deadline()).await;
        if !matches!(outcome, Ok(Fenced::Done(_))) {
            self.causes.withdraw(&owner.record.id);
        }
        match outcome {
            Ok(fenced) => Ok(committed(fenced)?.map(drop).ok_or(Withheld::Changed)),
            // Not this store's fault, so the others need not wait.
            Err(error @ EtcdError::TooManyOperations(_)) => Ok(Err(unreleasable(owner, &error))),
            Err(error) => Err(error.into()),
        }
    }

    fn tell_release(&self, owner: &Owner, evidence: Evidence, release: &Release) {
        let addresses = release.addresses.iter().map(ToString::to_string);
        let addresses = addresses.collect::<Vec<_>>().join(", ");
        tracing::info!(
            key = owner.judged.key,
            addresses,
            pod = release.pod,
            uid = owner.record.pod.uid,
            node = owner.attachment.node,
            evidence = evidence.as_str(),
            created = owner.record.created,
            "released"
        );
        self.tell(Event {
            about: about(owner),
            reason: "AddressReleased",
            note: format!("{addresses} released: {}", evidence.meaning()),
            warning: false,
        });
        if let Some(released) = &self.released {
            released(owner, evidence);
        }
    }

    async fn adopt_all(
        &self,
        missing: Vec<(Attachment, OwnerRecord)>,
        fence: &Fence,
        report: &mut SweepReport,
    ) -> Result<(), VoidReason> {
        let mut pace = Pace::new(self.max_releases_per_second);
        for (attachment, record) in missing {
            pace.next().await;
            let adopted = self
                .store
                .adopt(fence, &attachment, &record, self.deadline())
                .await?;
            let pod = format!("{}/{}", record.pod.namespace, record.pod.name);
            let addresses = record.addresses.iter().map(|held| held.address.to_string());
            let addresses = addresses.collect::<Vec<_>>().join(", ");
            match committed(adopted)? {
                Some(Ok(())) => {
                    report.adopted += u64::try_from(record.addresses.len()).unwrap_or_default();
                    tracing::info!(pod, addresses, node = attachment.node, "adopted");
                }
                // Somebody took it since it was read; the next sweep sees who.
                Some(Err(_)) | None => {
                    tracing::info!(pod, addresses, "not adopted: it is held by now");
                }
            }
        }
        Ok(())
    }

    async fn delete(
        &self,
        listed: &[Listed],
        fence: &Fence,
        what: &str,
    ) -> Result<u64, VoidReason> {
        if listed.is_empty() {
            return Ok(0);
        }
        let deleted = self
            .store
            .delete_listed(fence, listed, self.deadline())
            .await?;
        let Some(count) = committed(deleted)? else {
            return Ok(0);
        };
        tracing::info!(count, "{what}");
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Reports the conflicts that the sweep before did not see.
    pub(super) fn report_conflicts(&self, judged: &Judged, memory: &mut Memory) {
        let mut known = HashSet::new();
        for (claimant, conflict) in &judged.conflicts {
            let Conflict {
                address,
                holder,
                pod,
            } = conflict;
            let id = (*address, pod.clone());
            if !memory.conflicts.contains(&id) {
                let address = address.to_string();
                tracing::warn!(
                    address,
                    pod,
                    holder,
                    "a pod uses an address that another holds"
                );
                self.tell(Event {
                    about: claimant.clone(),
                    reason: "AddressConflict",
                    note: format!("the pod uses {address}, which {holder} holds"),
                    warning: true,
                });
            }
            known.insert(id);
        }
        memory.conflicts = known;
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.events {
            events.report(event);
        }
    }
}

/// What was committed; `None` where that changed which was to be written over.
pub(super) fn committed<T>(fenced: Fenced<T>) -> Result<Option<T>, VoidReason> {
    match fenced {
        Fenced::Done(done) => Ok(Some(done)),
        Fenced::Changed => Ok(None),
        Fenced::NotLeader => Err(VoidReason::NotLeader),
        Fenced::Frozen(reason) => Err(VoidReason::Frozen(reason)),
    }
}

fn unreleasable(owner: &Owner, why: &dyn std::error::Error) -> Withheld {
    let key = &owner.judged.key;
    tracing::warn!(key, error = %chain(why), "a record cannot be released");
    Withheld::Unreleasable
}

/// Evidence that rests on a pod's absence, which may have ended since the pods were listed.
const fn needs_direct_look(evidence: Evidence) -> bool {
    match evidence {
        Evidence::PodGone | Evidence::NameGone | Evidence::NodeGone => true,
        Evidence::Rebooted | Evidence::Superseded | Evidence::OutOfService => false,
    }
}

/// The pod of a record, or its node where the record does not name a pod.
fn about(owner: &Owner) -> About {
    let pod = &owner.record.pod;
    if pod.name.is_empty() {
        return About::Node {
            name: owner.attachment.node.clone(),
        };
    }
    About::Pod {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        node: owner.attachment.node.clone(),
    }
}

//! One sweep: the store at one revision, then the nodes, then the pods; every record judged; and
//! what is confirmed released.
//!
//! The order is what makes it safe: a pod that was created after the pods were read has its record
//! after the revision at which the records are read, so it is not among those that are judged. The
//! records are read last, but as of that earlier revision, so that they need not be held in memory
//! while 50,000 pods are read.

mod act;
mod cluster;
mod deletions;
mod desk;
mod judged;
mod pace;
mod ranges;
mod seal;
mod underway;
mod withheld;

use std::collections::{HashMap, HashSet};
use std::mem;
use std::time::Duration;

use store::address::Address;
use store::clock::Clock;
use store::collect::{Listed, Survey};
use store::coordination::Coordination;
use store::election::Fence;
use store::etcd::EtcdError;
use store::gate::Refusal;
use store::key::KeyRange;
use store::scan::Scan;
use store::txn::Entry;

pub use self::deletions::Deletions;
use self::desk::Desk;
use self::judged::Judged;
use self::ranges::Ranges;
use self::underway::Underway;
pub use self::withheld::Withheld;
use crate::chain::chain;
use crate::collector::{Collector, FatalError};
use crate::evidence::{self, Breaker, Marks, Witness};
use crate::pods::{LeaseState, Living, Reading, Source, SourceError, View};
use crate::report::{SweepReport, SweepResult};

/// What one leadership remembers from sweep to sweep. Whoever leads next begins anew.
#[derive(Debug, Default)]
pub struct Memory {
    marks: Marks,
    breaker: Breaker,
    witness: Witness,
    /// The conflicts of the last sweep: an address and the pod that names it.
    conflicts: HashSet<(Address, String)>,
    /// How much longer what is suspected must stand, at most.
    longest_wait: Duration,
    /// etcd's Raft term at the last sweep.
    term: Option<u64>,
}

impl Memory {
    /// How much longer, after the last sweep, what it suspected must stand at most.
    pub const fn longest_wait(&self) -> Duration {
        self.longest_wait
    }
}

/// Whether a sweep may change anything.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// It only says what it would do.
    DryRun,
    /// It may, while this fence holds.
    Leading(&'a Fence),
}

/// Why a sweep is void, or was interrupted.
#[derive(Debug, thiserror::Error)]
pub enum VoidReason {
    /// etcd could not be asked.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The store is not to be trusted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The pods could not be read whole.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Somebody else leads.
    #[error("somebody else leads")]
    NotLeader,
    /// The store was frozen while the sweep went on.
    #[error("the store was frozen meanwhile: {0}")]
    Frozen(String),
    /// This process must not collect for this cluster.
    #[error(transparent)]
    Fatal(#[from] FatalError),
}

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Sweeps once. The report says what was found and done, and the second value why not all. The
    /// log, the metrics and the page are told of it, also of a sweep that is given up: when what
    /// this returns is dropped.
    pub async fn sweep(
        &self,
        memory: &mut Memory,
        mode: Mode<'_>,
    ) -> (SweepReport, Option<VoidReason>) {
        let clock = self.store.clock();
        let mut underway = Underway::begin(clock, self.now(), &self.metrics, &self.status);
        let report = underway.report();
        let failed = self.sweep_into(memory, mode, report).await.err();
        (underway.end(failed.as_ref()), failed)
    }

    async fn sweep_into(
        &self,
        memory: &mut Memory,
        mode: Mode<'_>,
        report: &mut SweepReport,
    ) -> Result<(), VoidReason> {
        let survey = self.store.survey(self.deadline()).await??;
        report.frozen.clone_from(&survey.frozen);
        self.seal(memory, mode, &survey).await?;
        let source = self.open_source().await?;
        self.check_cluster(&source, mode, &survey).await?;
        let began = self.store.clock().monotonic();
        let reading = source.read().await?;
        if reading.unreadable_annotations > 0 {
            tracing::warn!(
                pods = reading.unreadable_annotations,
                "the network status of some pods cannot be read: what it names is not known"
            );
        }
        let judged = self
            .judge(memory, &survey, &source, &reading, began, report)
            .await?;
        self.report_conflicts(&judged, memory);
        report.result = match mode {
            Mode::DryRun => SweepResult::DryRun,
            Mode::Leading(_) if survey.frozen.is_some() => SweepResult::Frozen,
            Mode::Leading(_) if !report.breakers.is_empty() => SweepResult::Breaker,
            Mode::Leading(_) => SweepResult::Complete,
        };
        match mode {
            Mode::DryRun => {
                judged.would_release(self.now(), report);
                Ok(())
            }
            Mode::Leading(_) if survey.frozen.is_some() => {
                judged.withhold(Withheld::Frozen, report);
                Ok(())
            }
            Mode::Leading(fence) => {
                let once_done = mem::replace(&mut report.result, SweepResult::Interrupted);
                self.act(judged, fence, &source, report).await?;
                report.result = once_done;
                Ok(())
            }
        }
    }

    /// Reads the store as of the survey's revision and judges every record of the cluster by what is
    /// read of it since `began`. Changes nothing but the memory.
    async fn judge(
        &self,
        memory: &mut Memory,
        survey: &Survey,
        source: &V::Source,
        reading: &Reading,
        began: Duration,
        report: &mut SweepReport,
    ) -> Result<Judged, VoidReason> {
        let living = &*reading.living;
        memory.witness.look(living);
        let leases = leases_of_gone_nodes(source, &memory.witness, living).await;
        // What is missing may have gone just before it was looked for, so that it counts from here; a
        // pod that the watch saw go while the list was read may be in it, and is left to the next
        // sweep.
        let now = self.store.clock().monotonic();
        let deleted = self.deletions.before(began);
        let ranges = self.read_ranges(survey, report).await?;

        let Memory {
            marks,
            breaker,
            witness,
            ..
        } = memory;
        let pods = evidence::Reading {
            living,
            now,
            as_of: reading.as_of,
            leases: &leases,
            deleted: &deleted,
        };
        let sweep = marks.sweep(pods, &self.policy);
        let most = self.most_releases();
        let mut desk = Desk::new(living, witness, sweep, breaker, ranges, report, most);
        let (keys, cluster) = (self.store.keys(), &self.candidate.cluster);
        let owners = keys.owners_of_cluster(cluster);
        self.read(owners, survey, |entry| {
            desk.owner(self.store.parse_owner(entry));
        })
        .await?;
        let records = desk.end_of_owners();
        reading.plausible(records > 0)?;
        let wall = self.store.clock().wall();
        self.read(keys.all_addresses(), survey, |entry| {
            desk.address(cluster, wall, &entry, self.store.parse_address(&entry));
        })
        .await?;
        if self.adopt {
            let new_id = || self.store.clock().random_id();
            desk.look_for_missing(cluster, new_id, &format!("{:.0}", self.now()));
        }
        let judged = desk.close(&self.policy);
        memory.witness.forget(living, &judged.nodes);
        memory.longest_wait = judged.longest_wait;
        self.deletions.forget(began);
        Ok(judged)
    }

    async fn read_ranges(
        &self,
        survey: &Survey,
        report: &mut SweepReport,
    ) -> Result<Ranges, VoidReason> {
        let mut ranges = Ranges::default();
        self.read(self.store.keys().all_ranges(), survey, |entry| {
            match self.store.parse_range(&entry) {
                Ok((space, record)) => ranges.add(space, record, Listed::from(&entry)),
                Err(damaged) => report.damaged.push(damaged.into()),
            }
        })
        .await?;
        Ok(ranges)
    }

    /// Reads a stretch of the store as of the survey.
    async fn read(
        &self,
        stretch: KeyRange,
        survey: &Survey,
        mut each: impl FnMut(Entry),
    ) -> Result<(), EtcdError> {
        let mut scan = Scan::as_of(stretch, survey.revision);
        while let Some(page) = self.store.next_page(&mut scan, self.deadline()).await? {
            page.into_iter().for_each(&mut each);
        }
        Ok(())
    }
}

/// What the leases of kubelets say whose Node objects went. One that cannot be read keeps the
/// records of its node, and only those.
async fn leases_of_gone_nodes(
    source: &impl Source,
    witness: &Witness,
    living: &Living,
) -> HashMap<String, LeaseState> {
    let mut leases = HashMap::new();
    for node in witness.gone(living) {
        let lease = source.kubelet_lease(node).await.unwrap_or_else(|error| {
            let error = chain(&error);
            tracing::warn!(
                node,
                error,
                "the lease of a node that is gone cannot be read"
            );
            LeaseState::Unknown
        });
        leases.insert(node.to_owned(), lease);
    }
    leases
}

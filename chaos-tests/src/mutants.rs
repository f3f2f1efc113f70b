//! Planted bugs: proof that the checkers can fail.
//!
//! Each takes one rule away, at a seam of the product: between it and etcd ([`etcd`]), the machine that
//! it runs on ([`machine`]), whoever calls it ([`call`]), or the cluster that it reads ([`view`]). The product itself
//! has no switch for them, and the same planted bug works in a simulation and in a real process.

pub mod call;
pub mod distorted;
pub mod etcd;
pub mod machine;
mod request;
pub mod view;

use std::str::FromStr;

/// Whose bug it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The plugin.
    Plugin,
    /// The collector.
    Collector,
}

macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal by $culprit:ident,)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name on the command line and in the seeds' files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it does, in a sentence.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }

            /// Whose bug it is.
            pub const fn culprit(self) -> Culprit {
                match self {
                    $(Self::$name => Culprit::$culprit,)+
                }
            }
        }
    };
}

mutants! {
    /// An ADD takes an address without comparing that it is free.
    BlindPut = "blind_put" by Plugin,
    /// An ADD neither looks for nor compares its own owner record.
    OwnRecordIgnored = "own_record_ignored" by Plugin,
    /// An ADD whose transaction timed out answers as if it had been committed.
    TimeoutIsSuccess = "timeout_is_success" by Plugin,
    /// A release that failed counts as done.
    ReleaseErrorsIgnored = "release_errors_ignored" by Plugin,
    /// Owner and addresses are written in two transactions.
    TornPair = "torn_pair" by Plugin,
    /// An address is free as soon as it is released.
    NoRest = "no_rest" by Plugin,
    /// An ADD takes a resting address without comparing that it still is what was read.
    RestNotCompared = "rest_not_compared" by Plugin,
    /// An ADD does not compare that the store is not frozen.
    FreezeIgnored = "freeze_ignored" by Plugin,
    /// No answer's term is compared with the seal.
    SealIgnored = "seal_ignored" by Plugin,
    /// Neither the seal nor the node's memory is compared: a restored store looks like any other.
    RestoreUnnoticed = "restore_unnoticed" by Plugin,
    /// A record that is found by its owner key is answered without the checks of a new one.
    FoundUnchecked = "found_unchecked" by Plugin,
    /// An ADD answers with the record of an earlier life of its attachment as it stands.
    RestampSkipped = "restamp_skipped" by Plugin,
    /// Reads may be some revisions old.
    StaleReads = "stale_reads" by Plugin,
    /// The GC verb lists the attachments of every node.
    GcOfAllNodes = "gc_of_all_nodes" by Plugin,
    /// The GC verb's prefix has no slash at its end, so that it covers longer names too.
    PrefixWithoutSlash = "prefix_without_slash" by Plugin,
    /// A release takes every record of its pod's name with it.
    ReleaseByPodName = "release_by_pod_name" by Plugin,
    /// Where etcd has no space left, a release does not fall back to deletes alone.
    NoSpaceStopsRelease = "no_space_stops_release" by Plugin,
    /// Nothing is released while the store is frozen.
    FreezeStopsRelease = "freeze_stops_release" by Plugin,
    /// The plugin releases a record without comparing that it is what was read.
    DelUnguarded = "del_unguarded" by Plugin,
    /// An ADD that fails releases whatever its attachment holds, also what it did not create.
    FailedAddReleases = "failed_add_releases" by Plugin,
    /// Addresses that are excluded are given out.
    ExcludesIgnored = "excludes_ignored" by Plugin,
    /// Records do not say by which version of the layout they are written.
    RecordUnversioned = "record_unversioned" by Plugin,
    /// An answer that does not come is waited for without end.
    WaitsForEver = "waits_for_ever" by Plugin,
    /// Locks are not taken: an ADD and the delivery of a spooled release may overlap.
    NoLock = "no_lock" by Plugin,
    /// What was delivered, or overtaken by an ADD, stays in the spool.
    SpoolNeverCleared = "spool_never_cleared" by Plugin,
    /// A DEL does not write its intent into the spool, and says that it did.
    IntentNotSpooled = "intent_not_spooled" by Plugin,
    /// Records do not say in which boot of the node they were made.
    BootForgotten = "boot_forgotten" by Plugin,

    /// The collector releases a record without comparing that it is what was judged.
    ReleaseUnguarded = "release_unguarded" by Collector,
    /// The collector's writes do not compare the election key.
    NoFence = "no_fence" by Collector,
    /// A collector whose lease has ended goes on, and compares nothing.
    DeposedGoesOn = "deposed_goes_on" by Collector,
    /// The collector releases while the store is frozen.
    FreezeIgnoredBySweep = "freeze_ignored_by_sweep" by Collector,
    /// The record that was committed last supersedes the others, not the one whose ADD started last.
    NewestByCommit = "newest_by_commit" by Collector,
    /// Records without a pod uid count as of one pod.
    EmptyUidsAreEqual = "empty_uids_are_equal" by Collector,
    /// Whatever ran on a node that is not Ready is taken for dead.
    SilentIsDead = "silent_is_dead" by Collector,
    /// An out-of-service taint counts as long as it stands, also on a node that is Ready again.
    TaintForEver = "taint_for_ever" by Collector,
    /// An out-of-service taint counts also if it was set before the node was last Ready.
    OldTaintCounts = "old_taint_counts" by Collector,
    /// A pod that has failed or succeeded is taken for dead.
    FailedIsDead = "failed_is_dead" by Collector,
    /// A pod that is being deleted is taken for dead.
    TerminatingIsDead = "terminating_is_dead" by Collector,
    /// The config hash of a static pod is not known as its uid.
    StaticPodsUnknown = "static_pods_unknown" by Collector,
    /// Nothing need stand for long, and nobody is asked again before a release.
    NoGrace = "no_grace" by Collector,
    /// Lists that cannot be read count as empty, and nobody is asked again before a release.
    ErrorsAreEmpty = "errors_are_empty" by Collector,
    /// The records of a node are released as soon as its Node object is gone.
    NodeGoneAtOnce = "node_gone_at_once" by Collector,
    /// A collector that could once not keep its lease alive never stands for election again.
    NeverElectedAgain = "never_elected_again" by Collector,
}

impl FromStr for Mutant {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.iter().copied();
        all.find(|mutant| mutant.name() == name)
            .ok_or_else(|| anyhow::anyhow!("there is no planted bug {name:?}"))
    }
}

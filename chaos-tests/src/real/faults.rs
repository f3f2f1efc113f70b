//! What is done to the servers and to the network, each with a proof that it had an effect.

pub mod access;
pub mod calls;
pub mod collectors;
pub mod delay;
pub mod fsync;
pub mod kubernetes;
pub mod leadership;
pub mod maintenance;
pub mod membership;
pub mod nodes;
pub mod packets;
pub mod partitions;
pub mod power;
pub mod processes;
pub mod restore;
mod rules;
pub mod space;
pub mod target;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::real::Lab;
use crate::real::faults::access::Revoked;
use crate::real::faults::delay::Late;
use crate::real::faults::fsync::{Disk, Fsync};
use crate::real::faults::leadership::Moved;
use crate::real::faults::maintenance::{Compacted, Defragmented};
use crate::real::faults::membership::Replaced;
use crate::real::faults::packets::{Lost, Narrow};
use crate::real::faults::partitions::{Cut, CutOff};
use crate::real::faults::power::PowerLost;
use crate::real::faults::processes::{Halt, Halted};
use crate::real::faults::restore::Restored;
use crate::real::faults::space::{DiskFull, QuotaReached};
use crate::real::faults::target::Whom;

/// Something that is broken for a while.
///
/// A fault that changes nothing proves nothing, so each says how its effect was seen: by an answer of
/// etcd, an exit status, a count of the kernel. What was only ordered is no proof.
pub trait Fault: Send {
    /// What it is, for example `leader_killed`.
    fn kind(&self) -> &'static str;

    /// Why it cannot be done on this machine; `None` where nothing is in the way.
    fn obstacle(&self) -> Option<String> {
        None
    }

    /// Chooses what it hits, notes how things stand, and says what that is. Changes nothing.
    fn aim(&mut self, lab: &Lab) -> Result<String>;

    /// Breaks what was chosen.
    fn strike(&mut self, lab: &Lab) -> Result<()>;

    /// How the effect was seen; `None` as long as it was not. Asked again and again.
    fn proven(&mut self, lab: &Lab) -> Result<Option<String>>;

    /// Takes everything back. What was never struck is left as it is.
    fn end(&mut self, lab: &Lab) -> Result<()>;

    /// Aims and strikes, at servers that were made sure to be ours.
    fn begin(&mut self, lab: &Lab) -> Result<String> {
        lab.cluster.confirm()?;
        let what = self.aim(lab)?;
        self.strike(lab)?;
        Ok(what)
    }
}

/// The kinds of faults of servers and network, in no order.
pub const KINDS: [&str; 30] = [
    "leader_killed",
    "follower_killed",
    "all_killed",
    "leader_paused",
    "follower_paused",
    "all_paused",
    "leader_cut_off",
    "follower_cut_off",
    "leader_deaf",
    "follower_deaf",
    "leader_mute",
    "follower_mute",
    "leader_without_peers",
    "follower_without_peers",
    "leader_reset",
    "follower_reset",
    "packets_lost",
    "packets_delayed",
    "bandwidth_limited",
    "leader_moved",
    "member_replaced",
    "compaction",
    "defragmentation",
    "quota_reached",
    "disk_full",
    "fsync_slow",
    "fsync_failing",
    "power_lost",
    "snapshot_restored",
    "credentials_revoked",
];

/// A fault of this kind, one of [`KINDS`], with what is left open chosen at random.
pub fn make(kind: &str, random: &mut StdRng) -> Option<Box<dyn Fault>> {
    let follower = Whom::Follower(random.random_range(0..2));
    let single = [Whom::Leader, follower][random.random_range(0..2)];
    let anybody = [Whom::Leader, follower, Whom::Everyone][random.random_range(0..3)];
    Some(match kind {
        "leader_killed" => Box::new(Halted::new(Halt::Killed, Whom::Leader)),
        "follower_killed" => Box::new(Halted::new(Halt::Killed, follower)),
        "all_killed" => Box::new(Halted::new(Halt::Killed, Whom::Everyone)),
        "leader_paused" => Box::new(Halted::new(Halt::Paused, Whom::Leader)),
        "follower_paused" => Box::new(Halted::new(Halt::Paused, follower)),
        "all_paused" => Box::new(Halted::new(Halt::Paused, Whom::Everyone)),
        "leader_cut_off" => Box::new(CutOff::new(Cut::Off, Whom::Leader)),
        "follower_cut_off" => Box::new(CutOff::new(Cut::Off, follower)),
        "leader_deaf" => Box::new(CutOff::new(Cut::Deaf, Whom::Leader)),
        "follower_deaf" => Box::new(CutOff::new(Cut::Deaf, follower)),
        "leader_mute" => Box::new(CutOff::new(Cut::Mute, Whom::Leader)),
        "follower_mute" => Box::new(CutOff::new(Cut::Mute, follower)),
        "leader_without_peers" => Box::new(CutOff::new(Cut::Peers, Whom::Leader)),
        "follower_without_peers" => Box::new(CutOff::new(Cut::Peers, follower)),
        "leader_reset" => Box::new(CutOff::new(Cut::Reset, Whom::Leader)),
        "follower_reset" => Box::new(CutOff::new(Cut::Reset, follower)),
        "packets_lost" => Box::new(Lost::new(anybody, 30)),
        "packets_delayed" => Box::new(Late::new(anybody, random.random())),
        "bandwidth_limited" => Box::new(Narrow::new(anybody)),
        "leader_moved" => Box::<Moved>::default(),
        "member_replaced" => Box::new(Replaced::new(single)),
        "compaction" => Box::<Compacted>::default(),
        "defragmentation" => Box::<Defragmented>::default(),
        "quota_reached" => Box::new(QuotaReached::new(single)),
        "disk_full" => Box::new(DiskFull::new(single)),
        "fsync_slow" => Box::new(Fsync::new(Disk::Slow, single)),
        "fsync_failing" => Box::new(Fsync::new(Disk::Failing, single)),
        "power_lost" => Box::new(PowerLost::new(anybody)),
        "snapshot_restored" => Box::<Restored>::default(),
        "credentials_revoked" => Box::<Revoked>::default(),
        _ => return None,
    })
}

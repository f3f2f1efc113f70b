//! Where everything that a sweep reads comes together, and is judged. No input or output.

use std::collections::HashSet;

use store::address::Address;
use store::collect::Listed;
use store::init::random_id;
use store::inspect::{Damaged, Owner};
use store::names::{Attachment, Space};
use store::record::{Holder, OwnerRecord};
use store::txn::Entry;

use super::Withheld;
use super::ranges::Ranges;
use crate::collector::Collector;
use crate::evidence::adoption::{self, Place};
use crate::evidence::{Breaker, Evidence, Finding, Sweep, Tripped, Verdict, judge};
use crate::pods::{Living, LivingPod};
use crate::report::{Conflict, OpenBreaker, Release, SweepReport};

/// One sweep's judgement in the making.
pub(super) struct Desk<'a> {
    living: &'a Living,
    nodes_seen: &'a HashSet<String>,
    sweep: Sweep<'a>,
    breaker: &'a mut Breaker,
    pub(super) report: &'a mut SweepReport,
    ranges: Ranges,
    places: adoption::Ranges,
    /// How many dead records are remembered, so that memory is bounded when everything dies.
    dead_limit: usize,
    /// The records of one node and network: they stand together in the listing.
    group: Vec<Owner>,
    nodes_with_records: HashSet<String>,
    /// Addresses that some pod names and somebody holds, in the space of their range.
    held: HashSet<Address>,
    conflicts: HashSet<(Address, String)>,
    new_conflicts: Vec<Conflict>,
    judged: Judged,
}

/// What a sweep is to do.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Records that are proven dead.
    pub(super) dead: Vec<(Owner, Evidence)>,
    /// Addresses that have rested long enough.
    pub(super) rested: Vec<Listed>,
    /// Ranges that nobody has used for long.
    pub(super) unused: Vec<Listed>,
    /// Records that living pods lack.
    pub(super) missing: Vec<(Attachment, OwnerRecord)>,
    /// Conflicts that the sweep before did not see.
    pub(super) new_conflicts: Vec<NewConflict>,
}

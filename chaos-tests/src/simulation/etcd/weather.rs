//! What may be wrong between a client and its etcd.

use std::ops::RangeInclusive;

/// The network between one client machine and the members. Chances are from 0 to 1, of each request.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// How long each way takes (milliseconds).
    pub latency: RangeInclusive<u64>,
    /// Nothing passes, to any member.
    pub cut: bool,
    /// Nothing passes to these members.
    pub cut_from: Vec<usize>,
    /// The chance that a request is lost on its way.
    pub lose_request: f64,
    /// The chance that an answer is lost on its way back.
    pub lose_answer: f64,
    /// The chance that a request comes late.
    pub late: f64,
    /// How late it then comes (milliseconds), whether its sender still waits or not.
    pub late_by: RangeInclusive<u64>,
    /// Which requests this is about.
    pub late_ones: Late,
}

/// Which requests may come late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Any.
    Any,
    /// Those that change keys.
    Changes,
    /// The same, and those that keep leases alive.
    ChangesAndLeases,
}

impl Link {
    /// A network as it should be.
    pub const fn fair() -> Self {
        Self {
            latency: 1..=2,
            cut: false,
            cut_from: Vec::new(),
            lose_request: 0.0,
            lose_answer: 0.0,
            late: 0.0,
            late_by: 0..=0,
            late_ones: Late::Any,
        }
    }

    /// Whether packets pass to and from a member.
    pub(super) fn reaches(&self, member: usize) -> bool {
        !self.cut && !self.cut_from.contains(&member)
    }
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It works.
    Working,
    /// It is stopped in its tracks: it takes connections and answers nothing.
    Paused,
    /// It does not run.
    Down,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) doing: Doing,
    /// Whether it is cut off from the other members.
    pub(super) apart: bool,
    /// Which of its processes this is: what one had on its hands is lost to the next.
    pub(super) process: u32,
}

impl Member {
    pub(super) const fn new() -> Self {
        Self {
            doing: Doing::Working,
            apart: false,
            process: 0,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.doing == Doing::Working && !self.apart
    }
}

/// What has become of all requests so far, to prove that a fault had an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that came to nothing on their way.
    pub lost_requests: u64,
    /// Answers that were lost on their way back, the transaction being applied.
    pub lost_answers: u64,
    /// Requests that came late.
    pub late: u64,
    /// Requests that were applied when their sender did not wait any more.
    pub applied_unseen: u64,
    /// Requests that etcd refused because it was overloaded.
    pub overloaded: u64,
    /// Requests that etcd refused for want of space.
    pub no_space: u64,
    /// Requests that waited for a leader or a paused member.
    pub held_up: u64,
    /// Connections that could not be made.
    pub unreachable: u64,
    /// Calls without an answer in time.
    pub timed_out: u64,
    /// Elections, and moves of the leader.
    pub elections: u64,
    /// Keys' leases that ended by time.
    pub expired: u64,
}

//! A simulated etcd cluster: the model behind a network that fails as it is told to.
//!
//! A request travels on its own. Once it is sent, nothing that happens to its sender takes it back: it is
//! applied when it arrives, perhaps seconds later, perhaps never.

mod client;
mod server;
mod watch;
mod weather;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::history::{self, What};
use crate::model::{Model, Version};

pub use client::SimEtcd;
pub use watch::SimWatch;
pub use weather::{Doing, Late, Link, Tally};

use weather::Member;

/// How many members a cluster has.
pub const MEMBERS: usize = 3;
/// How long a cluster is without a leader after it has lost one (milliseconds).
const ELECTION: std::ops::RangeInclusive<u64> = 1000..=2000;

/// Hears what etcd commits, while it does: it must not ask the cluster anything.
pub type Observer = Box<dyn FnMut(What) + Send>;

/// A cluster. A clone is the same cluster.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told whenever anything may have changed for those who wait.
    changed: Notify,
    began: Instant,
}

struct State {
    model: Model,
    rng: StdRng,
    /// The line of history that counts, and how many there are.
    line: u32,
    lines: u32,
    /// How much of the model's log the observer has heard.
    heard: usize,
    members: Vec<Member>,
    leader: Option<usize>,
    electing: bool,
    ending_leases: bool,
    links: BTreeMap<String, Link>,
    overloaded: f64,
    filling: f64,
    observer: Observer,
    tally: Tally,
}

/// The data of a cluster as they were at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    model: Model,
    line: u32,
}

impl Snapshot {
    /// The last revision that it holds.
    pub const fn revision(&self) -> i64 {
        self.model.header().revision
    }
}

impl Cluster {
    /// A new cluster of three members, the first of which leads. Must be made inside the runtime.
    pub fn new(version: Version, rng: StdRng, observer: Observer) -> Self {
        let state = State {
            model: Model::new(version),
            rng,
            line: 0,
            lines: 1,
            heard: 0,
            members: vec![Member::new(); MEMBERS],
            leader: Some(0),
            electing: false,
            ending_leases: false,
            links: BTreeMap::new(),
            overloaded: 0.0,
            filling: 0.0,
            observer,
            tally: Tally::default(),
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
                began: Instant::now(),
            }),
        }
    }

    /// A client for one process on a machine. What it changes is told to the observer under its name.
    pub fn client(&self, machine: &str, process: &str) -> SimEtcd {
        SimEtcd::new(self.clone(), machine, process)
    }

    /// Looks at what etcd holds, past all networks.
    pub fn look<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        look(&self.state().model)
    }

    /// What has become of all requests so far.
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    /// Sets the network of one machine.
    pub fn set_link(&self, machine: &str, link: Link) {
        self.state().links.insert(machine.to_owned(), link);
        self.tell();
    }

    /// The network of one machine.
    pub fn link(&self, machine: &str) -> Link {
        self.state().link(machine).clone()
    }

    /// The chance that etcd refuses a request because it has too much to do.
    pub fn set_overloaded(&self, chance: f64) {
        self.state().overloaded = chance;
    }

    /// The chance that etcd applies a request that takes space and says that it has none, as it does
    /// while many such requests fill the last of it.
    pub fn set_filling(&self, chance: f64) {
        self.state().filling = chance;
    }

    /// Raises the alarm for want of space, or disarms it.
    pub fn set_out_of_space(&self, out_of_space: bool) {
        self.state().model.set_out_of_space(out_of_space);
    }

    /// Compacts all but the last few revisions. Says whether there was something to forget.
    pub fn compact(&self, keep: i64) -> bool {
        let mut state = self.state();
        let revision = state.model.header().revision - keep;
        let is_done = revision > 0 && state.model.compact(revision).is_ok();
        drop(state);
        self.tell();
        is_done
    }

    /// What a member does.
    pub fn doing(&self, member: usize) -> Doing {
        self.with_member(member, |member| member.doing)
    }

    /// Stops a member in its tracks.
    pub fn pause(&self, member: usize) {
        self.with_member(member, |member| member.doing = Doing::Paused);
    }

    /// Lets a paused member go on.
    pub fn resume(&self, member: usize) {
        self.start(member);
    }

    /// Ends a member's process; what it had on its hands is lost.
    pub fn kill(&self, member: usize) {
        self.with_member(member, |member| {
            member.doing = Doing::Down;
            member.process += 1;
        });
    }

    /// Starts a member that was killed.
    pub fn start(&self, member: usize) {
        self.with_member(member, |member| member.doing = Doing::Working);
    }

    /// Cuts a member off from the others, or joins it again. Clients still reach it.
    pub fn set_apart(&self, member: usize, apart: bool) {
        self.with_member(member, |member| member.apart = apart);
    }

    /// The member that leads.
    pub fn leader(&self) -> Option<usize> {
        self.state().leader
    }

    /// Hands the leadership to another member, if there is one that could take it.
    pub fn move_leader(&self) -> bool {
        let mut state = self.state();
        let leader = state.leader;
        let healthy = state.healthy();
        let others: Vec<_> = healthy
            .into_iter()
            .filter(|one| Some(*one) != leader)
            .collect();
        let next = others.choose(&mut state.rng).copied();
        if let (Some(_), Some(next)) = (leader, next) {
            state.elect(next, self.now());
        }
        drop(state);
        self.tell();
        next.is_some() && leader.is_some()
    }

    /// Moves the leader until the term is at least `term`, and says the term reached.
    pub fn raise_term(&self, term: u64) -> u64 {
        while self.look(|model| model.header().raft_term) < term && self.move_leader() {}
        self.look(|model| model.header().raft_term)
    }

    /// Saves a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            model: state.model.clone(),
            line: state.line,
        }
    }

    /// Brings the cluster back to a snapshot, on new members, with `bump` added to its revision: another
    /// line of history begins. What the old members had on their hands is lost.
    pub fn restore(&self, snapshot: &Snapshot, bump: i64) {
        let line = self.state().lines;
        let now = self.now();
        let model = |model: &mut Model| model.restore(snapshot.model.clone(), bump, now);
        self.replace(line, snapshot, model);
    }

    /// Puts the data of another line back, which goes on where the snapshot was taken.
    pub fn put_back(&self, original: &Snapshot) {
        let now = self.now();
        let model = |model: &mut Model| model.put_back(original.model.clone(), now);
        self.replace(original.line, original, model);
    }

    fn replace(&self, line: u32, by: &Snapshot, data: impl FnOnce(&mut Model)) {
        let mut state = self.state();
        data(&mut state.model);
        state.heard = state.model.log().len();
        state.line = line;
        state.lines = state.lines.max(line + 1);
        for member in &mut state.members {
            member.doing = Doing::Working;
            member.apart = false;
            member.process += 1;
        }
        state.leader = Some(0);
        let term = state.model.header().raft_term;
        (state.observer)(What::Line(history::Line {
            line,
            from: by.line,
            revision: by.revision(),
            term,
        }));
        drop(state);
        self.keep_leases();
        self.tell();
    }

    fn with_member<T>(&self, member: usize, change: impl FnOnce(&mut Member) -> T) -> T {
        let mut state = self.state();
        let one = state.members.get_mut(member);
        let outcome = change(one.unwrap_or(&mut Member::new()));
        let electing = state.settle();
        drop(state);
        if electing {
            self.hold_election();
        }
        self.tell();
        outcome
    }

    fn hold_election(&self) {
        let cluster = self.clone();
        tokio::spawn(async move {
            let wait = cluster.state().rng.random_range(ELECTION);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let mut state = cluster.state();
            state.electing = false;
            let healthy = state.healthy();
            if state.leader.is_none()
                && healthy.len() > MEMBERS / 2
                && let Some(next) = healthy.choose(&mut state.rng)
            {
                state.elect(*next, cluster.now());
            }
            drop(state);
            cluster.tell();
        });
    }

    /// Ends leases when they are over, as long as there is one.
    fn keep_leases(&self) {
        if std::mem::replace(&mut self.state().ending_leases, true) {
            return;
        }
        let cluster = self.clone();
        tokio::spawn(async move {
            while let Some(wait) = cluster.until_a_lease_ends() {
                tokio::time::sleep(wait).await;
                let mut state = cluster.state();
                if state.leader.is_some() {
                    state.model.expire(cluster.now());
                    state.tally.expired += state.report(None);
                }
                drop(state);
                cluster.tell();
            }
        });
    }

    fn until_a_lease_ends(&self) -> Option<Duration> {
        let mut state = self.state();
        let Some(end) = state.model.next_end_of_a_lease() else {
            state.ending_leases = false;
            return None;
        };
        // etcd looks twice a second.
        let lag = Duration::from_millis(state.rng.random_range(1..=500));
        Some(end.saturating_sub(self.now()) + lag)
    }

    fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    fn tell(&self) {
        self.shared.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn link(&self, machine: &str) -> &Link {
        static FAIR: Link = Link::fair();
        self.links.get(machine).unwrap_or(&FAIR)
    }

    fn healthy(&self) -> Vec<usize> {
        let members = self.members.iter().enumerate();
        let healthy = members.filter(|(_, member)| member.is_healthy());
        healthy.map(|(number, _)| number).collect()
    }

    /// Deposes a leader that cannot lead any more. Says whether an election is to be held.
    fn settle(&mut self) -> bool {
        let healthy = self.healthy();
        let has_quorum = healthy.len() > MEMBERS / 2;
        if !has_quorum || self.leader.is_some_and(|leader| !healthy.contains(&leader)) {
            self.leader = None;
        }
        let begins = self.leader.is_none() && has_quorum && !self.electing;
        self.electing |= begins;
        begins
    }

    fn elect(&mut self, leader: usize, now: Duration) {
        self.leader = Some(leader);
        self.model.elect(now);
        self.tally.elections += 1;
    }

    /// Tells the observer what was committed since it last heard. Says how many commits these were.
    fn report(&mut self, by: Option<&str>) -> u64 {
        let mut told = 0;
        let new = self.model.log().get(self.heard..).unwrap_or_default();
        for commit in new {
            let changes = commit.changes.iter().map(|change| history::Change {
                key: change.key.to_string(),
                value: change
                    .after
                    .as_ref()
                    .map(|after| String::from_utf8_lossy(&after.value).into_owned()),
            });
            (self.observer)(What::Commit(history::Commit {
                line: self.line,
                revision: commit.revision,
                changes: changes.collect(),
                by: by.map(ToOwned::to_owned),
            }));
            told += 1;
        }
        self.heard = self.model.log().len();
        told
    }
}

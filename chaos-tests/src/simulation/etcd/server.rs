//! What becomes of a request once it is sent.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use store::coordination::LeaseId;
use store::etcd::EtcdError;
use store::txn::{Op, Txn, TxnReply};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::client::endpoint;
use super::{Cluster, Doing, Late, State};
use crate::model::{Refused, takes_space};

/// How long a member keeps a request while there is no leader.
const SERVER_TIMEOUT: Duration = Duration::from_secs(7);

/// What a client asks.
pub(super) enum Request {
    Txn(Txn),
    Grant(Duration),
    KeepAlive(LeaseId),
    Revoke(LeaseId),
    /// To begin a watch, which any member can do alone.
    Watch,
}

impl Request {
    /// Whether it is one of these.
    fn is_one_of(&self, late: Late) -> bool {
        match (late, self) {
            (Late::Any, _) | (Late::ChangesAndLeases, Self::KeepAlive(_)) => true,
            (_, Self::Txn(txn)) => changes_keys(txn),
            _ => false,
        }
    }

    /// Whether etcd counts what it writes.
    fn takes_space(&self) -> bool {
        match self {
            Self::Txn(txn) => takes_space(txn),
            Self::Grant(_) => true,
            Self::KeepAlive(_) | Self::Revoke(_) | Self::Watch => false,
        }
    }
}

fn changes_keys(txn: &Txn) -> bool {
    let mut steps = txn.then.iter().chain(&txn.otherwise);
    steps.any(|step| match step {
        Op::Txn(inner) => changes_keys(inner),
        Op::Get(_) => false,
        Op::Put(..) | Op::PutLeased(..) | Op::Delete(_) => true,
    })
}

/// What it is answered.
pub(super) enum Answer {
    Txn(TxnReply),
    Lease(LeaseId),
    Alive(bool),
    Done,
}

impl Answer {
    /// What a caller says who was answered another question, which happens to none.
    pub(super) fn to_another_question() -> EtcdError {
        EtcdError::Settings("the simulation answers another question".to_owned())
    }
}

/// A request on its way.
pub(super) struct Packet {
    pub(super) machine: Arc<str>,
    pub(super) process: Arc<str>,
    pub(super) member: usize,
    pub(super) request: Request,
    pub(super) sender: oneshot::Sender<Result<Answer, EtcdError>>,
}

/// How a request is taken by its member.
enum Reception {
    /// It can be applied now.
    Now,
    /// It waits for a leader, or for a paused member.
    Later,
    /// It has waited too long.
    Refused,
    /// The network lost it, and nobody is told.
    Lost,
    /// The member's process is gone, and the connection with it.
    Gone,
}

impl Cluster {
    /// Carries a request to its member, has it applied, and carries the answer back.
    pub(super) async fn carry(self, packet: Packet) {
        let process = self.process_of(packet.member);
        let (way, is_lost) = self.state().depart(&packet);
        tokio::time::sleep(way).await;
        if is_lost {
            return hang(packet).await;
        }
        match self.receive(&packet, process).await {
            Reception::Now => {}
            Reception::Later | Reception::Lost => return hang(packet).await,
            Reception::Gone => return,
            Reception::Refused => {
                let timed_out = EtcdError::Unknown {
                    endpoint: endpoint(packet.member),
                    reason: "etcdserver: request timed out".to_owned(),
                };
                let _ = packet.sender.send(Err(timed_out));
                return;
            }
        }
        let (answer, way, is_lost) = self.apply(&packet);
        tokio::time::sleep(way).await;
        if is_lost || !self.state().link(&packet.machine).reaches(packet.member) {
            self.state().tally.lost_answers += 1;
            return hang(packet).await;
        }
        if self.process_of(packet.member) == process {
            let _ = packet.sender.send(answer);
        }
    }

    /// Waits until a request can be applied, or is known never to be.
    async fn receive(&self, packet: &Packet, process: u32) -> Reception {
        let arrived = Instant::now();
        let mut held_up = false;
        // Whether it is taken back when its sender leaves, before it was proposed to a leader.
        let mut is_fickle = false;
        loop {
            let changed = self.shared.changed.notified();
            match self.state().reception(packet, process) {
                Reception::Later => {}
                reception => return reception,
            }
            if !std::mem::replace(&mut held_up, true) {
                let mut state = self.state();
                state.tally.held_up += 1;
                is_fickle = state.happens(0.5);
            }
            let left = SERVER_TIMEOUT.saturating_sub(arrived.elapsed());
            if self.is_paused(packet.member) {
                changed.await;
                continue;
            }
            if is_fickle && packet.sender.is_closed() {
                self.state().tally.lost_requests += 1;
                return Reception::Lost;
            }
            if tokio::time::timeout(left, changed).await.is_err() {
                return Reception::Refused;
            }
        }
    }

    fn apply(&self, packet: &Packet) -> (Result<Answer, EtcdError>, Duration, bool) {
        let now = self.now();
        let mut state = self.state();
        let heard = state.heard;
        let answer = state.apply(packet, now);
        let has_committed = state.heard > heard;
        let way = state.one_way(&packet.machine);
        let chance = state.link(&packet.machine).lose_answer;
        let is_lost = state.happens(chance);
        drop(state);
        if matches!(packet.request, Request::Grant(_)) {
            self.keep_leases();
        }
        // Nobody waits for a read.
        if has_committed {
            self.tell();
        }
        (answer, way, is_lost)
    }

    fn process_of(&self, member: usize) -> u32 {
        let state = self.state();
        state.members.get(member).map_or(0, |member| member.process)
    }

    pub(super) fn is_paused(&self, member: usize) -> bool {
        let state = self.state();
        let member = state.members.get(member);
        member.is_some_and(|member| member.doing == Doing::Paused)
    }
}

/// Keeps a connection open on which nothing comes any more, until its client gives up.
async fn hang(mut packet: Packet) {
    packet.sender.closed().await;
}

impl State {
    /// How long a request is on its way, and whether it is lost there.
    fn depart(&mut self, packet: &Packet) -> (Duration, bool) {
        self.tally.sent += 1;
        let way = self.one_way(&packet.machine);
        let link = self.link(&packet.machine);
        let (lose, late_by) = (link.lose_request, link.late_by.clone());
        let is_one = packet.request.is_one_of(link.late_ones);
        let late = if is_one { link.late } else { 0.0 };
        let is_lost = self.happens(lose) || !self.link(&packet.machine).reaches(packet.member);
        if is_lost {
            self.tally.lost_requests += 1;
        } else if self.happens(late) {
            self.tally.late += 1;
            let by = Duration::from_millis(self.rng.random_range(late_by));
            return (way + by, false);
        }
        (way, is_lost)
    }

    fn reception(&mut self, packet: &Packet, process: u32) -> Reception {
        let Some(member) = self.members.get(packet.member) else {
            return Reception::Gone;
        };
        if member.process != process || member.doing == Doing::Down {
            return Reception::Gone;
        }
        if member.doing == Doing::Paused {
            return Reception::Later;
        }
        let can_apply = self.leader.is_some() && !member.apart;
        if can_apply || matches!(packet.request, Request::Watch) {
            return Reception::Now;
        }
        Reception::Later
    }

    fn apply(&mut self, packet: &Packet, now: Duration) -> Result<Answer, EtcdError> {
        if packet.sender.is_closed() {
            self.tally.applied_unseen += 1;
        }
        let endpoint = || endpoint(packet.member);
        if self.happens(self.overloaded) {
            self.tally.overloaded += 1;
            return Err(EtcdError::Overloaded {
                endpoint: endpoint(),
                reason: "etcdserver: too many requests".to_owned(),
            });
        }
        let mut answer = match &packet.request {
            Request::Txn(txn) => self.model.txn(txn).map(Answer::Txn),
            Request::Grant(ttl) => {
                let seconds = u64::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
                let granted = self.model.grant(Duration::from_secs(seconds), now);
                granted.map(|lease| Answer::Lease(LeaseId(lease)))
            }
            Request::KeepAlive(lease) => Ok(Answer::Alive(self.model.keep_alive(lease.0, now))),
            Request::Revoke(lease) => self.model.revoke(lease.0).map(|()| Answer::Done),
            Request::Watch => Ok(Answer::Done),
        };
        self.report(Some(&packet.process));
        if packet.request.takes_space() && self.happens(self.filling) {
            answer = answer.and(Err(Refused::NoSpace));
        }
        answer.map_err(|refused| {
            if refused == Refused::NoSpace {
                self.tally.no_space += 1;
            }
            refused.into_error(&endpoint())
        })
    }

    pub(super) fn one_way(&mut self, machine: &str) -> Duration {
        let latency = self.link(machine).latency.clone();
        Duration::from_millis(self.rng.random_range(latency))
    }

    /// Whether something of this chance happens. What is impossible takes no choice.
    fn happens(&mut self, chance: f64) -> bool {
        chance > 0.0 && self.rng.random_bool(chance.min(1.0))
    }
}

//! A client of one process, which follows the rules of the real one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use store::coordination::{Coordination, LeaseId};
use store::etcd::EtcdError;
use store::key::KeyRange;
use store::txn::{Etcd, Txn, TxnReply};
use tokio::sync::oneshot;

use super::server::{Answer, Packet, Request};
use super::{Cluster, Doing, MEMBERS, SimWatch};

/// As in the real client.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);
const PATIENT_CALL_TIMEOUT: Duration = Duration::from_secs(2);
const PATIENT_AFTER_FAILURES: u32 = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
const HEAD_START: Duration = Duration::from_millis(50);

/// A client. Nothing is dialled before the first call.
pub struct SimEtcd {
    pub(super) cluster: Cluster,
    pub(super) machine: Arc<str>,
    process: Arc<str>,
    dialled: Mutex<Dialled>,
}

#[derive(Default)]
struct Dialled {
    connection: Option<usize>,
    disappointing: Option<usize>,
    failures: u32,
}

/// The URL of a member.
pub(super) fn endpoint(member: usize) -> String {
    format!("http://etcd-{member}:2379")
}

impl SimEtcd {
    pub(super) fn new(cluster: Cluster, machine: &str, process: &str) -> Self {
        Self {
            cluster,
            machine: machine.into(),
            process: process.into(),
            dialled: Mutex::default(),
        }
    }

    fn dialled<T>(&self, with: impl FnOnce(&mut Dialled) -> T) -> T {
        with(&mut self.dialled.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The member that it is connected to.
    pub(super) async fn connect(&self) -> Result<usize, EtcdError> {
        let (connection, avoid) = self.dialled(|it| (it.connection, it.disappointing));
        if let Some(member) = connection {
            return Ok(member);
        }
        let mut members: Vec<_> = (0..MEMBERS).collect();
        members.shuffle(&mut self.cluster.state().rng);
        members.sort_by_key(|member| Some(*member) == avoid);
        let mut silent = false;
        for member in members {
            let (reached, doing, way) = {
                let state = &mut *self.cluster.state();
                let link = state.links.get(&*self.machine);
                let reached = link.is_none_or(|link| link.reaches(member));
                let way = state.one_way(&self.machine);
                (reached, state.members.get(member).map(|one| one.doing), way)
            };
            if !reached {
                silent = true;
                tokio::time::sleep(HEAD_START).await;
                continue;
            }
            tokio::time::sleep(way * 2).await;
            // The kernel of a paused member takes connections.
            if doing != Some(Doing::Down) {
                self.dialled(|it| it.connection = Some(member));
                return Ok(member);
            }
        }
        if silent {
            tokio::time::sleep(CONNECT_TIMEOUT.saturating_sub(HEAD_START)).await;
        }
        self.cluster.state().tally.unreachable += 1;
        Err(EtcdError::Unreachable("no member connects".to_owned()))
    }

    pub(super) async fn call(&self, request: Request) -> Result<(usize, Answer), EtcdError> {
        let member = self.connect().await?;
        let patient = self.dialled(|it| it.failures >= PATIENT_AFTER_FAILURES);
        let limit = if patient {
            PATIENT_CALL_TIMEOUT
        } else {
            CALL_TIMEOUT
        };
        let (sender, receiver) = oneshot::channel();
        let packet = Packet {
            machine: self.machine.clone(),
            process: self.process.clone(),
            member,
            request,
            sender,
        };
        tokio::spawn(self.cluster.clone().carry(packet));
        let unknown = |reason: String| EtcdError::Unknown {
            endpoint: endpoint(member),
            reason,
        };
        let error = match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(Ok(answer))) => {
                self.dialled(|it| it.failures = 0);
                return Ok((member, answer));
            }
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => unknown("the connection was closed".to_owned()),
            Err(_) => {
                self.cluster.state().tally.timed_out += 1;
                unknown(format!("nothing within {} ms", limit.as_millis()))
            }
        };
        if error.is_transient() {
            self.dialled(|it| {
                it.failures += 1;
                if it.connection == Some(member) {
                    it.connection = None;
                    it.disappointing = Some(member);
                }
            });
        }
        Err(error)
    }
}

impl Etcd for SimEtcd {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        match self.call(Request::Txn(txn.clone())).await?.1 {
            Answer::Txn(reply) => Ok(reply),
            _ => Err(Answer::to_another_question()),
        }
    }
}

impl Coordination for SimEtcd {
    type Watch = SimWatch;

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, EtcdError> {
        match self.call(Request::Grant(ttl)).await?.1 {
            Answer::Lease(lease) => Ok(lease),
            _ => Err(Answer::to_another_question()),
        }
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<bool, EtcdError> {
        match self.call(Request::KeepAlive(lease)).await?.1 {
            Answer::Alive(alive) => Ok(alive),
            _ => Err(Answer::to_another_question()),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), EtcdError> {
        match self.call(Request::Revoke(lease)).await {
            Ok(_) | Err(EtcdError::LeaseEnded(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn watch(&self, stretch: &KeyRange, from: i64) -> Result<SimWatch, EtcdError> {
        let (member, _) = self.call(Request::Watch).await?;
        Ok(SimWatch::new(self, member, stretch.clone(), from))
    }
}

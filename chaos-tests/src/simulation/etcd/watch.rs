//! Watches of a simulated etcd.

use std::sync::Arc;
use std::time::Duration;

use store::coordination::{Changes, Watch};
use store::etcd::EtcdError;
use store::key::KeyRange;
use store::txn::Header;
use tokio::time::Instant;

use super::client::{SimEtcd, endpoint};
use super::{Cluster, Doing, State};

/// How long a client stays with a member that answers to no ping.
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a member without a leader keeps its watches.
const LEADERLESS: Duration = Duration::from_secs(3);
/// How often a watch that has nothing to tell says so.
const PROGRESS: Duration = Duration::from_mins(10);

/// A watch. It ends when its member dies or is cut off from the others, and a while after the network
/// between the two was cut.
pub struct SimWatch {
    cluster: Cluster,
    machine: Arc<str>,
    member: usize,
    process: u32,
    stretch: KeyRange,
    next: i64,
    silent_since: Option<Instant>,
}

/// What a watch has to say.
enum Look {
    /// This, once it has travelled so long.
    Told(Changes, Duration),
    /// It has ended.
    Ended(EtcdError),
    /// Nothing of the stretch has changed up to this answer.
    Quiet(Header),
    /// Nothing can be heard, and after so long it ends.
    Silent(Duration),
}

impl SimWatch {
    pub(super) fn new(client: &SimEtcd, member: usize, stretch: KeyRange, from: i64) -> Self {
        let state = client.cluster.state();
        let next = match from {
            0 => state.model.header().revision + 1,
            from => from,
        };
        let process = state.members.get(member).map_or(0, |member| member.process);
        drop(state);
        Self {
            cluster: client.cluster.clone(),
            machine: client.machine.clone(),
            member,
            process,
            stretch,
            next,
            silent_since: None,
        }
    }

    fn look(&self, state: &mut State) -> Look {
        let ended = |reason: &str| {
            Look::Ended(EtcdError::Unknown {
                endpoint: endpoint(self.member),
                reason: reason.to_owned(),
            })
        };
        let Some(member) = state.members.get(self.member) else {
            return ended("there is no such member");
        };
        if member.process != self.process || member.doing == Doing::Down {
            return ended("the connection was closed");
        }
        if member.doing == Doing::Paused || !state.link(&self.machine).reaches(self.member) {
            return Look::Silent(PING_TIMEOUT);
        }
        if member.apart || state.leader.is_none() {
            return Look::Silent(LEADERLESS);
        }
        match state.model.told(&self.stretch, self.next) {
            Err(oldest) => Look::Ended(EtcdError::Compacted {
                endpoint: endpoint(self.member),
                oldest,
            }),
            Ok(changes) => match changes.last() {
                None => Look::Quiet(state.model.header()),
                Some(last) => {
                    let mut header = state.model.header();
                    header.revision = last.revision;
                    let way = state.one_way(&self.machine);
                    Look::Told(Changes { header, changes }, way)
                }
            },
        }
    }
}

impl Watch for SimWatch {
    async fn next(&mut self) -> Result<Changes, EtcdError> {
        loop {
            let cluster = self.cluster.clone();
            let news = cluster.shared.changed.notified();
            let look = self.look(&mut cluster.state());
            if !matches!(look, Look::Silent(_)) {
                self.silent_since = None;
            }
            match look {
                Look::Told(changes, way) => {
                    tokio::time::sleep(way).await;
                    // Only now: whoever stops listening in between has heard nothing.
                    self.next = changes.header.revision + 1;
                    return Ok(changes);
                }
                Look::Ended(error) => return Err(error),
                Look::Quiet(header) => {
                    self.next = self.next.max(header.revision + 1);
                    if tokio::time::timeout(PROGRESS, news).await.is_err() {
                        return Ok(Changes {
                            header,
                            changes: Vec::new(),
                        });
                    }
                }
                Look::Silent(limit) => {
                    let since = *self.silent_since.get_or_insert_with(Instant::now);
                    let left = limit.saturating_sub(since.elapsed());
                    if tokio::time::timeout(left, news).await.is_err() {
                        return Err(EtcdError::Unknown {
                            endpoint: endpoint(self.member),
                            reason: "nothing was heard for too long".to_owned(),
                        });
                    }
                }
            }
        }
    }
}

//! The election of a cluster's one collector: a key on a lease, created if it is absent.
//!
//! etcd's own election service is not used: it has let candidates win whose lease had ended. And an
//! election alone proves little, because a process that was paused does not know that it has lost.
//! So whoever leads carries a [`Fence`], and every write of the collector compares it in the same
//! transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::coordination::{Coordination, LeaseId};
use crate::etcd::EtcdError;
use crate::retry::{Deadline, persist};
use crate::store::Store;
use crate::txn::{Compare, Etcd, Get, GetReply, Op, Txn};

/// How long one step of a campaign may take before it begins again.
const STEP: Duration = Duration::from_secs(10);
/// How long a candidate waits after etcd failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Who wants to lead.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The cluster whose collector it is.
    pub cluster: String,
    /// Who it is, for people.
    pub identity: String,
    /// How long the key outlives a leader that died.
    pub ttl: Duration,
}

/// The election key's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderRecord {
    /// Who leads, for people.
    #[serde(default)]
    pub identity: String,
    /// Random, made once per election: two terms of one process never look alike.
    #[serde(default)]
    pub id: String,
    /// When it was elected, by its own wall clock (RFC 3339).
    #[serde(default)]
    pub since: String,
}

/// What proves in a transaction that its sender leads at that very revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    key: String,
    create_revision: i64,
    value: Vec<u8>,
}

impl Fence {
    /// The conditions. The value counts too, because revisions are handed out again by a restored
    /// etcd.
    pub(crate) fn compares(&self) -> [Compare; 2] {
        [
            Compare::CreateRevision(self.key.clone(), self.create_revision),
            Compare::Value(self.key.clone(), self.value.clone()),
        ]
    }

    /// Reads the election key, for the branch of a transaction whose conditions do not hold.
    pub(crate) fn look(&self) -> Get {
        Get::key(&self.key)
    }

    /// Whether its bearer still led when [`Fence::look`] was answered.
    pub(crate) fn holds(&self, reply: &GetReply) -> bool {
        reply.entries.first().is_some_and(|entry| {
            entry.mod_revision == self.create_revision && entry.value == self.value
        })
    }

    /// The revision at which the election was won: greater with every election.
    pub const fn token(&self) -> i64 {
        self.create_revision
    }
}

/// An election that was won.
#[derive(Debug)]
pub struct Leadership {
    fence: Fence,
    lease: LeaseId,
    ttl: Duration,
    /// When the last keep-alive that succeeded was sent (monotonic).
    renewed: Duration,
}

impl Leadership {
    /// What every write of the leader compares.
    pub const fn fence(&self) -> &Fence {
        &self.fence
    }
}

/// Why a leader leads no longer.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// etcd says that the lease has ended.
    #[error("the lease of the election has ended")]
    LeaseEnded,
    /// The lease could not be kept alive for so long that somebody else may lead.
    #[error("the lease of the election could not be kept alive")]
    Silence(#[source] EtcdError),
    /// The election key is gone or another's, although the lease lasts: an operator deleted it.
    #[error("the election key was deleted")]
    Deposed,
}

/// How a try to be elected ended.
enum Try {
    Won(Leadership),
    /// This one led at this revision.
    Led(LeaderRecord, i64),
    /// Nobody leads.
    Vacant,
}

impl<E: Coordination, C: Clock> Store<E, C> {
    /// Waits until this candidate leads, however long etcd fails. `led_by` hears who leads
    /// meanwhile, and `failed` what fails.
    ///
    /// # Errors
    /// Only where etcd will not let this candidate take part, now or later.
    pub async fn campaign(
        &self,
        candidate: &Candidate,
        mut led_by: impl FnMut(&LeaderRecord),
        mut failed: impl FnMut(&EtcdError),
    ) -> Result<Leadership, EtcdError> {
        let key = self.keys.leader(&candidate.cluster);
        loop {
            let step = async {
                match self.try_to_lead(candidate).await? {
                    Try::Won(leadership) => return Ok(Some(leadership)),
                    Try::Led(leader, revision) => {
                        led_by(&leader);
                        self.await_change(&key, revision).await?;
                    }
                    Try::Vacant => {}
                }
                Ok(None)
            };
            match step.await {
                Ok(Some(leadership)) => return Ok(leadership),
                Ok(None) => {}
                Err(error) if is_hopeless(&error) => return Err(error),
                Err(error) => {
                    failed(&error);
                    self.clock.sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Keeps the leadership alive; comes back when it is lost. Whoever calls it must stop acting as
    /// the leader then. Where etcd is silent, that is a third of the lease's length before etcd lets
    /// somebody else lead.
    pub async fn keep_leading(&self, leadership: &mut Leadership) -> Lost {
        let fence = leadership.fence.clone();
        tokio::select! {
            biased;
            lost = self.renew(leadership) => lost,
            () = self.await_deposition(&fence) => Lost::Deposed,
        }
    }

    async fn renew(&self, leadership: &mut Leadership) -> Lost {
        let beat = leadership.ttl / 3;
        loop {
            let due = leadership.renewed + beat;
            let pause = due.saturating_sub(self.clock.monotonic());
            self.clock.sleep(pause).await;
            let sent = self.clock.monotonic();
            // A process that was held up may still have its lease, so it asks in any case.
            let left = (due + beat).saturating_sub(sent).max(beat / 2);
            let deadline = Deadline::after(&self.clock, left);
            let call = async || self.etcd.keep_alive(leadership.lease).await;
            let renewed = tokio::select! {
                biased;
                renewed = persist(&self.clock, deadline, call) => renewed,
                // The last try may begin just before the deadline, and last.
                () = self.clock.sleep(left) => Err(EtcdError::Unreachable(
                    "no keep-alive was answered in time".to_owned(),
                )),
            };
            match renewed {
                Ok(true) => leadership.renewed = sent,
                Ok(false) => return Lost::LeaseEnded,
                Err(error) => return Lost::Silence(error),
            }
        }
    }

    /// Waits until the election key is not what it was when the election was won. The lease does
    /// not tell: it outlives a key that somebody deletes.
    async fn await_deposition(&self, fence: &Fence) {
        loop {
            let look = async {
                let deadline = Deadline::after(&self.clock, STEP);
                let (header, replies) = self.read([fence.look()], deadline).await?;
                let holds = replies.iter().any(|reply| fence.holds(reply));
                if holds {
                    self.await_change(&fence.key, header.revision).await?;
                }
                Ok::<_, EtcdError>(holds)
            };
            match look.await {
                Ok(true) => {}
                Ok(false) => return,
                // Whether the lease can be kept alive is seen elsewhere.
                Err(_) => self.clock.sleep(AFTER_FAILURE).await,
            }
        }
    }

    /// Gives the leadership back, so that another candidate need not wait for the lease's end.
    ///
    /// # Errors
    /// [`EtcdError`]; the lease then ends by itself.
    pub async fn resign(
        &self,
        leadership: Leadership,
        deadline: Deadline,
    ) -> Result<(), EtcdError> {
        // The key goes with its lease.
        let call = async || self.etcd.revoke(leadership.lease).await;
        persist(&self.clock, deadline, call).await
    }

    async fn try_to_lead(&self, candidate: &Candidate) -> Result<Try, EtcdError> {
        let key = self.keys.leader(&candidate.cluster);
        let deadline = Deadline::after(&self.clock, STEP);
        // A lease only where the key is free: a candidate that waits costs etcd nothing.
        let (header, entry) = self.read_key(&key, deadline).await?;
        if let Some(entry) = entry {
            return Ok(Try::Led(leader_record(&entry.value), header.revision));
        }
        let granted = self.clock.monotonic();
        let lease = self.etcd.grant(candidate.ttl).await?;
        let record = LeaderRecord {
            identity: candidate.identity.clone(),
            id: self.clock.random_id(),
            since: humantime::format_rfc3339_seconds(self.clock.wall()).to_string(),
        };
        let value = serde_json::to_vec(&record).unwrap_or_default();
        let txn = Txn {
            compares: vec![Compare::Absent(key.clone())],
            then: vec![Op::PutLeased(key.clone(), value.clone(), lease)],
            otherwise: vec![],
        };
        let outcome = self.persist(&txn, deadline).await;
        // Whatever became of it, the key says who leads: a try whose answer was lost may have won.
        let (header, entry) = match outcome {
            Err(error) if !error.is_unknown() => Err(error),
            _ => self.read_key(&key, deadline).await,
        }?;
        match entry {
            // The key is written only once, so it was created when it was last written.
            Some(entry) if entry.value == value => Ok(Try::Won(Leadership {
                fence: Fence {
                    key,
                    create_revision: entry.mod_revision,
                    value,
                },
                lease,
                ttl: candidate.ttl,
                renewed: granted,
            })),
            other => {
                // Best effort: what is not revoked ends by itself.
                let _ = self.etcd.revoke(lease).await;
                Ok(other.map_or(Try::Vacant, |entry| {
                    Try::Led(leader_record(&entry.value), header.revision)
                }))
            }
        }
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Who leads a cluster's collectors now.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn leader(
        &self,
        cluster: &str,
        deadline: Deadline,
    ) -> Result<Option<LeaderRecord>, EtcdError> {
        let key = self.keys.leader(cluster);
        let (_, entry) = self.read_key(key, deadline).await?;
        Ok(entry.map(|entry| leader_record(&entry.value)))
    }
}

/// Errors that waiting does not mend. What lacks space, or certificates that fit, can be mended while
/// the candidate waits.
const fn is_hopeless(error: &EtcdError) -> bool {
    matches!(error, EtcdError::Denied { .. })
}

/// What of a leader's record can be read.
pub(crate) fn leader_record(value: &[u8]) -> LeaderRecord {
    serde_json::from_slice(value).unwrap_or_default()
}

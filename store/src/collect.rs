//! What the elected collector writes. Every transaction compares the [`Fence`] and that the store
//! is not frozen, so that a collector which no longer leads, or which does not know that the store
//! is being recovered, can change nothing.

use crate::clock::Clock;
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::gate::Refusal;
use crate::inspect::Owner;
use crate::key::holder_name;
use crate::names::Attachment;
use crate::record::{FreezeRecord, OwnerRecord};
use crate::retry::{Deadline, persist};
use crate::store::Store;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, OpReply, Txn, TxnReply};

/// How many keys one transaction deletes at most; etcd's limit is 128 operations.
const BATCH: usize = 60;

/// What became of a write that only the leader may commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fenced<T> {
    /// It was committed.
    Done(T),
    /// What it was to change is not what was judged any more; nothing was written.
    Changed,
    /// Somebody else leads, or nobody; nothing was written.
    NotLeader,
    /// The store is frozen, for this reason; nothing was written.
    Frozen(String),
}

/// A key as a listing showed it, which a delete will find unchanged or not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The revision that last wrote it.
    pub mod_revision: i64,
}

impl From<&Entry> for Listed {
    fn from(entry: &Entry) -> Self {
        Self {
            key: entry.key.clone(),
            mod_revision: entry.mod_revision,
        }
    }
}

/// What stands where an address was to be adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The value of the address key.
    pub holder: Vec<u8>,
}

/// The store at the beginning of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Its id.
    pub store_id: String,
    /// The revision as of which everything else is read.
    pub revision: i64,
    /// etcd's Raft term.
    pub term: u64,
    /// Why it is frozen, where it is.
    pub frozen: Option<String>,
    /// Its birth certificate as it stands.
    pub(crate) certificate: Entry,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Looks whether the store may be judged by, and fixes the revision to judge it at. A frozen
    /// one may: only nothing can be written then.
    ///
    /// # Errors
    /// The outer error says that etcd could not be asked, the inner one why the store is not to be
    /// trusted.
    pub async fn survey(&self, deadline: Deadline) -> Result<Result<Survey, Refusal>, EtcdError> {
        let gets = [self.keys.store(), self.keys.freeze()].map(Get::key);
        let (header, replies) = self.read(gets, deadline).await?;
        let mut replies = replies.into_iter();
        let (store, freeze) = (replies.next(), replies.next());
        let frozen = freeze
            .and_then(GetReply::into_entry)
            .map(|entry| FreezeRecord::parse(&entry.value).reason);
        let admitted = self.admit(header, store.as_ref(), None);
        let certificate = store.and_then(GetReply::into_entry).unwrap_or_default();
        Ok(admitted.map(|admitted| Survey {
            store_id: admitted.store_id,
            revision: header.revision,
            term: header.raft_term,
            frozen,
            certificate,
        }))
    }

    /// Releases what a dead attachment holds, if its record is what was judged and the sender still
    /// leads. Done with the revision of the release, which is `None` where an answer was lost: the
    /// record is then gone, and most likely by this release.
    ///
    /// # Errors
    /// [`EtcdError`], after which the record may be gone or not.
    pub async fn release_dead(
        &self,
        fence: &Fence,
        owner: &Owner,
        deadline: Deadline,
    ) -> Result<Fenced<Option<i64>>, EtcdError> {
        let rest = self.rest(&owner.attachment, &owner.record);
        let resting = rest.is_some();
        match self.release_fenced(fence, owner, rest, deadline).await {
            // As in every release: rather no rest than no release.
            Err(EtcdError::NoSpace(_)) if resting => {
                self.release_fenced(fence, owner, None, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn release_fenced(
        &self,
        fence: &Fence,
        owner: &Owner,
        leave: Option<String>,
        deadline: Deadline,
    ) -> Result<Fenced<Option<i64>>, EtcdError> {
        let Owner {
            attachment,
            record,
            judged,
        } = owner;
        let mut release = self.release_txn(attachment, judged, record, leave);
        release.otherwise = vec![Op::Get(Get::key(&judged.key))];
        let txn = self.fenced(fence, release);
        let mut lost = false;
        let reply = persist(&self.clock, deadline, async || {
            let reply = self.etcd.txn(&txn).await;
            lost |= reply.as_ref().is_err_and(EtcdError::is_unknown);
            reply
        });
        let reply = reply.await?;
        if reply.succeeded {
            return Ok(Fenced::Done(Some(reply.header.revision)));
        }
        let (refusal, mut standing) = refused(fence, reply);
        let gone = standing
            .next()
            .is_some_and(|owner| owner.entries.is_empty());
        Ok(if lost && gone {
            Fenced::Done(None)
        } else {
            refusal
        })
    }

    /// Deletes keys that are still what was listed: rests that are over, ranges that nobody uses.
    /// Done with how many were deleted.
    ///
    /// # Errors
    /// [`EtcdError`], after which they may be gone or not.
    pub async fn delete_listed(
        &self,
        fence: &Fence,
        listed: &[Listed],
        deadline: Deadline,
    ) -> Result<Fenced<usize>, EtcdError> {
        let mut deleted = 0;
        for batch in listed.chunks(BATCH) {
            let operations = batch.iter().map(|listed| {
                let Listed { key, mod_revision } = listed;
                Op::Txn(Txn {
                    compares: vec![Compare::ModRevision(key.clone(), *mod_revision)],
                    then: vec![Op::Delete(key.clone())],
                    otherwise: vec![],
                })
            });
            let txn = Txn {
                then: operations.collect(),
                ..Txn::default()
            };
            let reply = self.persist(&self.fenced(fence, txn), deadline).await?;
            if !reply.succeeded {
                return Ok(refused(fence, reply).0);
            }
            let done = |result: &&OpReply| matches!(result, OpReply::Txn(inner) if inner.succeeded);
            deleted += reply.results.iter().filter(done).count();
        }
        Ok(Fenced::Done(deleted))
    }

    /// Writes down an attachment that lives without a record, if nobody holds its addresses. Done
    /// with `Err` where one is taken. [`Fenced::Changed`] means that the attachment has a record.
    ///
    /// # Errors
    /// [`EtcdError`], after which it may be written or not.
    pub async fn adopt(
        &self,
        fence: &Fence,
        attachment: &Attachment,
        record: &OwnerRecord,
        deadline: Deadline,
    ) -> Result<Fenced<Result<(), Taken>>, EtcdError> {
        let owner = self.keys.owner(attachment);
        let value = record.to_json().into_bytes();
        let holder = holder_name(attachment).into_bytes();
        let addresses = record
            .addresses
            .iter()
            .map(|held| self.keys.address(&held.space, held.address));
        let puts: Vec<_> = std::iter::once((owner, value.clone()))
            .chain(addresses.map(|key| (key, holder.clone())))
            .collect();
        let keys = || puts.iter().map(|(key, _)| key);
        let txn = Txn {
            compares: keys().cloned().map(Compare::Absent).collect(),
            otherwise: keys().map(Get::key).map(Op::Get).collect(),
            then: puts
                .iter()
                .cloned()
                .map(|(key, value)| Op::Put(key, value))
                .collect(),
        };
        let reply = self.persist(&self.fenced(fence, txn), deadline).await?;
        if reply.succeeded {
            return Ok(Fenced::Done(Ok(())));
        }
        let (refusal, standing) = refused(fence, reply);
        let mut standing = standing.map(GetReply::into_entry);
        let owner = standing.next().flatten();
        let address = standing.flatten().next();
        Ok(match (refusal, owner, address) {
            // An earlier try whose answer was lost.
            (_, Some(owner), _) if owner.value == value => Fenced::Done(Ok(())),
            (Fenced::Changed, None, Some(address)) => Fenced::Done(Err(Taken {
                holder: address.value,
            })),
            (refusal, ..) => refusal,
        })
    }

    /// Which Kubernetes cluster was recorded under this cluster's name.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn identity(
        &self,
        cluster: &str,
        deadline: Deadline,
    ) -> Result<Option<String>, EtcdError> {
        let key = self.keys.identity(cluster);
        let (_, entry) = self.read_key(key, deadline).await?;
        Ok(entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()))
    }

    /// Records which Kubernetes cluster goes by this cluster's name. [`Fenced::Changed`] means that
    /// another does.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be recorded or not.
    pub async fn record_identity(
        &self,
        fence: &Fence,
        cluster: &str,
        uid: &str,
        deadline: Deadline,
    ) -> Result<Fenced<()>, EtcdError> {
        let key = self.keys.identity(cluster);
        let txn = Txn {
            compares: vec![Compare::Absent(key.clone())],
            then: vec![Op::Put(key.clone(), uid.as_bytes().to_vec())],
            otherwise: vec![Op::Get(Get::key(key))],
        };
        let reply = self.persist(&self.fenced(fence, txn), deadline).await?;
        if reply.succeeded {
            return Ok(Fenced::Done(()));
        }
        let (refusal, mut standing) = refused(fence, reply);
        let recorded = standing.next().and_then(GetReply::into_entry);
        Ok(match recorded {
            Some(recorded) if recorded.value == uid.as_bytes() => Fenced::Done(()),
            _ => refusal,
        })
    }

    /// Writes a key of the leader's own, also in a frozen store.
    pub(crate) async fn put_as_leader(
        &self,
        fence: &Fence,
        key: String,
        value: Vec<u8>,
        deadline: Deadline,
    ) -> Result<Fenced<()>, EtcdError> {
        let txn = Txn {
            compares: fence.compares().into(),
            then: vec![Op::Put(key, value)],
            otherwise: vec![],
        };
        let reply = self.persist(&txn, deadline).await?;
        Ok(if reply.succeeded {
            Fenced::Done(())
        } else {
            Fenced::NotLeader
        })
    }

    /// The transaction, only while the bearer of the fence leads and the store is not frozen.
    pub(crate) fn fenced(&self, fence: &Fence, txn: Txn) -> Txn {
        let freeze = self.keys.freeze();
        let mut compares = Vec::from(fence.compares());
        compares.push(Compare::Absent(freeze.clone()));
        compares.extend(txn.compares);
        let looks = [fence.look(), Get::key(freeze)].map(Op::Get);
        Txn {
            compares,
            then: txn.then,
            otherwise: looks.into_iter().chain(txn.otherwise).collect(),
        }
    }
}

/// Why a [`Store::fenced`] transaction was refused, and the answers to its own `otherwise`.
pub(crate) fn refused<T>(
    fence: &Fence,
    reply: TxnReply,
) -> (Fenced<T>, impl Iterator<Item = GetReply>) {
    let mut gets = reply.gets();
    let leads = gets.next().is_some_and(|leader| fence.holds(&leader));
    let freeze = gets.next().and_then(GetReply::into_entry);
    let refusal = match freeze {
        _ if !leads => Fenced::NotLeader,
        Some(freeze) => Fenced::Frozen(FreezeRecord::parse(&freeze.value).reason),
        None => Fenced::Changed,
    };
    (refusal, gets)
}

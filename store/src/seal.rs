//! The seal: a Raft term that the store carries, so that a restored snapshot, whose term begins anew, is
//! below it. It follows etcd's term: the higher it is, the longer a restored etcd is known for what it is.

use crate::clock::Clock;
use crate::collect::{Fenced, Survey, refused};
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::record::StoreRecord;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Etcd, Get, GetReply, Op, Txn};

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Raises the seal to this term, if that is higher and the birth certificate is still what the survey
    /// found. Done with whether it was raised. It is never lowered.
    ///
    /// The term must be one that no member of etcd will ever answer below again: a seal above the terms of
    /// all members would stop every ADD.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be raised or not.
    pub async fn raise_seal(
        &self,
        fence: &Fence,
        survey: &Survey,
        term: u64,
        deadline: Deadline,
    ) -> Result<Fenced<bool>, EtcdError> {
        let standing = &survey.certificate;
        let mut record = match StoreRecord::parse(&standing.value) {
            Ok(record) if record.sealed_term < term => record,
            _ => return Ok(Fenced::Done(false)),
        };
        record.sealed_term = term;
        let value = record.to_json().into_bytes();
        let key = self.keys.store();
        let txn = Txn {
            compares: vec![
                Compare::ModRevision(key.clone(), standing.mod_revision),
                Compare::Value(key.clone(), standing.value.clone()),
            ],
            then: vec![Op::Put(key.clone(), value.clone())],
            otherwise: vec![Op::Get(Get::key(key))],
        };
        let reply = self.persist(&self.fenced(fence, txn), deadline).await?;
        if reply.succeeded {
            return Ok(Fenced::Done(true));
        }
        let (refusal, mut found) = refused(fence, reply);
        Ok(match found.next().and_then(GetReply::into_entry) {
            // An earlier try whose answer was lost.
            Some(entry) if entry.value == value => Fenced::Done(true),
            _ => refusal,
        })
    }
}

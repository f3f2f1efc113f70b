//! An operator's wish for a sweep, and the collector's answer, in one key.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::coordination::Coordination;
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::init::random_id;
use crate::record::DamagedValue;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Etcd, Get, GetReply, Op, Txn};

/// A wish for a sweep: the value of the request key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRequest {
    /// Random, so that an answer is to this wish and to no other.
    pub id: String,
    /// When it was made, by the operator's wall clock (RFC 3339).
    pub asked: String,
    /// Whether the sweep may only say what it would do.
    #[serde(default)]
    pub dry_run: bool,
    /// What the collector answered: the report of the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
}

/// A request as it was read.
#[derive(Clone, Debug)]
pub struct PendingRequest {
    /// What is asked for.
    pub request: SweepRequest,
    mod_revision: i64,
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Asks the elected collector of a cluster for a sweep; an earlier wish is forgotten.
    ///
    /// # Errors
    /// [`EtcdError`]; it may have been asked or not.
    pub async fn request_sweep(
        &self,
        cluster: &str,
        dry_run: bool,
        deadline: Deadline,
    ) -> Result<SweepRequest, EtcdError> {
        let request = SweepRequest {
            id: random_id(),
            asked: humantime::format_rfc3339_seconds(self.clock.wall()).to_string(),
            dry_run,
            answer: None,
        };
        let value = serde_json::to_vec(&request).unwrap_or_default();
        let txn = Txn {
            then: vec![Op::Put(self.keys.request(cluster), value)],
            ..Txn::default()
        };
        self.persist(&txn, deadline).await?;
        Ok(request)
    }

    /// The wish that waits for an answer, and the store's revision now. The inner error says that
    /// the key's value is none.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn pending_request(
        &self,
        cluster: &str,
        deadline: Deadline,
    ) -> Result<(Option<Result<PendingRequest, DamagedValue>>, i64), EtcdError> {
        let get = Get::key(self.keys.request(cluster));
        let (header, replies) = self.read([get], deadline).await?;
        let entry = replies.into_iter().next().and_then(GetReply::into_entry);
        let pending = entry.map(|entry| {
            let request = crate::record::parse::<SweepRequest>(&entry.value)?;
            Ok(PendingRequest {
                request,
                mod_revision: entry.mod_revision,
            })
        });
        let unanswered = |pending: &Result<PendingRequest, _>| {
            pending
                .as_ref()
                .map_or(true, |pending| pending.request.answer.is_none())
        };
        Ok((pending.filter(unanswered), header.revision))
    }

    /// Answers a wish, unless another was made since.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be answered or not.
    pub async fn answer_request(
        &self,
        fence: &Fence,
        cluster: &str,
        pending: PendingRequest,
        answer: Value,
        deadline: Deadline,
    ) -> Result<(), EtcdError> {
        let key = self.keys.request(cluster);
        let request = SweepRequest {
            answer: Some(answer),
            ..pending.request
        };
        let value = serde_json::to_vec(&request).unwrap_or_default();
        let mut compares = Vec::from(fence.compares());
        compares.push(Compare::ModRevision(key.clone(), pending.mod_revision));
        let txn = Txn {
            compares,
            then: vec![Op::Put(key, value)],
            otherwise: vec![],
        };
        self.persist(&txn, deadline).await?;
        Ok(())
    }
}

impl<E: Coordination, C: Clock> Store<E, C> {
    /// Waits until the request key changes after a revision.
    ///
    /// # Errors
    /// [`EtcdError`] if the watch fails; a look at the key then shows where things stand.
    pub async fn await_request(&self, cluster: &str, after: i64) -> Result<(), EtcdError> {
        self.await_change(&self.keys.request(cluster), after).await
    }
}

//! An operator's wish for a sweep, and the collector's answer, in one key.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::collect::Fenced;
use crate::coordination::{Coordination, LeaseId};
use crate::election::Fence;
use crate::etcd::EtcdError;
use crate::record::{DamagedValue, LARGEST_VALUE, parse};
use crate::retry::{Deadline, persist};
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

/// A wish that an operator waits for.
#[derive(Debug)]
pub struct Wish {
    id: String,
    /// The request hangs on it until it is answered, so that the wish of an operator who went away
    /// does not come true later.
    lease: LeaseId,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It waits for an answer.
    Pending,
    /// The report of the sweep.
    Answered(Value),
    /// Its time is over, or another wish took its place.
    Gone,
}

impl<E: Coordination, C: Clock> Store<E, C> {
    /// Asks the elected collector of a cluster for a sweep; an earlier wish is forgotten. What is
    /// not answered after `lifetime` is forgotten, too.
    ///
    /// # Errors
    /// [`EtcdError`]; a wish that was made all the same is forgotten soon.
    pub async fn request_sweep(
        &self,
        cluster: &str,
        dry_run: bool,
        lifetime: Duration,
        deadline: Deadline,
    ) -> Result<Wish, EtcdError> {
        let request = SweepRequest {
            id: self.clock.random_id(),
            asked: humantime::format_rfc3339_seconds(self.clock.wall()).to_string(),
            dry_run,
            answer: None,
        };
        let value = serde_json::to_vec(&request).unwrap_or_default();
        let grant = async || self.etcd.grant(lifetime).await;
        let lease = persist(&self.clock, deadline, grant).await?;
        let txn = Txn {
            then: vec![Op::PutLeased(self.keys.request(cluster), value, lease)],
            ..Txn::default()
        };
        self.persist(&txn, deadline).await?;
        Ok(Wish {
            id: request.id,
            lease,
        })
    }

    /// Takes a wish back, unless it was answered: then the answer stays.
    ///
    /// # Errors
    /// [`EtcdError`]; the wish is then forgotten at its time.
    pub async fn withdraw_request(&self, wish: &Wish, deadline: Deadline) -> Result<(), EtcdError> {
        // An answer does not hang on the lease.
        let revoke = async || self.etcd.revoke(wish.lease).await;
        persist(&self.clock, deadline, revoke).await
    }

    /// Waits until the request key changes after a revision.
    ///
    /// # Errors
    /// [`EtcdError`] if the watch fails; a look at the key then shows where things stand.
    pub async fn await_request(&self, cluster: &str, after: i64) -> Result<(), EtcdError> {
        self.await_change(&self.keys.request(cluster), after).await
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// What became of a wish so far.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn request_outcome(
        &self,
        cluster: &str,
        wish: &Wish,
        deadline: Deadline,
    ) -> Result<Outcome, EtcdError> {
        let key = self.keys.request(cluster);
        let (_, entry) = self.read_key(key, deadline).await?;
        let request = entry.and_then(|entry| parse::<SweepRequest>(&entry.value).ok());
        Ok(match request {
            Some(request) if request.id == wish.id => {
                request.answer.map_or(Outcome::Pending, Outcome::Answered)
            }
            _ => Outcome::Gone,
        })
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
        let key = self.keys.request(cluster);
        let (header, entry) = self.read_key(key, deadline).await?;
        let pending = entry.map(|entry| {
            let request = parse::<SweepRequest>(&entry.value)?;
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

    /// Answers a wish, also in a frozen store. [`Fenced::Changed`] means that it was withdrawn, or
    /// that another was made since. A report that is too large for a record is replaced by one that
    /// has nothing but the field `error`, which says so.
    ///
    /// # Errors
    /// [`EtcdError`]; it may be answered or not.
    pub async fn answer_request(
        &self,
        fence: &Fence,
        cluster: &str,
        pending: PendingRequest,
        report: Value,
        deadline: Deadline,
    ) -> Result<Fenced<()>, EtcdError> {
        let key = self.keys.request(cluster);
        let value = answered(&pending.request, report);
        let mut compares = Vec::from(fence.compares());
        compares.push(Compare::ModRevision(key.clone(), pending.mod_revision));
        let looks = [fence.look(), Get::key(&key)].map(Op::Get);
        let txn = Txn {
            compares,
            then: vec![Op::Put(key, value.clone())],
            otherwise: looks.into(),
        };
        let reply = self.persist(&txn, deadline).await?;
        if reply.succeeded {
            return Ok(Fenced::Done(()));
        }
        let mut gets = reply.gets();
        let leads = gets.next().is_some_and(|leader| fence.holds(&leader));
        let standing = gets.next().and_then(GetReply::into_entry);
        Ok(match standing {
            // An earlier try whose answer was lost.
            Some(entry) if entry.value == value => Fenced::Done(()),
            _ if leads => Fenced::Changed,
            _ => Fenced::NotLeader,
        })
    }
}

fn answered(request: &SweepRequest, report: Value) -> Vec<u8> {
    let with = |answer: Value| {
        let answered = SweepRequest {
            answer: Some(answer),
            ..request.clone()
        };
        serde_json::to_vec(&answered).unwrap_or_default()
    };
    let value = with(report);
    if value.len() <= LARGEST_VALUE {
        return value;
    }
    with(json!({
        "error": format!(
            "the report has {} bytes, more than a record may have: see the collector's log or page",
            value.len()
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_is_too_large_is_not_written() {
        let request = SweepRequest {
            id: "1".to_owned(),
            asked: "2026-11-20T12:00:00Z".to_owned(),
            dry_run: false,
            answer: None,
        };
        let answer = |report: &Value| {
            let value = answered(&request, report.clone());
            parse::<SweepRequest>(&value).unwrap().answer.unwrap()
        };
        let small = json!({"records": 3});
        assert_eq!(answer(&small), small);
        let large = answer(&json!({"damaged": "x".repeat(LARGEST_VALUE)}));
        assert!(large["error"].as_str().unwrap().contains("bytes"));
    }
}

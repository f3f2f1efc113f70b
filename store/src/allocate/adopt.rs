//! An attachment that has an owner record already: a repeated ADD, or one whose answer was lost.

use super::{AllocateError, Allocation, Attempt};
use crate::clock::Clock;
use crate::key::holder_name;
use crate::record::OwnerRecord;
use crate::txn::{Compare, Entry, Etcd, Get, GetReply, Op, Txn};

impl<E: Etcd, C: Clock> Attempt<'_, E, C> {
    /// Makes the record that was found this attachment's answer. `None` if it changed meanwhile.
    ///
    /// A record of an earlier life of the attachment is re-stamped first: its boot id would
    /// otherwise count later as proof that it is dead.
    pub(super) async fn adopt(
        &mut self,
        owner: Entry,
    ) -> Result<Option<Allocation>, AllocateError> {
        let keys = &self.plan.store().keys;
        let mine = self.request.record;
        let found =
            OwnerRecord::parse(&owner.value).map_err(|source| AllocateError::DamagedOwner {
                key: owner.key.clone(),
                source,
            })?;
        let is_mine = found.id == mine.id;
        // This process's own, of a transaction whose answer was lost.
        self.may_have_created |= is_mine && !self.may_have_restamped;
        let stamped = OwnerRecord {
            id: mine.id.clone(),
            pod: mine.pod.clone(),
            boot: mine.boot.clone(),
            ..found
        };
        let value = stamped.to_json().into_bytes();
        let mut compares = vec![
            Compare::Absent(keys.freeze()),
            Compare::ModRevision(owner.key.clone(), owner.mod_revision),
            Compare::Value(owner.key.clone(), owner.value.clone()),
        ];
        let holder = holder_name(self.request.attachment).into_bytes();
        let held = stamped
            .addresses
            .iter()
            .map(|held| keys.address(&held.space, held.address));
        let held: Vec<String> = held.collect();
        compares.extend(
            held.iter()
                .map(|key| Compare::Value(key.clone(), holder.clone())),
        );
        let context = [keys.store(), keys.freeze(), owner.key.clone()];
        let read = || {
            context
                .iter()
                .chain(&held)
                .map(|key| Op::Get(Get::key(key)))
        };
        // What is this process's own already need not be written again.
        let stamp = (!is_mine).then(|| Op::Put(owner.key.clone(), value));
        let txn = Txn {
            compares,
            then: read().take(1).chain(stamp).collect(),
            otherwise: read().collect(),
        };
        self.may_have_restamped |= !is_mine;
        let reply = self
            .plan
            .store()
            .persist(&txn, self.plan.deadline())
            .await?;
        let (header, succeeded) = (reply.header, reply.succeeded);
        let mut gets = reply.gets();
        let (store, freeze) = (gets.next(), gets.next());
        let admitted = self
            .plan
            .store()
            .admit(header, store.as_ref(), freeze.as_ref())?;
        if succeeded {
            let created_here = is_mine && !self.may_have_restamped;
            return Ok(Some(Allocation {
                record: stamped,
                created_here,
                admitted,
            }));
        }
        let now = gets.next().and_then(GetReply::into_entry);
        if now.is_none_or(|now| now.mod_revision != owner.mod_revision) {
            return Ok(None);
        }
        let foreign = stamped.addresses.iter().zip(gets).find(|(_, reply)| {
            reply
                .entries
                .first()
                .is_none_or(|entry| entry.value != holder)
        });
        match foreign {
            Some((held, _)) => Err(AllocateError::Inconsistent {
                key: owner.key,
                address: held.address,
            }),
            None => Ok(None),
        }
    }
}

//! Who holds the addresses of a span, however many they are.

use crate::address::Address;
use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::inspect::Damaged;
use crate::names::{Attachment, Space};
use crate::range::Span;
use crate::record::{Holder, OwnerRecord};
use crate::retry::Deadline;
use crate::scan::Scan;
use crate::store::Store;
use crate::txn::{Etcd, Get, GetReply};

/// How many records one transaction reads; etcd takes 128 operations.
const RECORDS: usize = 100;

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Shows every taken address of a span with its holder, in order and as of one revision. Keys
    /// that no address of ours is spelled by are left out.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked; some may have been shown by then.
    pub async fn each_holder(
        &self,
        space: &Space,
        span: Span,
        deadline: Deadline,
        mut each: impl FnMut(Address, Result<Holder, Damaged>),
    ) -> Result<(), EtcdError> {
        let mut pages = Scan::new(self.keys.addresses(space, span));
        while let Some(page) = self.next_page(&mut pages, deadline).await? {
            for entry in page {
                if let Ok((_, address, holder)) = self.parse_address(&entry) {
                    each(address, holder);
                }
            }
        }
        Ok(())
    }

    /// The owner records of some attachments, in their order; `None` where there is none, or none
    /// that can be read.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn owner_records(
        &self,
        attachments: &[Attachment],
        deadline: Deadline,
    ) -> Result<Vec<Option<OwnerRecord>>, EtcdError> {
        let mut records = Vec::new();
        for some in attachments.chunks(RECORDS) {
            let keys = some.iter().map(|attachment| self.keys.owner(attachment));
            let (_, replies) = self.read(keys.map(Get::key), deadline).await?;
            let entries = replies.into_iter().map(GetReply::into_entry);
            records.extend(entries.map(|entry| OwnerRecord::parse(&entry?.value).ok()));
        }
        Ok(records)
    }
}

//! Reads long stretches of keys page by page, all pages as of one revision.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::key::KeyRange;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Entry, Etcd, Get, View};

/// How many entries a page has at most. With every page etcd also counts what is left of the
/// stretch, so that many small pages cost it more than few large ones.
const PAGE: i64 = 2000;

/// How far the reading of a stretch is.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What is still to be read; `None` at the end.
    rest: Option<KeyRange>,
    revision: i64,
    page: i64,
}

impl Scan {
    /// The stretch as it is when the first page is read.
    pub const fn new(stretch: KeyRange) -> Self {
        Self::as_of(stretch, 0)
    }

    /// The stretch as it was at a revision.
    pub const fn as_of(stretch: KeyRange, revision: i64) -> Self {
        Self {
            rest: Some(stretch),
            revision,
            page: PAGE,
        }
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// The next entries, in the order of their keys; `None` when there are no more.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked; [`EtcdError::Compacted`] if it has forgotten the
    /// revision in the meantime. The scan may go on after a transient one.
    pub async fn next_page(
        &self,
        scan: &mut Scan,
        deadline: Deadline,
    ) -> Result<Option<Vec<Entry>>, EtcdError> {
        while let Some(rest) = &scan.rest {
            let get = Get::range(rest.clone(), View::Entries, scan.page).as_of(scan.revision);
            let (header, replies) = match self.read([get], deadline).await {
                Ok(answer) => answer,
                // Values of the largest size that etcd takes fill an answer quickly.
                Err(EtcdError::AnswerTooLarge(_)) if scan.page > 1 => {
                    scan.page /= 4;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if scan.revision == 0 {
                scan.revision = header.revision;
            }
            // They lie here and there, not everywhere.
            scan.page = (scan.page * 2).min(PAGE);
            let reply = replies.into_iter().next().unwrap_or_default();
            scan.rest = match reply.entries.last() {
                Some(last) if reply.more => Some(rest.after(&last.key)),
                _ => None,
            };
            return Ok(Some(reply.entries).filter(|entries| !entries.is_empty()));
        }
        Ok(None)
    }
}

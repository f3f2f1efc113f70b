//! An etcd whose answers get lost.

use std::collections::VecDeque;
use std::sync::Mutex;

use store::etcd::{Client, EtcdError};
use store::txn::{Etcd, Txn, TxnReply};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is carried out, and nobody learns of it.
    AnswerLost,
    /// It is never sent.
    Unreachable,
}

/// A real etcd behind a network that does this to the next calls, and nothing afterwards.
pub(crate) struct Faulty {
    client: Client,
    faults: Mutex<VecDeque<Fault>>,
}

impl Faulty {
    pub(crate) fn new(client: Client, faults: &[Fault]) -> Self {
        Self {
            client,
            faults: Mutex::new(faults.iter().copied().collect()),
        }
    }

    fn next(&self) -> Option<Fault> {
        self.faults.lock().ok()?.pop_front()
    }
}

impl Etcd for Faulty {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        match self.next() {
            None => self.client.txn(txn).await,
            Some(Fault::Unreachable) => Err(EtcdError::Unreachable("by this test".to_owned())),
            Some(Fault::AnswerLost) => {
                self.client.txn(txn).await?;
                Err(EtcdError::Unknown {
                    endpoint: "a server".to_owned(),
                    reason: "by this test".to_owned(),
                })
            }
        }
    }
}

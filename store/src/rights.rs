//! What the user that a client signs in as may do, found out without doing it.
//!
//! etcd checks the rights of all that a transaction could do, in the branch that is not taken too
//! (its `checkTxnAuth`). So a transaction whose condition never holds tells, and
//! changes nothing.

use crate::clock::Clock;
use crate::etcd::EtcdError;
use crate::key::{KeyRange, Keyspace};
use crate::names::Attachment;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Compare, Etcd, Get, Op, Txn, View};

/// A name that no node, network or container has.
const NOBODY: &str = "-probe-";

/// Something that a user of etcd may do or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To read what the store is and whether it is frozen.
    ReadStore,
    /// To see which addresses are taken.
    ReadAddresses,
    /// To take and free addresses.
    WriteAddresses,
    /// To read the records of one's own node.
    ReadOwnRecords,
    /// To write them.
    WriteOwnRecords,
    /// To write down what ranges are configured.
    WriteRanges,
    /// To write the records of another node.
    WriteOtherRecords,
    /// To initialise, seal, freeze and thaw the store.
    WriteStore,
    /// To write outside the store.
    WriteElsewhere,
}

impl Right {
    /// What the plugin needs on a node.
    pub const NEEDED: [Self; 6] = [
        Self::ReadStore,
        Self::ReadAddresses,
        Self::WriteAddresses,
        Self::ReadOwnRecords,
        Self::WriteOwnRecords,
        Self::WriteRanges,
    ];

    /// What it does not need, the worst first: whoever steals the node's key gets it too.
    pub const TOO_MUCH: [Self; 3] = [
        Self::WriteElsewhere,
        Self::WriteStore,
        Self::WriteOtherRecords,
    ];

    /// What needs the right on a node.
    fn operation(self, keys: &Keyspace, cluster: &str, node: &str) -> Op {
        let read = |stretch: KeyRange| Op::Get(Get::range(stretch, View::Count, 0));
        let write = |key: String| Op::Put(key, Vec::new());
        let record = |node: &str| {
            keys.owner(&Attachment {
                cluster: cluster.to_owned(),
                node: node.to_owned(),
                network: NOBODY.to_owned(),
                container: NOBODY.to_owned(),
                interface: NOBODY.to_owned(),
            })
        };
        let inside = |stretch: KeyRange| format!("{}{NOBODY}", stretch.start);
        match self {
            Self::ReadStore => Op::Get(Get::key(keys.freeze())),
            Self::ReadAddresses => read(keys.all_addresses()),
            Self::WriteAddresses => write(inside(keys.all_addresses())),
            Self::ReadOwnRecords => read(keys.owners_of(cluster, node, NOBODY)),
            Self::WriteOwnRecords => write(record(node)),
            Self::WriteRanges => write(inside(keys.all_ranges())),
            Self::WriteOtherRecords => write(record(&format!("{node}{NOBODY}"))),
            Self::WriteStore => write(keys.freeze()),
            Self::WriteElsewhere => write(NOBODY.to_owned()),
        }
    }
}

impl<E: Etcd, C: Clock> Store<E, C> {
    /// Whether the user may do something on a node. Nothing is done. Without the right to read the
    /// store's birth certificate nothing else can be found out: every answer is then no.
    ///
    /// # Errors
    /// [`EtcdError`] if etcd could not be asked.
    pub async fn may(
        &self,
        right: Right,
        cluster: &str,
        node: &str,
        deadline: Deadline,
    ) -> Result<bool, EtcdError> {
        let txn = Txn {
            // No key was ever written at such a revision.
            compares: vec![Compare::ModRevision(self.keys.store(), -1)],
            then: vec![right.operation(&self.keys, cluster, node)],
            otherwise: vec![],
        };
        match self.persist(&txn, deadline).await {
            Ok(_) => Ok(true),
            Err(EtcdError::Denied { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

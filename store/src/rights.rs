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
    /// To write what the node reports to hold.
    WriteOwnReport,
    /// To write the records of another node.
    WriteOtherRecords,
    /// To write what another node reports to hold.
    WriteOtherReports,
    /// To speak for the collector.
    WriteCollector,
    /// To initialise, seal, freeze and thaw the store.
    WriteStore,
    /// To write outside the store.
    WriteElsewhere,
}

impl Right {
    /// What the plugin and `ipamctl node report` need on a node.
    pub const NEEDED: [Self; 7] = [
        Self::ReadStore,
        Self::ReadAddresses,
        Self::WriteAddresses,
        Self::ReadOwnRecords,
        Self::WriteOwnRecords,
        Self::WriteRanges,
        Self::WriteOwnReport,
    ];

    /// What it does not need, the worst first: whoever steals the node's key gets it too.
    pub const TOO_MUCH: [Self; 5] = [
        Self::WriteElsewhere,
        Self::WriteStore,
        Self::WriteCollector,
        Self::WriteOtherRecords,
        Self::WriteOtherReports,
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
        let other = format!("{node}{NOBODY}");
        let inside = |stretch: KeyRange| format!("{}{NOBODY}", stretch.start);
        match self {
            Self::ReadStore => Op::Get(Get::key(keys.freeze())),
            Self::ReadAddresses => read(keys.all_addresses()),
            Self::WriteAddresses => write(inside(keys.all_addresses())),
            Self::ReadOwnRecords => read(keys.owners_of(cluster, node, NOBODY)),
            Self::WriteOwnRecords => write(record(node)),
            Self::WriteRanges => write(inside(keys.all_ranges())),
            Self::WriteOtherRecords => write(record(&other)),
            Self::WriteOwnReport => write(keys.report(cluster, node)),
            Self::WriteOtherReports => write(keys.report(cluster, &other)),
            Self::WriteCollector => write(keys.leader(cluster)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Access, Grant, Purpose};
    use crate::key::DEFAULT_PREFIX;

    fn allows(grants: &[Grant], op: &Op) -> bool {
        let (start, end, wanted) = match op {
            Op::Get(get) => (&get.key, &get.end, Access::Read),
            Op::Put(key, _) => (key, &None, Access::ReadWrite),
            _ => panic!("no such question: {op:?}"),
        };
        grants.iter().any(|grant| {
            let begins = grant.key <= *start;
            let ends = match (&grant.end, end) {
                (None, None) => grant.key == *start,
                (None, Some(_)) => false,
                (Some(last), None) => start < last,
                (Some(last), Some(end)) => end <= last,
            };
            begins && ends && (grant.access == Access::ReadWrite || grant.access == wanted)
        })
    }

    #[test]
    fn what_is_asked_is_what_the_role_of_a_node_allows() {
        let keys = Keyspace::new(DEFAULT_PREFIX);
        for (cluster, node) in [("default", "node-1"), ("a/b", "n")] {
            let purpose = Purpose {
                keys: &keys,
                cluster,
                name: "x",
            };
            let grants = purpose.node_grants(node);
            for right in Right::NEEDED {
                let op = right.operation(&keys, cluster, node);
                assert!(allows(&grants, &op), "{right:?}");
            }
            for right in Right::TOO_MUCH {
                let op = right.operation(&keys, cluster, node);
                assert!(!allows(&grants, &op), "{right:?}");
            }
            // Each of them is asked for.
            for missing in 0..grants.len() {
                let mut fewer = grants.clone();
                fewer.remove(missing);
                let noticed = Right::NEEDED
                    .iter()
                    .any(|right| !allows(&fewer, &right.operation(&keys, cluster, node)));
                assert!(noticed, "{:?}", grants[missing]);
            }
        }
    }
}

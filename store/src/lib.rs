//! The library under `etcd-ipam`, `lease-gc` and `ipamctl`: the etcd keyspace, address
//! arithmetic, allocation, release and election.

pub mod accounts;
pub mod address;
pub mod allocate;
pub mod amend;
pub mod claim;
pub mod clock;
pub mod collect;
pub mod coordination;
pub mod election;
pub mod etcd;
pub mod freeze;
pub mod gate;
pub mod history;
pub mod holders;
pub mod import;
pub mod init;
pub mod inspect;
pub mod key;
pub mod lookup;
pub mod names;
pub mod overview;
pub mod range;
pub mod record;
pub mod release;
pub mod report;
pub mod request;
pub mod retry;
pub mod rights;
pub mod scan;
pub mod seal;
pub mod store;
pub mod sweep;
pub mod txn;

//! The library under `etcd-ipam`, `lease-gc` and `ipamctl`: the etcd keyspace, address
//! arithmetic, allocation and release.

pub mod address;
pub mod allocate;
pub mod claim;
pub mod clock;
pub mod etcd;
pub mod gate;
pub mod init;
pub mod inspect;
pub mod key;
pub mod names;
pub mod range;
pub mod record;
pub mod release;
pub mod retry;
pub mod store;
pub mod txn;

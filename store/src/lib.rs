//! The library under `etcd-ipam`, `lease-gc` and `ipamctl`: the etcd keyspace, address
//! arithmetic, allocation and release.

pub mod address;
pub mod claim;
pub mod etcd;
pub mod key;
pub mod names;
pub mod range;
pub mod record;

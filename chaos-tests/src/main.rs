//! `chaos`: proves the promises while etcd is being broken.

fn main() {}

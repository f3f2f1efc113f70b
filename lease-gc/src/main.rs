//! The binary `lease-gc`: everything is in the library, where tests reach it.

fn main() {}

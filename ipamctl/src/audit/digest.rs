//! Values in few bytes.

use ring::digest::{SHA256, digest as hash};

/// The SHA-256 of a value, in hexadecimal.
pub fn digest(value: &[u8]) -> String {
    let hash = hash(&SHA256, value);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

//! Values in few bytes.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest as hash};

/// The SHA-256 of a value, in hexadecimal.
pub fn digest(value: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash(&SHA256, value).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

//! The bulk of real objects that nobody reads: `metadata.managedFields`.

use std::fmt::Write as _;
use std::sync::Arc;

/// The size of a pod unless a test wants another (bytes of JSON).
pub(super) const USUAL: usize = 5_000;

/// What a pod of the builder has without its managed fields (bytes of JSON).
const BARE: usize = 2_600;

/// Managed fields that make a pod about as large as this (bytes), in front of other metadata.
pub(super) fn managed_fields(object_size: usize) -> Arc<str> {
    let mut text = String::from(
        r#""managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-05T08:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:env":{".":{}"#,
    );
    let wanted = object_size.saturating_sub(BARE);
    for number in 0.. {
        if text.len() >= wanted {
            break;
        }
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#","k:{{\"name\":\"SETTING_{number}\"}}":{{".":{{}},"f:name":{{}},"f:value":{{}}}}"#
        );
    }
    text.push_str("}}}}}}],");
    text.into()
}

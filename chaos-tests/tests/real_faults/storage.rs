//! Disks that are full, slow or broken, and quotas that are reached.

use anyhow::Result;

use crate::check::check;

#[test]
fn a_cluster_without_room_refuses_to_grow() -> Result<()> {
    check(
        "storage::a_cluster_without_room_refuses_to_grow",
        &["quota_reached", "disk_full"],
    )
}

#[test]
fn a_disk_that_does_not_keep_what_was_written_slows_or_ends_its_member() -> Result<()> {
    check(
        "storage::a_disk_that_does_not_keep_what_was_written_slows_or_ends_its_member",
        &["fsync_slow", "fsync_failing"],
    )
}

//! Members that are cut off, and packets that are lost, late or slow.

use anyhow::Result;

use crate::check::check;

#[test]
fn a_member_that_is_cut_off_cannot_be_reached() -> Result<()> {
    check(
        "network::a_member_that_is_cut_off_cannot_be_reached",
        &["leader_cut_off", "follower_cut_off"],
    )
}

#[test]
fn a_member_that_is_cut_off_one_way_has_no_majority() -> Result<()> {
    check(
        "network::a_member_that_is_cut_off_one_way_has_no_majority",
        &[
            "leader_deaf",
            "follower_deaf",
            "leader_mute",
            "follower_mute",
        ],
    )
}

#[test]
fn a_member_without_peers_still_speaks_with_clients() -> Result<()> {
    check(
        "network::a_member_without_peers_still_speaks_with_clients",
        &[
            "leader_without_peers",
            "follower_without_peers",
            "leader_reset",
            "follower_reset",
        ],
    )
}

#[test]
fn packets_are_lost_late_and_slow() -> Result<()> {
    check(
        "network::packets_are_lost_late_and_slow",
        &["packets_lost", "packets_delayed", "bandwidth_limited"],
    )
}

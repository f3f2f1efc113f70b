//! Members that die or stand still.

use anyhow::Result;

use crate::check::check;

#[test]
fn a_member_that_was_killed_refuses_and_another_leads() -> Result<()> {
    check(
        "processes::a_member_that_was_killed_refuses_and_another_leads",
        &["leader_killed", "follower_killed", "all_killed"],
    )
}

#[test]
fn a_member_that_is_paused_is_silent_and_another_leads() -> Result<()> {
    check(
        "processes::a_member_that_is_paused_is_silent_and_another_leads",
        &["leader_paused", "follower_paused", "all_paused"],
    )
}

#[test]
fn a_leadership_that_is_moved_raises_the_term() -> Result<()> {
    check(
        "processes::a_leadership_that_is_moved_raises_the_term",
        &["leader_moved"],
    )
}

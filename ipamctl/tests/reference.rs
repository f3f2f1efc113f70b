//! The reference in the documentation is the one that the command line makes.

#[path = "../examples/reference/markdown.rs"]
mod markdown;

const REFERENCE: &str = include_str!("../../docs/reference/ipamctl.md");

#[test]
fn the_committed_reference_is_the_generated_one() {
    assert!(
        REFERENCE == markdown::reference(),
        "docs/reference/ipamctl.md is not what the command line makes any more; run\n\n    \
         cargo run -p ipamctl --example reference > docs/reference/ipamctl.md"
    );
}

//! The harness itself: what it says of a collector that does not run.

use anyhow::{Context as _, Result};
use chaos_tests::collector::{Collector, Source};

#[test]
fn a_collector_that_ends_at_once_is_reported_with_its_status() -> Result<()> {
    let nowhere = Source::File("/nonexistent".into());
    let error = Collector::start(&[], &nowhere, &["--no-such-flag"])
        .err()
        .context("it started")?;
    let text = format!("{error:#}");
    assert!(text.contains("ended (exit status:"), "{text}");
    assert!(text.contains("its log ends:"), "{text}");
    Ok(())
}

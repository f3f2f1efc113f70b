//! The harness itself: its Prometheus is a real one.

use anyhow::{Result, ensure};
use chaos_tests::prometheus::{Install, stand_in};

#[test]
fn prometheus_scrapes_its_target_again_and_again() -> Result<()> {
    let Some(install) = Install::for_test("prometheus_scrapes_its_target_again_and_again") else {
        return Ok(());
    };
    let mut scrapes = 0;
    let target = stand_in(move || {
        scrapes += 1;
        format!("scrapes_total{{by=\"a \\\"test\\\"\"}} {scrapes}\n")
    })?;
    let mut prometheus = install.start(target)?;
    let found = prometheus.wait_for("scrapes_total > 2")?;
    ensure!(found.len() == 1, "{found:?}");
    assert_eq!(found[0].name, "scrapes_total");
    assert_eq!(found[0].labels["by"], "a \"test\"");
    assert_eq!(found[0].labels["instance"], target.to_string());
    assert_eq!(prometheus.query("up == 0")?, []);
    assert!(prometheus.query("no expression").is_err());
    Ok(())
}

#[test]
fn promtool_judges_metrics() -> Result<()> {
    let Some(install) = Install::for_test("promtool_judges_metrics") else {
        return Ok(());
    };
    install.check_metrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n")?;
    assert!(install.check_metrics("a_total 1\n").is_err());
    assert!(install.check_metrics("a_total\n").is_err());
    Ok(())
}

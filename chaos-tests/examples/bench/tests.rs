//! That it measures at all.

use clap::{Parser as _, ValueEnum as _};

use super::{Arguments, Topic, measure};

/// Every topic of the plugin, in seconds: what a number means is not asked.
#[test]
fn a_quick_run_measures_everything_and_finds_nothing_wrong() -> anyhow::Result<()> {
    let out = tempfile::tempdir()?;
    let report = measure(&Arguments::parse_from(["bench", "--quick"]))?;
    report.write(out.path())?;
    assert!(report.is_clean());
    let json = std::fs::read_to_string(out.path().join("bench.json"))?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    for part in ["targets", "times", "tables"] {
        assert!(
            json[part].as_array().is_some_and(|part| !part.is_empty()),
            "{part}"
        );
    }
    for plot in ["add", "parallel"] {
        let plot = std::fs::read_to_string(out.path().join(format!("{plot}.svg")))?;
        assert!(plot.contains("<polyline") && !plot.contains("NaN") && !plot.contains("inf"));
    }
    Ok(())
}

#[test]
fn the_long_topics_are_measured_only_where_they_are_named() {
    let named = Topic::value_variants()
        .iter()
        .filter(|topic| topic.is_to_be_named());
    assert_eq!(named.count(), 2);
}

//! The rules: what `promtool` says of them, and what the documentation says.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::prometheus::Install;
use serde_json::Value;

use crate::files::{RULES, path, read, rules_with, table, text};

const TESTS: &str = "deploy/observability/rules.test.yaml";

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() -> Result<()> {
    let Some(install) = Install::for_test("promtool_finds_nothing_wrong_with_the_rules") else {
        return Ok(());
    };
    install.check_rules(&path(RULES))
}

#[test]
fn every_alert_fires_when_it_should_and_not_before() -> Result<()> {
    let tests: Value = serde_saphyr::from_str(&read(TESTS)?)?;
    // Each alert is seen firing in one of promtool's tests; that it is silent before and after, and
    // where all is well, these tests say, too: what they expect is the whole answer.
    let cases = tests["tests"].as_array().context("no tests")?.iter();
    let questions = cases.filter_map(|case| case["promql_expr_test"].as_array());
    let samples = questions
        .flatten()
        .filter_map(|question| question["exp_samples"].as_array());
    let expected: Vec<_> = samples.flatten().map(|sample| &sample["labels"]).collect();
    for alert in rules_with("alert")? {
        let name = text(&alert, "alert")?;
        let fires = [
            format!("alertname=\"{name}\""),
            "alertstate=\"firing\"".to_owned(),
        ];
        let seen = expected.iter().any(|labels| {
            let labels = labels.as_str().unwrap_or_default();
            fires.iter().all(|fires| labels.contains(fires))
        });
        ensure!(seen, "no test has {name} firing");
    }
    let Some(install) = Install::for_test("every_alert_fires_when_it_should_and_not_before") else {
        return Ok(());
    };
    install.test_rules(&path(TESTS))
}

#[test]
fn every_alert_says_what_is_wrong_and_where_to_read_on() -> Result<()> {
    for alert in rules_with("alert")? {
        let name = text(&alert, "alert")?;
        ensure!(name.starts_with("EtcdIpam"), "{name}");
        let severity = text(&alert["labels"], "severity")?;
        ensure!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        let notes = &alert["annotations"];
        let summary = text(notes, "summary")?;
        ensure!(summary.ends_with('.'), "{name}: {summary}");
        text(notes, "description").context(name.to_owned())?;
        let runbook = text(notes, "runbook_url")?;
        let (page, anchor) = runbook.split_once('#').context(runbook.to_owned())?;
        ensure!(
            anchors(&read(page)?).contains(anchor),
            "{name}: {page} has no #{anchor}"
        );
    }
    Ok(())
}

#[test]
fn the_documented_alerts_are_those_of_the_file() -> Result<()> {
    let page = read("docs/metrics.md")?;
    let documented: Vec<_> = table(&page, "alert")?
        .into_iter()
        .map(|row| row[..3].to_vec())
        .collect();
    let mut defined = Vec::new();
    for alert in rules_with("alert")? {
        let runbook = text(&alert["annotations"], "runbook_url")?;
        let link = runbook.replace("docs/metrics.md", "").replace("docs/", "");
        defined.push(vec![
            format!("[{}]({link})", text(&alert, "alert")?),
            text(&alert["labels"], "severity")?.to_owned(),
            alert["for"].as_str().unwrap_or("at once").to_owned(),
        ]);
    }
    assert_eq!(documented, defined);
    Ok(())
}

#[test]
fn the_documented_recordings_are_those_of_the_file() -> Result<()> {
    let page = read("docs/metrics.md")?;
    let documented: Vec<_> = table(&page, "recorded")?
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let recorded: Result<Vec<_>> = rules_with("record")?
        .iter()
        .map(|rule| Ok(text(rule, "record")?.to_owned()))
        .collect();
    assert_eq!(documented, recorded?);
    Ok(())
}

#[test]
fn the_documented_configuration_is_one() -> Result<()> {
    let page = read("docs/metrics.md")?;
    let blocks: Vec<_> = page.split("```yaml\n").skip(1).collect();
    ensure!(blocks.len() == 1, "another block is tested by nobody");
    let (config, _) = blocks[0].split_once("```").context("no end")?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config)?;
    let Some(install) = Install::for_test("the_documented_configuration_is_one") else {
        return Ok(());
    };
    install.check_config(file.path())
}

/// The anchors of a page's headings, as mdBook and most forges make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter })
            .collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn anchors_are_made_of_headings() {
    let found = anchors("# A, B\ntext\n## What is `wrong`?\n");
    let expected = ["a-b", "what-is-wrong"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
}

//! The dashboard as Grafana reads it. No Grafana runs here: that its expressions find something is
//! tested beside, with a real Prometheus.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::files::{dashboard, panels, rules_with, text};

/// The kinds of panels that are in every Grafana.
const KINDS: [&str; 4] = ["timeseries", "stat", "table", "state-timeline"];

/// How many columns there are.
const WIDTH: u64 = 24;

#[test]
fn it_can_be_imported_anywhere() -> Result<()> {
    let board = dashboard()?;
    ensure!(board["id"].is_null(), "an id is one instance's own");
    assert_eq!(board["uid"], "etcd-ipam");
    assert_eq!(board["schemaVersion"], 39);
    text(&board, "title")?;
    let text = board.to_string();
    ensure!(!text.contains("http"), "no address of any instance");
    Ok(())
}

#[test]
fn no_panel_hides_another() -> Result<()> {
    let board = dashboard()?;
    let all = board["panels"].as_array().context("no panels")?;
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let mut end = 0;
    for panel in all {
        let title = text(panel, "title")?;
        ensure!(ids.insert(panel["id"].as_u64()), "{title}: its id is taken");
        let place = |field: &str| {
            let place = panel["gridPos"][field].as_u64();
            place.with_context(|| format!("{title}: no {field}"))
        };
        let (x, y, w, h) = (place("x")?, place("y")?, place("w")?, place("h")?);
        ensure!(w > 0 && h > 0 && x + w <= WIDTH, "{title} is too wide");
        for row in y..y + h {
            for column in x..x + w {
                ensure!(taken.insert((row, column)), "{title} hides another");
            }
        }
        end = end.max(y + h);
    }
    let area = usize::try_from(end * WIDTH)?;
    ensure!(taken.len() == area, "it has holes");
    Ok(())
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() -> Result<()> {
    for panel in panels()? {
        let title = text(&panel, "title")?;
        let kind = text(&panel, "type")?;
        ensure!(KINDS.contains(&kind), "{title}: {kind}");
        let description = text(&panel, "description").context(title.to_owned())?;
        ensure!(description.ends_with('.'), "{title}: {description}");
        text(&panel["fieldConfig"]["defaults"], "unit").context(title.to_owned())?;
        let steps = &panel["fieldConfig"]["defaults"]["thresholds"]["steps"];
        ensure!(
            steps[0]["value"].is_null(),
            "{title}: where do colours begin?"
        );
        let targets = panel["targets"].as_array().context("no targets")?;
        ensure!(!targets.is_empty(), "{title} asks nothing");
        for asked in targets.iter().chain([&panel]) {
            let source = &asked["datasource"];
            assert_eq!(source["type"], "prometheus", "{title}");
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
        let letters: BTreeSet<_> = targets.iter().map(|it| it["refId"].as_str()).collect();
        ensure!(letters.len() == targets.len(), "{title}: two of one refId");
    }
    Ok(())
}

#[test]
fn every_variable_exists_and_is_used() -> Result<()> {
    let board = dashboard()?;
    let variables = board["templating"]["list"].as_array().context("none")?;
    let defined: Result<BTreeSet<_>> = variables.iter().map(|it| text(it, "name")).collect();
    let defined = defined?;
    ensure!(defined.is_superset(&["datasource", "cluster", "job"].into()));
    let mut used = BTreeSet::new();
    let all = board.to_string();
    for after in all.split('$').skip(1) {
        let after = after.trim_start_matches('{');
        let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        used.insert(&after[..end.unwrap_or(after.len())]);
    }
    // Grafana's own begin with two underscores.
    used.retain(|name| !name.starts_with("__"));
    assert_eq!(used, defined);
    Ok(())
}

#[test]
fn what_it_says_is_recorded_is_recorded() -> Result<()> {
    let rules = rules_with("record")?;
    let recorded: Result<Vec<_>> = rules.iter().map(|rule| text(rule, "record")).collect();
    let recorded = recorded?;
    for panel in panels()? {
        let uses = |name: &&str| panel["targets"].to_string().contains(*name);
        let needs = text(&panel, "description")?.contains("recording rules");
        let title = text(&panel, "title")?;
        assert_eq!(recorded.iter().any(uses), needs, "{title}");
    }
    Ok(())
}

/// What a panel asks, with everything selected.
pub(super) fn expressions(panel: &Value) -> Result<Vec<String>> {
    let targets = panel["targets"].as_array().context("no targets")?.iter();
    let expressions = targets.map(|target| {
        let mut expression = text(target, "expr")?.to_owned();
        for (variable, value) in [
            ("$__rate_interval", "1m"),
            ("$cluster", ".*"),
            ("$job", ".*"),
            ("$space", ".*"),
        ] {
            expression = expression.replace(variable, value);
        }
        ensure!(!expression.contains('$'), "{expression}");
        Ok(expression)
    });
    expressions.collect()
}

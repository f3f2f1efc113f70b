//! The files that are judged.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A file or folder of the project.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Its text.
pub(super) fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(path(name)).with_context(|| name.to_owned())
}

/// The file of rules.
pub(super) const RULES: &str = "deploy/observability/rules.yaml";

/// The rules of all groups, in their order.
pub(super) fn rules() -> Result<Vec<Value>> {
    let file: Value = serde_saphyr::from_str(&read(RULES)?)?;
    let groups = file["groups"].as_array().context("no groups")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array());
    Ok(rules.flatten().cloned().collect())
}

/// The rules that have this: a `record` or an `alert`.
pub(super) fn rules_with(kind: &str) -> Result<Vec<Value>> {
    let mut rules = rules()?;
    rules.retain(|rule| rule.get(kind).is_some());
    Ok(rules)
}

/// The rules as a test loads them: no alert waits.
pub(super) fn impatient() -> Result<Value> {
    let mut rules = rules()?;
    for rule in &mut rules {
        rule.as_object_mut().context("no rule")?.remove("for");
    }
    Ok(serde_json::json!({"groups": [{"name": "all", "rules": rules}]}))
}

/// The dashboard.
pub(super) fn dashboard() -> Result<Value> {
    Ok(serde_json::from_str(&read(
        "deploy/observability/dashboard.json",
    )?)?)
}

/// Its panels, without those that are only headings.
pub(super) fn panels() -> Result<Vec<Value>> {
    let mut panels = dashboard()?["panels"]
        .as_array()
        .context("no panels")?
        .clone();
    panels.retain(|panel| panel["type"] != "row");
    Ok(panels)
}

/// A field that is a text.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    let text = value[field].as_str().filter(|text| !text.trim().is_empty());
    text.with_context(|| format!("no {field} in {value}"))
}

/// The cells of the rows of a page's tables that have this first column.
pub(super) fn table(page: &str, first: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let cells = line.trim_matches('|').split('|');
        let cells: Vec<_> = cells.map(|cell| cell.trim().to_owned()).collect();
        if !line.starts_with('|') {
            inside = false;
        } else if cells[0] == first {
            inside = true;
        } else if inside && !cells[0].starts_with("---") {
            rows.push(cells);
        }
    }
    anyhow::ensure!(!rows.is_empty(), "no table with the column {first}");
    Ok(rows)
}

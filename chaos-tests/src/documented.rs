//! What the documentation says and more than one test compares with.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// The rights of the collector in Kubernetes: API group (empty for the core), resource and verb.
pub fn collector_verbs() -> Result<BTreeSet<[String; 3]>> {
    let header = "| API group | resource | verbs | for |";
    let rows = OPERATIONS.lines().skip_while(|line| *line != header);
    let mut found = BTreeSet::new();
    for row in rows.skip(2).take_while(|row| row.starts_with('|')) {
        let cells: Vec<_> = row.split('|').collect();
        let quoted = |cell: usize| {
            let cell: &str = cells.get(cell).copied().unwrap_or_default();
            cell.split('`').skip(1).step_by(2).map(str::to_owned)
        };
        let group = quoted(1).next().unwrap_or_default();
        let resource = quoted(2).next().with_context(|| row.to_owned())?;
        found.extend(quoted(3).map(|verb| [group.clone(), resource.clone(), verb]));
    }
    Ok(found)
}

//! `docs/metrics.md` lists exactly what is exported.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lease_gc::metrics::{Labels, Metrics};
use lease_gc::report::{Count, RangeReport, SweepReport, SweepResult};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");

/// A metric's type and the names of its labels.
type Shape = (String, BTreeSet<String>);

/// Metrics of a process in which everything has happened.
fn exported() -> String {
    let labels = Labels {
        evidence: &["e"],
        keep_reasons: &["r"],
        refusals: &["r"],
        breakers: &["b"],
        etcd_operations: &["o"],
        kubernetes_operations: &["o"],
    };
    let metrics = Metrics::new(&labels, "1.2.3").unwrap();
    let mut report = SweepReport::new(Timestamp::now());
    report.result = SweepResult::Complete;
    report.ranges.push(RangeReport {
        space: "s".to_owned(),
        range: "r".to_owned(),
        capacity: Count(1),
        allocated: Count(1),
        resting: Count(0),
        reserved: Count(0),
        free: Count(0),
    });
    metrics.leads();
    metrics.swept(&report);
    metrics.allocated("n");
    metrics.released("n");
    metrics.etcd_request("o", Duration::ZERO, false);
    metrics.kubernetes_request("o", Duration::ZERO, false);
    metrics.render().unwrap()
}

fn shapes_of_exposition(text: &str) -> BTreeMap<String, Shape> {
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("# TYPE ") {
            let (family, kind) = header.split_once(' ').unwrap();
            name = family;
            shapes.insert(family.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            assert!(line.starts_with(name), "{line} is no series of {name}");
            let labels = line.split_once('{').map_or("", |(_, labels)| labels);
            let labels = labels.split_once('}').map_or("", |(labels, _)| labels);
            let names = labels.split(',').filter_map(|label| label.split_once('='));
            let names = names.map(|(label, _)| label.to_owned());
            let known = &mut shapes.get_mut(name).unwrap().1;
            known.extend(names.filter(|label| label != "le"));
        }
    }
    shapes
}

fn shapes_of_table(text: &str) -> BTreeMap<String, Shape> {
    let rows = text.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" |").map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else {
            panic!("{row} has {} cells", cells.len());
        };
        assert!(!meaning.is_empty(), "{row}");
        let bare = |text: &str| text.trim().trim_matches('`').to_owned();
        let labels = labels
            .split(',')
            .map(bare)
            .filter(|label| !label.is_empty());
        (bare(name), (kind.to_owned(), labels.collect()))
    })
    .collect()
}

#[test]
fn the_table_lists_exactly_what_is_exported() {
    let exported = shapes_of_exposition(&exported());
    let listed = shapes_of_table(&std::fs::read_to_string(TABLE).unwrap());
    for (name, shape) in &exported {
        assert_eq!(listed.get(name), Some(shape), "{name} in docs/metrics.md");
    }
    for name in listed.keys() {
        assert!(
            exported.contains_key(name),
            "{name} is listed, not exported"
        );
    }
    assert!(exported.len() > 30, "{exported:?}");
}

#[test]
fn names_have_the_prefix_and_the_unit_that_prometheus_asks_for() {
    for (name, (kind, _)) in shapes_of_exposition(&exported()) {
        assert!(
            name.starts_with("etcd_ipam_") || name.starts_with("process_"),
            "{name}"
        );
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        assert_eq!(
            kind == "histogram",
            name.ends_with("_duration_seconds"),
            "{name}"
        );
    }
}

//! `docs/configuration.md` lists exactly the keys that the plugin knows.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy takes the functions beside the tests for code that is shipped"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const PAGE: &str = include_str!("../../docs/configuration.md");

/// Keys of the network's configuration that stand beside the section, where the schema does not look.
const BESIDE_THE_SECTION: [&str; 1] = ["runtimeConfig.ipRanges"];

/// Every key of the section, those of the object `etcd` with its name before them, and for each the
/// fields of the objects that it is a list of.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let schema = ipam_plugin::config::ipam_schema();
    let mut known = BTreeMap::new();
    for (key, value) in schema["properties"].as_object().unwrap() {
        let fields = fields(&schema, value);
        if key == "etcd" {
            let names = fields
                .iter()
                .map(|field| (format!("etcd.{field}"), BTreeSet::new()));
            known.extend(names);
        } else {
            known.insert(key.clone(), fields);
        }
    }
    known
}

/// The fields of the objects in the schema of a key.
fn fields(schema: &Value, value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref") {
                let name = name.as_str().unwrap().trim_start_matches("#/$defs/");
                let properties = schema["$defs"][name]["properties"].as_object();
                found.extend(
                    properties
                        .into_iter()
                        .flatten()
                        .map(|(field, _)| field.clone()),
                );
            }
            found.extend(members.values().flat_map(|value| fields(schema, value)));
        }
        Value::Array(values) => found.extend(values.iter().flat_map(|value| fields(schema, value))),
        _ => {}
    }
    found
}

/// What is quoted as code in a text.
fn code(text: &str) -> BTreeSet<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts
        .map(|part| part.trim_end_matches("[]").to_owned())
        .collect()
}

/// The keys of the page's tables, with what is quoted in their rows.
fn rows() -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    let mut within = false;
    for line in PAGE.lines() {
        within = line == "| key | type | default | meaning |" || within && line.starts_with('|');
        let cells = line.trim_matches('|').split_once('|');
        let Some((keys, rest)) = cells.filter(|_| within) else {
            continue;
        };
        rows.extend(code(keys).into_iter().map(|key| (key, code(rest))));
    }
    rows
}

/// The keys that are understood and do nothing.
fn ignored() -> BTreeSet<String> {
    let (_, section) = PAGE.split_once("### Accepted and ignored").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    code(section)
}

#[test]
fn the_tables_list_exactly_the_keys() {
    let mut listed: BTreeSet<_> = rows().into_keys().chain(ignored()).collect();
    for key in BESIDE_THE_SECTION {
        assert!(listed.remove(key), "{key} is not listed");
    }
    let known: BTreeSet<_> = known().into_keys().collect();
    let difference: Vec<_> = known.symmetric_difference(&listed).collect();
    assert!(
        difference.is_empty(),
        "keys that docs/configuration.md lacks, or that do not exist: {difference:?}"
    );
    assert!(known.len() > 40, "{known:?}");
}

#[test]
fn what_a_list_is_made_of_stands_in_its_row() {
    let rows = rows();
    for (key, fields) in known() {
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !rows[&key].contains(*field))
            .collect();
        assert!(missing.is_empty(), "{missing:?} in the row of {key}");
    }
}

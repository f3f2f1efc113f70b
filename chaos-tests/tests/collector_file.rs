//! An audit without an API at hand: pods and nodes from a file.

use std::path::Path;

use anyhow::{Result, ensure};
use chaos_tests::collector::{Collector, Source};
use chaos_tests::kubernetes::pod;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::reconciling::{AT_ONCE, boot_id, machine};
use chaos_tests::record::{self, Record, record};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What `kubectl get pods,nodes -A -o json` prints of a cluster with one node and one pod.
fn list() -> Value {
    let of_kind = |kind: &str, mut object: Value| {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("kind".to_owned(), kind.into());
            fields.insert("apiVersion".to_owned(), "v1".into());
        }
        object
    };
    let items = [
        of_kind("Pod", pod("shop", "lives", "uid-lives", "w1").into()),
        of_kind("Node", machine("w1").into()),
    ];
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": ""}, "items": items})
}

fn attached(name: &str, last: u8) -> Record {
    record(&holder("w1", "net", name))
        .address("default", std::net::Ipv4Addr::new(10, 95, 0, last), 24)
        .pod("shop", name, &format!("uid-{name}"))
        .started("", &boot_id("w1"), 1000)
}

fn once(lab: &Lab, file: &Path, more: &[&str]) -> Result<(bool, Vec<Value>)> {
    let source = Source::File(file.to_owned());
    let more = [&AT_ONCE[..], more].concat();
    let output = Collector::once(&[lab.etcd.endpoint()], &source, &more)?;
    let reports = output.stdout.lines().map(serde_json::from_str);
    Ok((output.status.success(), reports.collect::<Result<_, _>>()?))
}

#[test]
fn what_is_older_than_the_file_and_not_in_it_is_found() -> Result<()> {
    let lab = Lab::new()?;
    let home = TempDir::new()?;
    let file = home.path().join("living.json");
    std::fs::write(&file, list().to_string())?;
    let young = attached("young", 3).created("2999-01-01T00:00:00Z");
    let records = [attached("lives", 1), attached("gone", 2), young];
    record::write(&lab.raw, &lab.layout, records)?;

    let (_, reports) = once(&lab, &file, &["--dry-run"])?;
    assert_eq!(reports[1]["released"], json!({"pod_gone": 1}));
    assert_eq!(lab.holdings()?.owners(), 3);
    let (ended_well, reports) = once(&lab, &file, &[])?;
    ensure!(ended_well);
    assert_eq!(reports[1]["released"], json!({"pod_gone": 1}));
    assert_eq!(reports[1]["kept"], json!({"younger_than_source": 1}));
    let holdings = lab.holdings()?;
    assert_eq!(holdings.owners(), 2);
    ensure!(holdings.of(&holder("w1", "net", "gone"))?.is_empty());
    Ok(())
}

#[test]
fn half_a_file_releases_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let home = TempDir::new()?;
    let file = home.path().join("living.json");
    record::write(&lab.raw, &lab.layout, [attached("gone", 1)])?;
    let whole = list().to_string();
    let half = whole.get(..whole.len() / 2).unwrap_or_default().to_owned();
    let mut no_pods = list();
    no_pods["items"].as_array_mut().map(|items| items.remove(0));
    let mut no_nodes = list();
    no_nodes["items"].as_array_mut().map(Vec::pop);
    for text in [
        half,
        no_pods.to_string(),
        no_nodes.to_string(),
        String::new(),
    ] {
        std::fs::write(&file, &text)?;
        let (ended_well, reports) = once(&lab, &file, &[])?;
        ensure!(!ended_well && reports.is_empty(), "{text}: {reports:?}");
        assert_eq!(lab.holdings()?.owners(), 1);
    }
    Ok(())
}

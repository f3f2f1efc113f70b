//! The same on every version of etcd that is supported or tolerated.

use anyhow::Result;
use chaos_tests::etcd::Options;
use chaos_tests::install::{etcd_versions, why_missing};
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::plugin::network;
use chaos_tests::skip::skipped;
use serde_json::{Value, json};

fn net(order: &str, more: &Value) -> Value {
    let mut ipam = json!({
        "order": order,
        "ranges": [
            [{"subnet": "10.89.0.0/24", "rangeStart": "10.89.0.10", "rangeEnd": "10.89.0.39"}],
            [{"subnet": "fd00:89::/64"}],
        ],
    });
    if let (Some(ipam), Some(more)) = (ipam.as_object_mut(), more.as_object()) {
        ipam.extend(more.clone());
    }
    network("net", ipam)
}

/// A day in the life of a node, on one version of etcd.
fn works_on(test: &str, series: &str) -> Result<()> {
    let Some(install) = etcd_versions()
        .into_iter()
        .find(|install| install.series() == series)
    else {
        skipped(test, &why_missing(series));
        return Ok(());
    };
    let options = Options {
        install: Some(install),
        ..Options::default()
    };
    let mut lab = Lab::with(options, json!({"timeout": "3s"}))?;
    for order in ["lowest", "spread"] {
        let net = net(order, &json!({}));
        let container = |number: usize| format!("c{number}");
        at_once(30, |number| {
            lab.node.add(&container(number), &net)?.success()
        })?;
        assert_eq!(lab.holdings()?.addresses(), 60);
        lab.node.add("late", &net)?.failure(100)?;
        lab.node.add("c0", &net)?.success()?;

        lab.node.gc(&["c0", "c1", "c2", "c3"], &net)?.silence()?;
        assert_eq!(lab.holdings()?.owners(), 4);
        lab.node.status(&net)?.silence()?;
        let result = lab.node.add("c1", &net)?.success()?.json()?;
        lab.node.check("c1", &net, &result)?.silence()?;

        lab.raw.put(lab.layout.freeze(), "{}")?;
        lab.node.add("late", &net)?.failure(105)?;
        lab.node.del("c0", &net)?.silence()?;
        lab.raw.delete(lab.layout.freeze())?;

        lab.etcd.kill()?;
        lab.node.add("late", &net)?.failure(11)?;
        lab.node.del("c1", &net)?.silence()?;
        lab.etcd.restart()?;
        for number in 2..4 {
            lab.node.del(&container(number), &net)?.silence()?;
        }
        assert_eq!(lab.node.spool()?.len(), 0);
        lab.ensure_all_is_free()?;
    }
    Ok(())
}

#[test]
fn everything_works_on_etcd_3_5() -> Result<()> {
    works_on("everything_works_on_etcd_3_5", "3.5")
}

#[test]
fn everything_works_on_etcd_3_4() -> Result<()> {
    works_on("everything_works_on_etcd_3_4", "3.4")
}

//! etcd has no space left: it accepts no write, and deletes must still go through.

use anyhow::Result;
use chaos_tests::etcd::Options;
use chaos_tests::install::etcd_versions;
use chaos_tests::lab::Lab;
use chaos_tests::plugin::network;
use serde_json::json;

#[test]
fn an_add_names_the_alarm_if_it_fails_and_releases_go_through() -> Result<()> {
    for install in etcd_versions() {
        let options = Options {
            install: Some(install),
            quota_bytes: Some(4 << 20),
            ..Options::default()
        };
        let lab = Lab::with(options, json!({"timeout": "3s"}))?;
        let net = network("net", json!({"range": "10.87.0.0/24"}));
        let resting = network(
            "resting",
            json!({"range": "10.88.0.0/24", "cooldown": "1h"}),
        );
        lab.node.add("a", &net)?.success()?;
        lab.node.add("b", &resting)?.success()?;
        lab.raw.fill_up("filler/")?;

        // The servers of today do not look for writes in the nested part of a transaction.
        let answer = lab.node.add("c", &net)?;
        if !answer.is_success() {
            let message = answer.failure(11)?.message()?;
            assert!(message.contains("NOSPACE"), "{message}");
        }
        lab.node.del("a", &net)?.silence()?;
        // A rest would be a write. Where the server refuses it, the address has none.
        lab.node.del("b", &resting)?.silence()?;
        lab.node.del("c", &net)?.silence()?;
        lab.ensure_all_is_free()?;
        assert_eq!(lab.node.spool()?.len(), 0);
    }
    Ok(())
}

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::cli::{AnyCommand, Cli, Command, Format};
use crate::testing::{FakeEtcd, STORE, context};

/// A directory with the files of an import, and what came of it.
struct Bench {
    home: TempDir,
    context: Context<FakeEtcd, crate::testing::Noon>,
}

struct Imported {
    verdict: anyhow::Result<Verdict>,
    out: String,
    err: String,
}

impl Imported {
    fn json(&self) -> Value {
        assert!(self.verdict.is_ok(), "{:?}", self.verdict);
        serde_json::from_str(&self.out).unwrap()
    }

    fn error(self) -> String {
        format!("{:#}", self.verdict.unwrap_err())
    }
}

impl Bench {
    /// With a configuration of `10.0.0.0/24` and `fd00::/64`, a node `n1` and these pods on it, each
    /// with the addresses that it names on `net7`.
    fn new(pods: &[(&str, &[&str])]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let bench = Self {
            context: context(FakeEtcd::of(&[STORE])),
            home,
        };
        let ipam = json!({
            "type": "etcd-ipam", "cooldown": "30s",
            "ranges": [
                [{"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.1", "rangeEnd": "10.0.0.100", "gateway": "10.0.0.1"}],
                [{"subnet": "fd00::/64", "gateway": "fd00::fff"}],
            ],
        });
        bench.write(
            "config",
            &json!({"cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "ipam": ipam}),
        );
        let mut items = vec![
            json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {
                "nodeInfo": {"machineID": "m1", "bootID": "b1"},
                "conditions": [{"type": "Ready", "status": "True"}],
            }}),
            json!({"kind": "Pod", "metadata": {"namespace": "d", "name": "bystander", "uid": "u-by"},
                "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}),
        ];
        for (name, ips) in pods {
            let status = json!([{"name": "d/lan", "interface": "net7", "ips": ips}]);
            items.push(json!({
                "kind": "Pod",
                "metadata": {"namespace": "d", "name": name, "uid": format!("u-{name}"), "annotations": {
                    "k8s.v1.cni.cncf.io/network-status": status.to_string()}},
                "spec": {"nodeName": "n1"}, "status": {"phase": "Running"},
            }));
        }
        bench.write("pods", &json!({"kind": "List", "items": items}));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, content: &Value) {
        fs::write(self.path(name), content.to_string()).unwrap();
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    async fn run(&self, format: Format, from: &str, more: &[&str]) -> Imported {
        let config = self.text("config");
        let mut line = vec!["ipamctl", "import", "--from", from];
        if from != "ipamctl" {
            line.extend(["--config", &config]);
        }
        line.extend(more);
        let AnyCommand::WithStore(Command::Import(options)) =
            Cli::try_parse_from(line).unwrap().command
        else {
            panic!("another command");
        };
        // Whatever the developer's own environment says.
        let options = Options {
            pods: PodsFlags {
                kubeconfig: None,
                ..options.pods
            },
            ..options
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(format, &mut out, &mut err);
        let defaults = Defaults {
            named: None,
            environment: None,
        };
        let verdict = run(&self.context, &mut output, &options, &defaults).await;
        Imported {
            verdict,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    /// Imports these objects of Whereabouts.
    async fn whereabouts(&self, items: &[Value], more: &[&str]) -> Imported {
        self.write("objects", &json!({"kind": "List", "items": items}));
        let (pods, objects) = (self.text("pods"), self.text("objects"));
        let more = [&["--pods-from", &pods, &objects], more].concat();
        self.run(Format::Json, "whereabouts", &more).await
    }

    fn value(&self, key: &str) -> Option<String> {
        let value = self
            .context
            .store
            .etcd()
            .value(&format!("/etcd-ipam/v1/{key}"))?;
        Some(String::from_utf8(value).unwrap())
    }

    fn put(&self, key: &str, value: &str) {
        self.context
            .store
            .etcd()
            .put(&format!("/etcd-ipam/v1/{key}"), value);
    }

    fn holder(&self, last: u8) -> Option<String> {
        self.value(&format!("addr/default/010.000.000.{last:03}"))
    }

    fn owner(&self, container: &str, interface: &str) -> Option<Value> {
        let owner = self.value(&format!("owner/default/n1/lan/{container}/{interface}"));
        owner.map(|text| serde_json::from_str(&text).unwrap())
    }
}

fn pool(name: &str, range: &str, allocations: impl Into<Value>) -> Value {
    let allocations = allocations.into();
    json!({
        "apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "IPPool",
        "metadata": {"name": name}, "spec": {"range": range, "allocations": allocations},
    })
}

fn v4(allocations: impl Into<Value>) -> Value {
    pool("10.0.0.0-24", "10.0.0.0/24", allocations)
}

fn reservation(name: &str, spec: impl Into<Value>) -> Value {
    let spec = spec.into();
    json!({
        "apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "OverlappingRangeIPReservation",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// The first line of an export of a store.
fn header(store_id: &str) -> Value {
    json!({"format": "etcd-ipam-export", "version": 1, "store_id": store_id, "prefix": "/p",
        "revision": 9, "exported": "2026", "program": "0.1.0"})
}

fn allocation(id: &str, pod: &str) -> Value {
    json!({"id": id, "podref": format!("d/{pod}"), "ifname": "net1"})
}

fn left_out(imported: &Imported) -> Vec<(String, bool)> {
    let json = imported.json();
    let list = json["left_out"].as_array().unwrap().clone();
    let row = |one: &Value| {
        let text = format!(
            "{}: {}",
            one["what"].as_str().unwrap(),
            one["because"].as_str().unwrap()
        );
        (text, one["matters"].as_bool().unwrap())
    };
    list.iter().map(row).collect()
}

#[tokio::test]
async fn two_families_of_an_interface_become_one_attachment_as_an_add_would_write_it() {
    let bench = Bench::new(&[("web", &[])]);
    let pools = [
        pool(
            "fd00---64",
            "fd00::/64",
            json!({"7": allocation("c1", "web")}),
        ),
        v4(json!({"5": allocation("c1", "web")})),
    ];
    let imported = bench.whereabouts(&pools, &[]).await;
    assert_eq!(
        imported.json()["attachments"],
        json!({"new": 1, "present": 0})
    );
    assert_eq!(
        imported.json()["addresses"],
        json!({"new": 2, "present": 0})
    );
    let record = bench.owner("c1", "net1").unwrap();
    assert_eq!(
        record["addresses"],
        json!([
            {"space": "default", "address": "10.0.0.5", "prefix": 24, "gateway": "10.0.0.1"},
            {"space": "default", "address": "fd00::7", "prefix": 64, "gateway": "fd00::fff"},
        ])
    );
    assert_eq!(record["kind"], "imported");
    assert_eq!(
        record["pod"],
        json!({"namespace": "d", "name": "web", "uid": "u-web"})
    );
    assert_eq!(
        (
            &record["boot_id"],
            &record["machine_id"],
            &record["cooldown_s"]
        ),
        (&json!("b1"), &json!("m1"), &json!(30))
    );
    assert_eq!(bench.holder(5).unwrap(), "default/n1/lan/c1/net1");
    assert_eq!(
        bench
            .value("addr/default/fd00:0000:0000:0000:0000:0000:0000:0007")
            .unwrap(),
        "default/n1/lan/c1/net1"
    );
    // The collector is to know the ranges, and listings.
    assert!(
        bench
            .value("range/default/10.0.0.1-10.0.0.100%2F24")
            .is_some()
    );
}

#[tokio::test]
async fn a_second_run_finds_everything_there() {
    let bench = Bench::new(&[("web", &["10.0.0.9"])]);
    let pools = [v4(json!({"5": allocation("c1", "web")}))];
    let first = bench.whereabouts(&pools, &[]).await;
    assert_eq!(first.json()["adopted"], json!({"new": 1, "present": 0}));
    let owner = bench.owner("c1", "net1");
    let second = bench.whereabouts(&pools, &[]).await;
    assert_eq!(
        second.json()["attachments"],
        json!({"new": 0, "present": 1})
    );
    assert_eq!(second.json()["conflicts"], json!([]));
    assert_eq!(second.verdict.unwrap(), Verdict::Done);
    assert_eq!(bench.owner("c1", "net1"), owner);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let bench = Bench::new(&[("web", &[])]);
    let pools = [v4(json!({"5": allocation("c1", "web")}))];
    let imported = bench.whereabouts(&pools, &["--dry-run"]).await;
    assert_eq!(imported.json()["outcome"], "planned");
    assert_eq!(imported.json()["attachments"]["new"], 1);
    assert!(
        imported.err.contains("nothing was imported"),
        "{}",
        imported.err
    );
    assert_eq!(bench.owner("c1", "net1"), None);
    assert_eq!(bench.value("range/default/10.0.0.1-10.0.0.100%2F24"), None);
}

#[tokio::test]
async fn hostile_offsets_lead_to_no_address() {
    let bench = Bench::new(&[("web", &[])]);
    let hostile = [
        "-12",
        "256",
        "18446463705355360228",
        "9223372036854775808",
        "x",
        "",
        "340282366920938463463374607431768211456",
    ];
    let allocations: serde_json::Map<_, _> = hostile
        .iter()
        .map(|offset| ((*offset).to_owned(), allocation("c1", "web")))
        .collect();
    let imported = bench.whereabouts(&[v4(allocations)], &[]).await;
    let left_out = left_out(&imported);
    assert_eq!(left_out.len(), hostile.len());
    assert!(
        left_out
            .iter()
            .all(|(text, matters)| *matters && text.contains("the offset"))
    );
    assert_eq!(imported.verdict.unwrap(), Verdict::Negative);
}

#[tokio::test]
async fn an_offset_beyond_63_bits_is_an_address_of_a_wide_pool() {
    let bench = Bench::new(&[("web", &[])]);
    let pools = [pool(
        "fd00---64",
        "fd00::/64",
        json!({"9223372036854775809": allocation("c1", "web")}),
    )];
    bench.whereabouts(&pools, &[]).await.verdict.unwrap();
    let held = bench.value("addr/default/fd00:0000:0000:0000:8000:0000:0000:0001");
    assert!(held.is_some());
}

#[tokio::test]
async fn what_is_left_out_is_told_and_matters_if_it_may_be_in_use() {
    let bench = Bench::new(&[("web", &[])]);
    let pools = [
        v4(json!({
            "1": allocation("c1", "web"),
            "2": allocation("c2", "gone"),
            "200": allocation("c3", "gone"),
            "3": "not an allocation",
        })),
        pool(
            "10.9.0.0-24",
            "10.9.0.0/24",
            json!({"1": allocation("c4", "web")}),
        ),
        pool("broken", "nonsense", json!({})),
        reservation("10.0.0.2", json!({"podref": "d/gone"})),
    ];
    let imported = bench.whereabouts(&pools, &[]).await;
    let mut found = left_out(&imported);
    found.sort();
    let texts: Vec<_> = found
        .iter()
        .map(|(text, matters)| (text.as_str(), *matters))
        .collect();
    let range = "it is in no range of the configuration";
    assert_eq!(texts.len(), 6, "{texts:?}");
    // The gateway, which Whereabouts gives to pods.
    assert!(texts.contains(&(format!("10.0.0.1 of d/web: {range}").as_str(), true)));
    assert!(texts.contains(&(format!("10.0.0.200 of d/gone: {range}").as_str(), false)));
    assert!(texts.contains(&(
        "10.0.0.2 of d/gone: no such pod lives: it has leaked",
        false
    )));
    assert!(
        texts
            .iter()
            .any(|(text, matters)| *matters && text.starts_with("10.0.0.3: "))
    );
    assert!(
        texts
            .iter()
            .any(|(text, matters)| *matters && text.contains("pool broken"))
    );
    assert!(
        texts
            .iter()
            .any(|(text, matters)| !*matters && text.contains("pool 10.9.0.0-24"))
    );
}

#[tokio::test]
async fn an_address_that_another_living_pod_uses_is_adopted_unless_the_store_has_it() {
    let bench = Bench::new(&[("new", &["10.0.0.5"]), ("ours", &["10.0.0.6"])]);
    bench.put("addr/default/010.000.000.006", "default/n1/lan/c9/net1");
    let pools = [v4(
        json!({"5": allocation("c1", "gone"), "6": allocation("c2", "gone")}),
    )];
    let imported = bench.whereabouts(&pools, &[]).await;
    assert_eq!(
        imported.json()["attachments"],
        json!({"new": 0, "present": 0})
    );
    assert_eq!(imported.json()["adopted"], json!({"new": 1, "present": 0}));
    assert_eq!(imported.json()["conflicts"], json!([]));
    assert_eq!(
        bench.holder(5).unwrap(),
        "default/n1/d%2Flan/adopted-u-new/net7"
    );
    let record = bench
        .value("owner/default/n1/d%2Flan/adopted-u-new/net7")
        .unwrap();
    assert!(record.contains("\"kind\":\"adopted\""), "{record}");
    assert_eq!(imported.verdict.unwrap(), Verdict::Done);
}

#[tokio::test]
async fn without_an_ifname_the_interface_is_the_one_that_the_pod_names() {
    let bench = Bench::new(&[("web", &["10.0.0.5"]), ("old", &[])]);
    let old = |id: &str, pod: &str| json!({"id": id, "podref": format!("d/{pod}")});
    let pools = [v4(json!({"5": old("c1", "web"), "6": old("c2", "old")}))];
    bench.whereabouts(&pools, &[]).await.verdict.unwrap();
    assert!(bench.owner("c1", "net7").is_some());
    assert!(bench.owner("c2", "net1").is_some());
}

#[tokio::test]
async fn a_reservation_counts_where_the_allocation_was_lost() {
    let bench = Bench::new(&[("web", &[]), ("lost", &[]), ("other", &[])]);
    let objects = [
        pool(
            "blue-10.0.0.0-24",
            "10.0.0.0/24",
            json!({"5": allocation("c1", "web"), "6": allocation("c2", "web")}),
        ),
        pool("blue-fd00---64", "fd00::/64", json!({})),
        reservation(
            "blue-10.0.0.5",
            json!({"podref": "d/web", "ifname": "net1"}),
        ),
        reservation(
            "blue-10.0.0.6",
            json!({"podref": "d/other", "ifname": "net1"}),
        ),
        reservation(
            "blue-10.0.0.8",
            json!({"podref": "d/lost", "ifname": "net1"}),
        ),
        reservation(
            "blue-fd00--0",
            json!({"podref": "d/lost", "ifname": "net1"}),
        ),
        reservation(
            "blue-fd00--9",
            json!({"podref": "d/lost", "ifname": "net1"}),
        ),
        reservation(
            "red-10.0.0.9",
            json!({"podref": "d/lost", "ifname": "net1"}),
        ),
    ];
    let imported = bench.whereabouts(&objects, &["--skip-conflicts"]).await;
    let record = bench.owner("imported-u-lost", "net1").unwrap();
    let ips: Vec<_> = record["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| &held["address"])
        .collect();
    assert_eq!(ips, ["10.0.0.8", "fd00::9"]);
    assert_eq!(bench.holder(9), None);
    // Whereabouts' two records of one address disagree.
    let conflicts = imported.json()["conflicts"].clone();
    assert_eq!(conflicts.as_array().unwrap().len(), 1, "{conflicts}");
    assert_eq!(conflicts[0]["what"], "10.0.0.6 of d/other");
    assert!(bench.owner("c2", "net1").is_some());
}

#[tokio::test]
async fn a_container_that_two_pods_name_is_a_conflict() {
    let bench = Bench::new(&[("web", &[]), ("db", &[])]);
    let pools = [v4(
        json!({"5": allocation("c1", "web"), "6": allocation("c1", "db")}),
    )];
    let imported = bench.whereabouts(&pools, &[]).await;
    assert_eq!(imported.json()["conflicts"].as_array().unwrap().len(), 1);
    assert_eq!(bench.holder(5), None);
}

#[tokio::test]
async fn pools_are_chosen_by_the_network_name_or_by_hand() {
    let pools = [
        v4(json!({"5": allocation("c1", "web")})),
        pool(
            "green-10.0.0.0-24",
            "10.0.0.0/24",
            json!({"6": allocation("c2", "web")}),
        ),
    ];
    let bench = Bench::new(&[("web", &["10.0.0.6"])]);
    let imported = bench.whereabouts(&pools, &[]).await;
    assert!(bench.holder(5).is_some());
    // The other pool has it: it is of another network, although a pod names it.
    assert_eq!(bench.holder(6), None);
    assert_eq!(imported.json()["adopted"]["new"], 0);

    let bench = Bench::new(&[("web", &[])]);
    let by_hand = bench
        .whereabouts(&pools, &["--pool", "green-10.0.0.0-24"])
        .await;
    assert_eq!(by_hand.json()["attachments"]["new"], 1);
    assert!(bench.holder(6).is_some() && bench.holder(5).is_none());
    let error = bench.whereabouts(&pools, &["--pool", "nope"]).await.error();
    assert!(error.contains("green-10.0.0.0-24"), "{error}");
}

#[tokio::test]
async fn with_conflicts_nothing_is_written_unless_they_are_left_out() {
    let bench = Bench::new(&[("web", &[]), ("db", &[]), ("api", &[])]);
    bench.put(
        "addr/default/010.000.000.005",
        r#"{"kind":"reservation","reason":"the printer"}"#,
    );
    bench.put("owner/default/n1/lan/c2/net1", r#"{"v":1,"id":"x","addresses":[{"space":"default","address":"10.0.0.77","prefix":24}],"created":"","plugin":""}"#);
    let pools = [v4(json!({
        "5": allocation("c1", "web"), "6": allocation("c2", "db"), "7": allocation("c3", "api"),
    }))];
    let refused = bench.whereabouts(&pools, &[]).await;
    let conflicts = refused.json()["conflicts"].clone();
    assert_eq!(conflicts[0]["because"], "10.0.0.5 is reserved: the printer");
    assert_eq!(conflicts[1]["because"], "the store has it with 10.0.0.77");
    assert_eq!(refused.json()["outcome"], "refused");
    assert_eq!(refused.verdict.unwrap(), Verdict::Negative);
    assert_eq!(bench.holder(7), None);

    let done = bench.whereabouts(&pools, &["--skip-conflicts"]).await;
    assert_eq!(done.json()["attachments"]["new"], 1);
    assert_eq!(done.verdict.unwrap(), Verdict::Negative);
    assert!(bench.holder(7).is_some() && bench.holder(6).is_none());
}

#[tokio::test]
async fn a_frozen_store_is_written_only_by_who_says_so() {
    let pools = [v4(json!({"5": allocation("c1", "web")}))];
    let bench = Bench::new(&[("web", &[])]);
    let error = bench.whereabouts(&pools, &["--frozen"]).await.error();
    assert!(error.contains("is not frozen"), "{error}");
    bench.put("meta/freeze", r#"{"reason":"migration"}"#);
    let error = bench.whereabouts(&pools, &[]).await.error();
    assert!(
        error.contains("migration") && error.contains("--frozen"),
        "{error}"
    );
    assert_eq!(bench.holder(5), None);
    bench
        .whereabouts(&pools, &["--frozen"])
        .await
        .verdict
        .unwrap();
    assert!(bench.holder(5).is_some());
}

#[tokio::test]
async fn a_store_that_is_not_to_be_trusted_is_not_written() {
    let pools = [v4(json!({"5": allocation("c1", "web")}))];
    let mut bench = Bench::new(&[("web", &[])]);
    bench.context.store.etcd().set_term(1);
    let error = bench.whereabouts(&pools, &[]).await.error();
    assert!(error.contains("restored"), "{error}");
    bench.context = context(FakeEtcd::of(&[]));
    let error = bench.whereabouts(&pools, &[]).await.error();
    assert!(error.contains("not initialised"), "{error}");
    bench.context = context(FakeEtcd::of(&[STORE]));
    bench.context.prefix = "/other".into();
    bench.write(
        "config",
        &json!({"cniVersion": "1.0.0", "name": "lan", "ipam": {
        "type": "etcd-ipam", "range": "10.0.0.0/24", "etcd": {"endpoints": ["a:1"]}}}),
    );
    let error = bench.whereabouts(&pools, &[]).await.error();
    assert!(error.contains("--prefix"), "{error}");
}

#[tokio::test]
async fn without_the_living_nothing_of_whereabouts_can_be_placed() {
    let bench = Bench::new(&[]);
    bench.write("objects", &v4(json!({"5": allocation("c1", "web")})));
    let objects = bench.text("objects");
    let error = bench
        .run(Format::Json, "whereabouts", &[&objects])
        .await
        .error();
    assert!(error.contains("--pods-from"), "{error}");
    bench.write("pods", &json!({"kind": "List", "items": []}));
    let pods = bench.text("pods");
    let more = ["--pods-from", &pods, &objects];
    let error = bench.run(Format::Json, "whereabouts", &more).await.error();
    assert!(error.contains("cannot be the whole cluster"), "{error}");
}

#[tokio::test]
async fn broken_files_are_named() {
    let bench = Bench::new(&[]);
    let pods = bench.text("pods");
    for (from, content, part) in [
        ("whereabouts", "{", "EOF"),
        (
            "whereabouts",
            r#"{"kind":"Pod","apiVersion":"v1"}"#,
            "--from",
        ),
        ("whereabouts", r#"{"kind":"List","items":7}"#, "no list"),
        (
            "whereabouts-etcd",
            r#"{"kvs":[{"key":"not base64!"}]}"#,
            "a key",
        ),
        ("whereabouts-etcd", r#"{"kvs":7}"#, "the file"),
        ("ipamctl", "10.0.0.1 c1", "line 1"),
        ("ipamctl", "", "line 1"),
    ] {
        fs::write(bench.path("input"), content).unwrap();
        let input = bench.text("input");
        let more = ["--pods-from", &pods, &input];
        let error = bench.run(Format::Json, from, &more).await.error();
        assert!(error.contains(part), "{from}: {error}");
        assert!(error.contains(&input), "{from}: {error}");
    }
    let error = bench
        .run(Format::Json, "ipamctl", &["/none/such"])
        .await
        .error();
    assert!(error.contains("/none/such"), "{error}");
}

#[tokio::test]
async fn the_old_etcd_backend_is_read_as_etcdctl_prints_it() {
    let text = "/whereabouts/10.0.0.0/24\n10.0.0.5 web-0\n10.0.0.6 gone-0\n10.0.0.7\nnonsense";
    let answer = json!({"header": {}, "count": 1, "kvs": [{
        "key": "L3doZXJlYWJvdXRzLzEwLjAuMC4wLzI0", "create_revision": 2,
        "value": "MTAuMC4wLjUgd2ViLTAKMTAuMC4wLjYgZ29uZS0wCjEwLjAuMC43Cm5vbnNlbnNl"}]});
    for content in [text.to_owned(), answer.to_string()] {
        let bench = Bench::new(&[("web", &["10.0.0.5", "10.0.0.7"])]);
        fs::write(bench.path("input"), content).unwrap();
        let (pods, input) = (bench.text("pods"), bench.text("input"));
        let more = ["--pods-from", &pods, &input];
        let imported = bench.run(Format::Json, "whereabouts-etcd", &more).await;
        assert_eq!(imported.json()["attachments"]["new"], 2);
        assert!(bench.owner("web-0", "net7").is_some());
        assert!(bench.owner("imported-u-web", "net7").is_some());
        let left_out = left_out(&imported);
        assert_eq!(
            left_out[0],
            (
                "nonsense: the line does not begin with an address".into(),
                true
            )
        );
        assert!(left_out[1].0.starts_with("10.0.0.6") && !left_out[1].1);
    }
}

#[tokio::test]
async fn host_local_is_read_on_its_own_node() {
    let bench = Bench::new(&[("web", &["10.0.0.5"])]);
    let lan = bench.path("lan");
    fs::create_dir(&lan).unwrap();
    for (name, content) in [
        ("lock", ""),
        ("last_reserved_ip.0", "10.0.0.6"),
        ("10.0.0.5", "c1\r\neth0"),
        ("10.0.0.6", "c2\neth1\n"),
        ("fd00::6", "c2\r\neth1"),
        ("10.0.0.7", "c3"),
        ("10.0.0.8", ""),
        ("readme", "x"),
    ] {
        fs::write(lan.join(name), content).unwrap();
    }
    let (pods, lan) = (bench.text("pods"), bench.text("lan"));
    let more = ["--node", "n1", "--pods-from", &pods, &lan];
    let imported = bench.run(Format::Json, "host-local", &more).await;
    assert_eq!(imported.json()["attachments"]["new"], 3);
    let left_out: Vec<_> = left_out(&imported)
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert_eq!(bench.owner("c1", "eth0").unwrap()["pod"]["uid"], "u-web");
    let two = bench.owner("c2", "eth1").unwrap();
    assert_eq!(two["addresses"].as_array().unwrap().len(), 2);
    assert_eq!(two["pod"], json!({}));
    let boot = ipam_plugin::local::identity::boot_id();
    assert_eq!(
        (&two["boot_id"], &two["started_ms"]),
        (&json!(boot), &json!(0))
    );
    assert!(bench.owner("c3", "eth0").is_some());
    assert!(!imported.err.contains("is not called"), "{}", imported.err);
}

#[tokio::test]
async fn an_export_is_written_as_it_was() {
    let record = json!({"v": 1, "id": "a", "kind": "lent", "addresses": [
        {"space": "blue@10.0.0.0%2F24", "address": "10.0.0.5", "prefix": 24, "later": 1}],
        "created": "2026", "plugin": "9", "later": {"x": true}});
    let cooldown = json!({"kind": "cooldown", "released": "2026", "cooldown_s": 5, "was": "x"});
    let range = json!({"v": 1, "prefix": 24, "bounds": ["10.0.0.1", "10.0.0.9"], "seen": "2026"});
    let lines = [
        header("other"),
        json!({"kind": "owner", "cluster": "west", "node": "n/1", "network": "lan", "container": "c1",
            "interface": "net1", "record": record}),
        json!({"kind": "holder", "space": "default", "address": "10.0.0.6", "holder": cooldown}),
        json!({"kind": "range", "space": "default", "record": range}),
        json!({"kind": "cluster", "cluster": "west", "uid": "u-west"}),
        json!({"kind": "orphan", "space": "default", "address": "10.0.0.7", "holder": "w/n/l/c/i"}),
        json!({"kind": "damaged", "key": "/p/v1/x", "value_base64": "", "reason": "unknown"}),
        json!({"kind": "end", "owners": 1, "holders": 1, "ranges": 1, "clusters": 1, "orphans": 1, "damaged": 1}),
    ];
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let bench = Bench::new(&[]);
    fs::write(bench.path("export"), text.join("\n")).unwrap();
    let export = bench.text("export");
    for (attachments, verdict) in [
        (json!({"new": 1, "present": 0}), Verdict::Negative),
        (json!({"new": 0, "present": 1}), Verdict::Negative),
    ] {
        let imported = bench.run(Format::Json, "ipamctl", &[&export]).await;
        assert_eq!(imported.json()["attachments"], attachments);
        assert_eq!(left_out(&imported).len(), 2);
        assert_eq!(imported.json()["conflicts"], json!([]));
        assert_eq!(imported.verdict.unwrap(), verdict);
    }
    let parsed = |key: &str| serde_json::from_str::<Value>(&bench.value(key).unwrap()).unwrap();
    assert_eq!(parsed("owner/west/n%2F1/lan/c1/net1"), record);
    assert_eq!(
        bench
            .value("addr/blue@10.0.0.0%2F24/010.000.000.005")
            .unwrap(),
        "west/n%2F1/lan/c1/net1"
    );
    assert_eq!(parsed("addr/default/010.000.000.006"), cooldown);
    assert_eq!(parsed("range/default/10.0.0.1-10.0.0.9%2F24"), range);
    assert_eq!(bench.value("gc/west/identity").unwrap(), "u-west");

    let error = bench
        .run(Format::Json, "ipamctl", &["--config", &export, &export])
        .await
        .error();
    assert!(error.contains("leave --config out"), "{error}");
}

#[tokio::test]
async fn what_an_input_has_twice_is_a_conflict() {
    let owner = |container: &str| {
        json!({"kind": "owner", "cluster": "west", "node": "n1", "network": "lan", "container": container,
            "interface": "net1", "record": {"v": 1, "id": "a", "created": "", "plugin": "", "addresses": [
                {"space": "default", "address": "10.0.0.5", "prefix": 24}]}})
    };
    let lines = [
        header("s1"),
        owner("c1"),
        owner("c2"),
        json!({"kind": "end", "owners": 2, "holders": 0, "ranges": 0, "clusters": 0, "orphans": 0, "damaged": 0}),
    ];
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let bench = Bench::new(&[]);
    fs::write(bench.path("export"), text.join("\n")).unwrap();
    let export = bench.text("export");
    let imported = bench.run(Format::Table, "ipamctl", &[&export]).await;
    assert_eq!(
        imported.out,
        format!(
            "WHAT          TO IMPORT   THERE ALREADY
attachments           1               0
addresses             1               0

CONFLICT                    WHERE{gap}WHY
10.0.0.5 of c2/net1 on n1   {export}, line 3   the input has 10.0.0.5 of c1/net1 on n1 as well ({export}, line 2)
",
            gap = " ".repeat(export.len() + ", line 3   ".len() - "WHERE".len())
        )
    );
    assert_eq!(bench.holder(5), None);
    assert!(
        imported.err.contains("of this very store"),
        "{}",
        imported.err
    );
    assert!(
        imported.err.contains("nothing was imported: 1 conflicts"),
        "{}",
        imported.err
    );
}

#[tokio::test]
async fn the_store_that_the_network_names_must_be_the_one() {
    let bench = Bench::new(&[("web", &[])]);
    for (more, part) in [
        (json!({"cluster": "west"}), "--cluster west"),
        (json!({"etcd": {"store_id": "s9"}}), "s9"),
    ] {
        let mut ipam = json!({"type": "etcd-ipam", "range": "10.0.0.0/24"});
        ipam.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        bench.write(
            "config",
            &json!({"cniVersion": "1.0.0", "name": "lan", "ipam": ipam}),
        );
        let error = bench.whereabouts(&[v4(json!({}))], &[]).await.error();
        assert!(error.contains(part), "{error}");
    }
}

/// An import of one address that rests.
fn one_rest(bench: &Bench) -> Input {
    let keys = bench.context.store.keys();
    let space = store::names::Space::Shared("default".into());
    let address = "10.0.0.5".parse().unwrap();
    let value = r#"{"kind":"quarantine"}"#.to_owned();
    let mut input = Input::default();
    input.add(input::Thing {
        parcel: store::import::Parcel::kept(keys, &space, address, value),
        what: input::What::Kept { space, address },
        origin: "line 2".into(),
    });
    input
}

#[tokio::test]
async fn what_is_taken_between_the_look_and_the_write_is_a_conflict() {
    let bench = Bench::new(&[]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output::new(Format::Json, &mut out, &mut err);
    let context = &bench.context;
    let terms = context
        .store
        .import_terms(context.deadline())
        .await
        .unwrap();
    let mut plan = compare(context, &output, one_rest(&bench)).await.unwrap();
    let mut report = Report::of("ipamctl", "s1".into(), Outcome::Done, &mut plan);
    assert!(report.is_clean());
    bench.put("addr/default/010.000.000.005", "default/n1/lan/c9/net1");
    let taken = write::write(context, &mut output, plan.new, &terms)
        .await
        .unwrap();
    report.taken_meanwhile(taken);
    assert!(!report.is_clean());
    let report = serde_json::to_value(&report).unwrap();
    assert_eq!(report["kept"], json!({"new": 0, "present": 0}));
    let because = report["conflicts"][0]["because"].as_str().unwrap();
    assert!(because.contains("container c9"), "{because}");
    assert_eq!(bench.holder(5).unwrap(), "default/n1/lan/c9/net1");
}

#[tokio::test]
async fn an_import_ends_when_a_freeze_comes_or_goes() {
    for (before, part) in [(None, "frozen: b"), (Some(r#"{"reason":"a"}"#), "thawed")] {
        let bench = Bench::new(&[]);
        if let Some(before) = before {
            bench.put("meta/freeze", before);
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(Format::Json, &mut out, &mut err);
        let context = &bench.context;
        let terms = context
            .store
            .import_terms(context.deadline())
            .await
            .unwrap();
        bench.put("meta/freeze", r#"{"reason":"b"}"#);
        let things = one_rest(&bench).things;
        let error = write::write(context, &mut output, things, &terms)
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(part) && error.contains("0 of 1"), "{error}");
        assert_eq!(bench.holder(5), None);
    }
}

#[tokio::test]
async fn more_addresses_than_a_transaction_takes_are_left_out() {
    let addresses: Vec<_> = (0..101)
        .map(|last| json!({"space": "default", "address": format!("10.0.0.{last}"), "prefix": 24}))
        .collect();
    let lines = [
        header("other"),
        json!({"kind": "owner", "cluster": "w", "node": "n", "network": "l", "container": "c",
            "interface": "i", "record": {"v": 1, "id": "a", "created": "", "plugin": "", "addresses": addresses}}),
        json!({"kind": "end", "owners": 1, "holders": 0, "ranges": 0, "clusters": 0, "orphans": 0, "damaged": 0}),
    ];
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let bench = Bench::new(&[]);
    fs::write(bench.path("export"), text.join("\n")).unwrap();
    let imported = bench
        .run(Format::Json, "ipamctl", &[&bench.text("export")])
        .await;
    let left_out = left_out(&imported);
    assert!(
        left_out[0].0.contains("101 addresses") && left_out[0].1,
        "{left_out:?}"
    );
}

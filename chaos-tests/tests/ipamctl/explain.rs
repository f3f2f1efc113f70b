//! `ipamctl explain`: says what an ADD would do, and the ADD then does it.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::layout::{DEFAULT_PREFIX, holder};
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use chaos_tests::record::{self, record};
use etcd_client::Permission;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A lab, and files with configurations.
struct Desk {
    lab: Lab,
    home: TempDir,
}

impl Desk {
    fn new() -> Result<Self> {
        Self::with(json!({}))
    }

    /// With this in the node's file.
    fn with(node: Value) -> Result<Self> {
        Ok(Self {
            lab: Lab::with(chaos_tests::etcd::Options::default(), node)?,
            home: tempfile::tempdir()?,
        })
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.home.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Explains a network as the lab's node sees it, whatever comes of it.
    fn run(&self, network: &Value, more: &[&str]) -> Result<Output> {
        self.run_on(&self.lab.node, &network.to_string(), more)
    }

    fn run_on(&self, node: &Node, network: &str, more: &[&str]) -> Result<Output> {
        let path = self.file("network.json", network)?;
        let (path, node) = (path.display().to_string(), node.config());
        let node = node.display().to_string();
        let arguments = ["explain", "--config", &path, "--node-config", &node];
        ctl::run(&[], &[&arguments, more].concat())
    }

    /// Explains a network for programs.
    fn explain(&self, network: &Value, more: &[&str]) -> Result<Value> {
        let output = self.run(network, &[more, &["-o", "json"]].concat())?;
        let report: Value = serde_json::from_str(&output.stdout)
            .with_context(|| format!("ipamctl explain: {output:?}"))?;
        let explained = report["networks"][0].clone();
        let fails = explained["verdict"]["result"] == "fails";
        let status = if fails { 3 } else { 0 };
        ensure!(output.status.code() == Some(status), "{output:?}");
        Ok(explained)
    }

    /// Explains a network, does the ADD of a new container, and fails unless it does what was foretold.
    fn foretells(&self, container: &str, network: &Value) -> Result<Value> {
        let before = self.lab.raw.list(self.lab.layout.root())?;
        let explained = self.explain(network, &[])?;
        ensure!(
            self.lab.raw.list(self.lab.layout.root())? == before,
            "something was written"
        );
        let answer = self.lab.node.add(container, network)?;
        let verdict = &explained["verdict"];
        if verdict["result"] == "fails" {
            let code = verdict["code"].as_u64().context("no code")?;
            let error = answer.failure(code)?.json()?;
            let message = error["msg"].as_str().context("no message")?;
            let foretold = verdict["message"].as_str().context("no message")?;
            ensure!(foretold.starts_with(message), "{message} is not {foretold}");
        } else {
            let addresses = json!(answer.success()?.addresses()?);
            ensure!(
                addresses == verdict["addresses"],
                "{addresses} is not {verdict}"
            );
        }
        Ok(explained)
    }
}

/// Five addresses, of which one is reserved.
fn small() -> Value {
    network("blue", json!({"range": "192.168.20.10-192.168.20.14/24"}))
}

fn reserve(lab: &Lab, ip: &str) -> Result<()> {
    let key = lab.layout.address("default", ip.parse::<IpAddr>()?);
    lab.raw
        .put(key, r#"{"kind":"reservation","reason":"printer"}"#)
}

#[test]
fn the_lowest_free_address_is_foretold_until_the_range_is_full() -> Result<()> {
    let desk = Desk::new()?;
    reserve(&desk.lab, "192.168.20.11")?;
    for (container, free) in [("a", 4), ("b", 3), ("c", 2), ("d", 1), ("e", 0)] {
        let explained = desk.foretells(container, &small())?;
        assert_eq!(explained["claims"][0]["free"], free, "{explained}");
    }
    let explained = desk.explain(&small(), &[])?;
    assert_eq!(explained["verdict"]["code"], 100);
    assert_eq!(explained["claims"][0]["candidates"], json!([]));
    let holders = &explained["holders"];
    let share = |name: &str| json!([{"name": name, "addresses": 4}]);
    assert_eq!(holders["namespaces"], share("test"));
    assert_eq!(holders["nodes"], share("n1"));
    assert_eq!(holders["oldest"][0]["address"], "192.168.20.10");
    assert_eq!(holders["oldest"][0]["pod"], "pod-a");
    assert_eq!(holders["kept"][0]["address"], "192.168.20.11");
    assert_eq!(holders["kept"][0]["reason"], "printer");
    Ok(())
}

#[test]
fn every_kind_of_claim_is_foretold() -> Result<()> {
    let desk = Desk::with(json!({"exclude": ["10.70.0.3/32"], "network_name": "lab"}))?;
    let dual = json!({"ranges": [[{"subnet": "10.70.0.0/24"}], [{"subnet": "fd00:70::/64"}]]});
    let fixed = json!({"range": "10.70.0.0/24", "addresses": [{"address": "10.70.1.9/24"}]});
    let apart = json!({"range": "10.71.0.0/30", "enable_overlapping_ranges": false});
    let twice = json!({"ranges": [[{"subnet": "10.72.0.0/30"}], [{"subnet": "10.72.0.0/29"}]]});
    let large = json!({"subnet": "10.73.0.0/16"});
    let networks = [
        network("dual", dual),
        network("fixed", fixed.clone()),
        // Its fixed address is taken by then.
        network("fixed-again", fixed),
        network("apart", apart),
        network("twice", twice),
        network("large", large),
    ];
    let codes = networks.iter().map(|network| {
        let explained = desk.foretells("c", network)?;
        Ok(explained["verdict"]["code"].as_u64())
    });
    let codes: Vec<_> = codes.collect::<Result<_>>()?;
    assert_eq!(codes.iter().flatten().next(), Some(&101), "{codes:?}");
    Ok(())
}

#[test]
fn a_requested_address_is_foretold_and_its_holder_named() -> Result<()> {
    let desk = Desk::new()?;
    let mut network = small();
    for (container, ip) in [
        ("a", "192.168.20.12"),
        ("b", "192.168.20.12"),
        ("c", "192.168.20.99"),
    ] {
        network["runtimeConfig"] = json!({"ips": [ip]});
        desk.foretells(container, &network)?;
    }
    network["runtimeConfig"] = json!({"ips": ["192.168.20.12"]});
    let explained = desk.explain(&network, &[])?;
    assert_eq!(explained["verdict"]["code"], 101);
    assert_eq!(explained["claims"][0]["wants"], "exactly");
    assert_eq!(explained["holders"]["oldest"][0]["pod"], "pod-a");
    Ok(())
}

#[test]
fn an_excluded_address_that_another_network_holds_does_not_count() -> Result<()> {
    let desk = Desk::new()?;
    let one = network("one", json!({"range": "192.168.20.11-192.168.20.11/24"}));
    desk.lab.node.add("a", &one)?.success()?;
    let mut around = small();
    around["ipam"]["exclude"] = json!(["192.168.20.11/32"]);
    let claim = &desk.foretells("b", &around)?["claims"][0];
    assert_eq!(
        (&claim["allocated"], &claim["free"]),
        (&json!(0), &json!(4))
    );
    Ok(())
}

#[test]
fn with_a_random_order_the_outcome_is_foretold_but_no_address() -> Result<()> {
    let desk = Desk::new()?;
    let spread = network("net", json!({"range": "10.74.0.0/30", "order": "spread"}));
    for container in ["a", "b"] {
        let explained = desk.explain(&spread, &[])?;
        assert_eq!(explained["verdict"]["result"], "allocates");
        assert_eq!(explained["verdict"]["addresses"], json!([]));
        desk.lab.node.add(container, &spread)?.success()?;
    }
    desk.foretells("c", &spread)?;
    Ok(())
}

#[test]
fn a_container_that_holds_an_address_would_get_it_again() -> Result<()> {
    let desk = Desk::new()?;
    let addresses = desk.lab.node.add("a", &small())?.success()?.addresses()?;
    let again = |more: &[&str]| desk.explain(&small(), &[&["--container", "a"], more].concat());
    let explained = again(&[])?;
    assert_eq!(explained["verdict"]["result"], "holds");
    assert_eq!(explained["verdict"]["addresses"], json!(addresses));
    for other in [
        ["--ifname", "net1"],
        ["--node", "n2"],
        ["--cluster", "east"],
    ] {
        assert_eq!(
            again(&other)?["verdict"]["result"],
            "allocates",
            "{other:?}"
        );
    }
    Ok(())
}

#[test]
fn a_record_that_cannot_be_believed_is_foretold() -> Result<()> {
    let desk = Desk::new()?;
    desk.lab.node.add("a", &small())?.success()?;
    let owner = desk.lab.layout.owner(&holder("n1", "blue", "a"));
    let address = desk.lab.layout.address("default", [192, 168, 20, 10]);
    let contradicted = (address, holder("n1", "blue", "b"));
    for (key, value) in [contradicted, (owner, "{".to_owned())] {
        desk.lab.raw.put(key, value)?;
        let explained = desk.explain(&small(), &["--container", "a"])?;
        let error = desk.lab.node.add("a", &small())?.failure(5)?.json()?;
        assert_eq!(explained["verdict"]["code"], 5);
        let message = explained["verdict"]["message"].as_str();
        let message = message.context("no message")?;
        assert!(message.starts_with(error["msg"].as_str().context("no message")?));
    }
    Ok(())
}

#[test]
fn an_address_that_has_rested_long_is_foretold() -> Result<()> {
    let desk = Desk::new()?;
    let narrow = network("net", json!({"range": "10.75.0.0/30"}));
    desk.lab.node.add("a", &narrow)?.success()?;
    let key = desk.lab.layout.address("default", [10, 75, 0, 2]);
    let rest = |released: &str| {
        json!({"kind": "cooldown", "released": released, "cooldown_s": 60, "was": "x"}).to_string()
    };
    desk.lab
        .raw
        .put(key.as_str(), rest("2999-01-01T00:00:00Z"))?;
    let explained = desk.foretells("b", &narrow)?;
    assert_eq!(explained["verdict"]["code"], 100);
    assert_eq!(explained["holders"]["kept"][0]["state"], "resting");
    desk.lab.raw.put(key, rest("2020-01-01T00:00:00Z"))?;
    let explained = desk.foretells("b", &narrow)?;
    assert_eq!(explained["claims"][0]["free"], 0);
    assert_eq!(explained["verdict"]["result"], "allocates");
    Ok(())
}

#[test]
fn a_store_that_gives_out_nothing_is_foretold() -> Result<()> {
    type Spoil = fn(&Lab, &mut Value) -> Result<()>;
    let cases: [(u64, Spoil); 4] = [
        (105, |lab, _| {
            lab.raw.put(lab.layout.freeze(), r#"{"reason":"a drill"}"#)
        }),
        (103, |lab, _| lab.raw.delete(lab.layout.store())),
        (104, |lab, _| {
            let restored = r#"{"schema":1,"id":"x","sealed_term":1000000,"epoch":0}"#;
            lab.raw.put(lab.layout.store(), restored)
        }),
        (104, |_, network| {
            network["ipam"]["etcd"] = json!({"store_id": "another"});
            Ok(())
        }),
    ];
    for (code, spoil) in cases {
        let desk = Desk::new()?;
        desk.lab.node.add("running", &small())?.success()?;
        let mut network = small();
        spoil(&desk.lab, &mut network)?;
        let explained = desk.foretells("new", &network)?;
        assert_eq!(explained["verdict"]["code"], code, "{explained}");
        assert_eq!(explained["store"], Value::Null);
        assert_eq!(explained["claims"][0]["allocated"], 1);
    }
    Ok(())
}

#[test]
fn a_store_behind_what_the_node_has_seen_is_foretold() -> Result<()> {
    let desk = Desk::new()?;
    desk.lab.node.add("a", &small())?.success()?;
    let seen = desk.lab.node.state()?.into_iter();
    let mut seen = seen.filter(|path| path.parent().is_some_and(|dir| dir.ends_with("seen")));
    let seen = seen.next().context("the node remembers nothing")?;
    let mut memory: Value = serde_json::from_slice(&std::fs::read(&seen)?)?;
    memory[1]["revision"] = 1_000_000.into();
    std::fs::write(seen, memory.to_string())?;
    assert_eq!(desk.foretells("b", &small())?["verdict"]["code"], 104);
    Ok(())
}

#[test]
fn a_configuration_that_cannot_work_is_foretold() -> Result<()> {
    let desk = Desk::new()?;
    for (code, key, value) in [
        (7, "range", json!("nonsense")),
        (7, "order", json!("highest")),
        (7, "cooldown", json!("soon")),
        (7, "timeout", json!("soon")),
        (6, "exclude", json!(5)),
        (7, "type", json!("whereabouts")),
        (6, "routes", json!("all")),
    ] {
        let mut network = small();
        network["ipam"][key] = value;
        let explained = desk.foretells("c", &network)?;
        assert_eq!(explained["verdict"]["code"], code, "{key}: {explained}");
    }
    for text in [
        "",
        "{",
        "[]",
        r#"{"name": "x"}"#,
        r#"{"cniVersion": "9.0.0", "name": "x"}"#,
    ] {
        let output = desk.run_on(&desk.lab.node, text, &["-o", "json"])?;
        assert_eq!(output.status.code(), Some(3), "{text}: {output:?}");
    }
    Ok(())
}

#[test]
fn the_table_is_what_an_operator_reads() -> Result<()> {
    let desk = Desk::with(json!({"cooldown": "10m"}))?;
    let holders = [
        ("n1", "shop", "web-0"),
        ("n2", "shop", "web-1"),
        ("n2", "batch", "job"),
    ];
    let records = holders
        .iter()
        .zip(10..)
        .map(|((node, namespace, pod), last)| {
            record(&holder(node, "blue", pod))
                .address("default", [192, 168, 20, last], 24)
                .pod(namespace, pod, "u")
                .created("long ago")
        });
    record::write(&desk.lab.raw, &desk.lab.layout, records)?;
    for ip in ["192.168.20.13", "192.168.20.14"] {
        reserve(&desk.lab, ip)?;
    }
    let output = desk.run(&small(), &[])?;
    let node = desk.lab.node.config().display().to_string();
    let endpoint = desk.lab.etcd.endpoint();
    // As wide as the header, so that the columns stand where they always do.
    let settings = output
        .stdout
        .replace(&node, "FILE")
        .replace(&endpoint, "ETCD");
    let settings: Vec<String> = settings
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let wanted = "\
Network blue

SETTING VALUE FROM
etcd.endpoints ETCD FILE
etcd.prefix /etcd-ipam default
cluster default default
node_name n1 FILE
range 192.168.20.10-192.168.20.14/24 network
network_name default default
order lowest default
cooldown 10m FILE
";
    assert_eq!(settings.join("\n").split("\nCLAIM").next(), Some(wanted));
    let rest = output.stdout.split_once("\nCLAIM").context("no claims")?.1;
    assert_eq!(
        rest,
        "                                SPACE     USED   RESTING   RESERVED   FREE   TOTAL   TRIED FIRST
any 192.168.20.10-192.168.20.14/24   default      3         0          2      0       5   -

MOST BY NAMESPACE   ADDRESSES
shop                        2
batch                       1

MOST BY NODE   ADDRESSES
n2                     2
n1                     1

OLDEST          SPACE     STATE       NAMESPACE/POD   NODE   AGE   REASON
192.168.20.10   default   allocated   shop/web-0      n1     -     -
192.168.20.11   default   allocated   shop/web-1      n2     -     -
192.168.20.12   default   allocated   batch/job       n2     -     -

KEPT            SPACE     STATE      NAMESPACE/POD   NODE   AGE   REASON
192.168.20.13   default   reserved   -               -      -     printer
192.168.20.14   default   reserved   -               -      -     printer

An ADD would fail with code 100: the range 192.168.20.10-192.168.20.14/24 (address space default) \
is full: 3 allocated, 0 resting, 2 reserved; widen the range, or see with `ipamctl explain` who \
holds it.
"
    );
    assert_eq!(
        (output.status.code(), output.stderr.as_str()),
        (Some(3), "")
    );
    Ok(())
}

#[test]
fn what_others_wrote_cannot_steer_the_terminal() -> Result<()> {
    let desk = Desk::new()?;
    let narrow = network("net", json!({"range": "10.76.0.1-10.76.0.1/24"}));
    let hostile = record(&holder("n1", "net", "x"))
        .address("default", [10, 76, 0, 1], 24)
        .pod("\u{1b}[2J", "a\nb", "u");
    record::write(&desk.lab.raw, &desk.lab.layout, [hostile])?;
    let output = desk.run(&narrow, &[])?;
    assert!(!output.stdout.contains('\u{1b}'), "{output:?}");
    assert!(output.stdout.contains("\\u{1b}[2J/a\\nb"), "{output:?}");
    Ok(())
}

#[test]
fn lists_definitions_and_standard_input_are_taken() -> Result<()> {
    let desk = Desk::new()?;
    let plain = small();
    let list = json!({"cniVersion": "1.0.0", "name": "blue",
        "plugins": [{"type": "tuning"}, plain]});
    let definition = json!({"kind": "NetworkAttachmentDefinition",
        "metadata": {"name": "blue"}, "spec": {"config": list.to_string()}});
    for network in [&list, &definition] {
        let explained = desk.explain(network, &[])?;
        assert_eq!(explained["network"], "blue");
        assert_eq!(
            explained["verdict"]["addresses"],
            json!(["192.168.20.10/24"])
        );
    }
    let node = desk.lab.node.config().display().to_string();
    let arguments = ["explain", "--config", "-", "--node-config", &node];
    let output = ctl::run_with(&[], &arguments, &definition.to_string())?;
    assert!(output.stdout.contains("get 192.168.20.10/24"), "{output:?}");
    Ok(())
}

#[test]
fn what_cannot_be_told_is_no_verdict() -> Result<()> {
    let mut desk = Desk::new()?;
    let file = desk
        .file("net.json", &small().to_string())?
        .display()
        .to_string();
    let endpoint = desk.lab.etcd.endpoint();
    let fails = |endpoints: &[String], arguments: &[&str], status: i32, words: &str| {
        let output = ctl::run(
            endpoints,
            &[&["explain", "--timeout", "1s"], arguments].concat(),
        )?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert!(output.stderr.contains(words), "{words}: {output:?}");
        assert_eq!(output.stdout, "");
        anyhow::Ok(())
    };
    fails(&[], &["--config", &file], 1, "--endpoints")?;
    let endpoints = [endpoint];
    fails(&endpoints, &["--config", "/missing"], 1, "/missing")?;
    fails(
        &endpoints,
        &["--config", &file, "--node-config", "/missing"],
        1,
        "/missing",
    )?;
    fails(
        &endpoints,
        &["--config", &file, "--container", "c"],
        1,
        "--node",
    )?;
    fails(&endpoints, &["shop/web-0"], 1, "--kubeconfig")?;
    fails(&endpoints, &["web-0"], 2, "shop/web-0")?;
    fails(&endpoints, &[], 2, "--config")?;
    fails(
        &endpoints,
        &["shop/web-0", "--config", &file],
        2,
        "--config",
    )?;
    desk.lab.etcd.stop()?;
    fails(&endpoints, &["--config", &file], 1, &endpoints[0])
}

#[test]
fn flags_say_where_etcd_is_and_files_what_is_expected_of_it() -> Result<()> {
    let desk = Desk::new()?;
    let mut away = small();
    away["ipam"]["etcd"] = json!({"endpoints": ["127.0.0.1:1"], "store_id": "another"});
    let path = desk
        .file("away.json", &away.to_string())?
        .display()
        .to_string();
    let arguments = ["explain", "--config", &path, "-o", "json"];
    let output = ctl::run(&[desk.lab.etcd.endpoint()], &arguments)?;
    let report: Value = serde_json::from_str(&output.stdout)?;
    let explained = &report["networks"][0];
    assert_eq!(
        explained["settings"][0]["from"], "command line",
        "{explained}"
    );
    assert_eq!(explained["verdict"]["code"], 104, "{explained}");
    Ok(())
}

#[test]
fn whoever_may_read_the_store_can_explain_and_no_password_is_shown() -> Result<()> {
    const PASSWORD: &str = "correct-horse-battery-staple";
    let desk = Desk::new()?;
    desk.lab.node.add("a", &small())?.success()?;
    desk.lab.raw.ask(async |client| {
        client.user_add("root", "root-password", None).await?;
        client.user_grant_role("root", "root").await?;
        client.role_add("reader").await?;
        let ours = Permission::read(format!("{DEFAULT_PREFIX}/")).with_prefix();
        client.role_grant_permission("reader", ours).await?;
        for user in ["reader", "nobody"] {
            client.user_add(user, PASSWORD, None).await?;
        }
        client.user_grant_role("reader", "reader").await?;
        client.auth_enable().await?;
        Ok(())
    })?;
    let mut network = small();
    for (user, status) in [("reader", 0), ("nobody", 1)] {
        network["ipam"]["etcd_username"] = user.into();
        network["ipam"]["etcd_password"] = PASSWORD.into();
        let output = desk.run(&network, &["-o", "json"])?;
        assert_eq!(output.status.code(), Some(status), "{user}: {output:?}");
        assert!(!output.stdout.contains(PASSWORD) && !output.stderr.contains(PASSWORD));
    }
    Ok(())
}

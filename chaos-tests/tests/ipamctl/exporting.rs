//! `ipamctl export`, and `import` of what it wrote.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::holdings::Holdings;
use chaos_tests::lab::Lab;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use serde_json::{Value, json};

/// The value of the key that the import does not take over.
const DAMAGED: &str = "\u{1b}[2Jnobody's";

fn net() -> Value {
    network(
        "blue",
        json!({
            "cooldown": "1h",
            "cluster": "west",
            "ranges": [[{"subnet": "10.93.0.0/24"}], [{"subnet": "fd00:93::/64"}]],
        }),
    )
}

/// A store in which everything is that an export can hold.
fn store_in_use() -> Result<Lab> {
    let lab = Lab::new()?;
    for container in ["a", "b", "c"] {
        lab.node.add(container, &net())?.success()?;
    }
    lab.node.del("b", &net())?.silence()?;
    let key = |ip: &str| -> Result<String> {
        let ip: IpAddr = ip.parse()?;
        Ok(lab.layout.address("default", ip))
    };
    let reservation = r#"{"kind":"reservation","reason":"the printer","later":[1,2]}"#;
    lab.raw.put(key("10.93.0.200")?, reservation)?;
    lab.raw.put(key("10.93.0.201")?, DAMAGED)?;
    lab.raw.put(lab.layout.identity("west"), "uid-of-west")?;
    lab.raw
        .put(lab.layout.leader("west"), r#"{"identity":"x"}"#)?;
    Ok(lab)
}

fn ipamctl(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    ctl::run(&[lab.etcd.endpoint()], arguments)
}

fn lines(text: &str) -> Result<Vec<Value>> {
    let lines = text.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

/// What an import is to bring over, each value as JSON where it is that.
fn contents(lab: &Lab) -> Result<Vec<(String, Value)>> {
    let mut contents = Vec::new();
    for (key, value) in lab.raw.list(lab.layout.root())? {
        let key = String::from_utf8(key)?;
        let of_the_store = key.contains("/meta/") || key.ends_with("/leader");
        let text = String::from_utf8(value)?;
        if !of_the_store && text != DAMAGED {
            let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            contents.push((key, value));
        }
    }
    Ok(contents)
}

#[test]
fn an_export_fills_another_store_with_the_same() -> Result<()> {
    let (from, to) = (store_in_use()?, Lab::new()?);
    let home = tempfile::tempdir()?;
    let file = home.path().join("export.jsonl");
    let file = file.display().to_string();
    let output = ipamctl(&from, &["export", &file])?;
    assert!(output.status.success(), "{output:?}");
    let row: Vec<_> = output
        .stdout
        .lines()
        .nth(1)
        .context("no row")?
        .split_whitespace()
        .collect();
    assert_eq!(row[2..], ["2", "3", "2", "0", "1"], "{output:?}");
    assert!(
        output.stderr.contains("1 keys cannot be read"),
        "{output:?}"
    );
    let mode = std::fs::metadata(&file)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let exported = lines(&std::fs::read_to_string(&file)?)?;
    let header = &exported[0];
    assert_eq!(header["format"], "etcd-ipam-export");
    assert_eq!(header["version"], 1);
    assert_eq!(header["prefix"], "/etcd-ipam");
    let kinds = exported.iter().skip(1).map(|line| &line["kind"]);
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(
        kinds,
        [
            "holder", "holder", "damaged", "holder", "cluster", "owner", "owner", "range", "range",
            "end"
        ]
    );

    // Damaged keys are left out, and that matters.
    let dry = ipamctl(&to, &["import", "--from", "ipamctl", "--dry-run", &file])?;
    assert_eq!(dry.status.code(), Some(3), "{dry:?}");
    assert_eq!(contents(&to)?, []);
    let imported = ipamctl(&to, &["import", "--from", "ipamctl", &file])?;
    assert_eq!(imported.status.code(), Some(3), "{imported:?}");
    let table = "WHAT                     IMPORTED   THERE ALREADY
attachments                     2               0
addresses                       4               0
rests and reservations          3               0
ranges                          2               0
clusters                        1               0

LEFT OUT";
    assert!(imported.stdout.starts_with(table), "{imported:?}");
    assert_eq!(contents(&from)?, contents(&to)?);

    // What is exported from there is the same again, but for what was left out.
    let again = lines(&ipamctl(&to, &["export"])?.stdout)?;
    let things = |lines: &[Value]| -> Vec<Value> {
        let things = lines.iter().skip(1);
        let things = things.filter(|line| line["kind"] != "damaged" && line["kind"] != "end");
        things.cloned().collect()
    };
    assert_eq!(things(&exported), things(&again));

    // A node that uses the other store from now on releases there what was imported.
    let mut config = net();
    config["ipam"]["etcd"] = json!({"endpoints": [to.etcd.endpoint()]});
    let node = Node::new("n1", &[to.etcd.endpoint()])?;
    node.del("a", &config)?.silence()?;
    assert_eq!(Holdings::read(&to.raw, &to.layout)?.owners(), 1);
    Ok(())
}

#[test]
fn an_export_that_is_not_whole_is_not_imported() -> Result<()> {
    let (from, to) = (store_in_use()?, Lab::new()?);
    let home = tempfile::tempdir()?;
    let whole = ipamctl(&from, &["export"])?.stdout;
    let all: Vec<_> = whole.lines().collect();
    let half = whole.get(..whole.len() / 2).context("text")?.to_owned();
    let without_end = all[..all.len() - 1].join("\n");
    let without_a_line = [&all[..3], &all[4..]].concat().join("\n");
    let newer = whole.replacen("\"version\":1", "\"version\":2", 1);
    for (broken, part) in [
        (half, "line"),
        (without_end, "cut off"),
        (without_a_line, "other lines than there are"),
        (newer, "version is 2"),
        (String::new(), "not the header"),
    ] {
        let file = home.path().join("export");
        std::fs::write(&file, broken)?;
        let file = file.display().to_string();
        let output = ipamctl(&to, &["import", "--from", "ipamctl", &file])?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            output.stderr.contains(part) && output.stderr.contains(&file),
            "{output:?}"
        );
    }
    assert_eq!(contents(&to)?, []);
    Ok(())
}

#[test]
fn an_export_that_fails_leaves_the_old_file() -> Result<()> {
    let mut lab = Lab::new()?;
    let home = tempfile::tempdir()?;
    let file = home.path().join("export");
    std::fs::write(&file, "the old one")?;
    let name = file.display().to_string();
    let untouched = |output: &Output, part: &str| -> Result<()> {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stderr.contains(part), "{output:?}");
        assert_eq!(std::fs::read_to_string(&file)?, "the old one");
        assert_eq!(std::fs::read_dir(home.path())?.count(), 1);
        Ok(())
    };
    let output = ipamctl(&lab, &["export", &name, "--prefix", "/mistyped"])?;
    untouched(&output, "not initialised")?;
    let output = ipamctl(&lab, &["export", "/none/such/export"])?;
    assert!(output.stderr.contains("/none/such/export"), "{output:?}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    lab.etcd.stop()?;
    let output = ipamctl(&lab, &["export", &name, "--timeout", "1s"])?;
    untouched(&output, "no etcd endpoint can be reached")?;
    assert!(Path::new(&name).exists());
    Ok(())
}

#[test]
fn a_frozen_store_is_exported_with_the_reason() -> Result<()> {
    let lab = Lab::new()?;
    lab.raw
        .put(lab.layout.freeze(), r#"{"reason":"the racks move"}"#)?;
    let output = ipamctl(&lab, &["export"])?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output.stdout)?[0]["frozen"], "the racks move");
    assert!(output.stderr.contains("the racks move"), "{output:?}");
    Ok(())
}

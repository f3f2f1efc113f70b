use std::path::PathBuf;

use clap::Parser as _;
use serde_json::{Value, json};

use super::layers::Layers;
use super::settings::settings;
use super::*;
use crate::cli::Cli;

/// A node's file of one test, removed with it.
struct NodesFile(PathBuf);

impl NodesFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("ipamctl-explain-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for NodesFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What this command line says on a machine where `$ETCD_IPAM_CONFIG` names a file.
fn place(flags: &[&str], environment: Option<String>) -> anyhow::Result<Place> {
    let line = ["ipamctl", "explain", "--config", "-"];
    let cli = Cli::try_parse_from(line.iter().chain(flags)).unwrap();
    Place::new(&cli, environment)
}

fn network(ipam: Value) -> Vec<u8> {
    let mut ipam = ipam;
    ipam["type"] = "etcd-ipam".into();
    json!({"cniVersion": "1.0.0", "name": "blue", "ipam": ipam})
        .to_string()
        .into_bytes()
}

/// Where each setting comes from; the file is called FILE.
fn origins(place: &Place, layers: &Layers, file: &NodesFile) -> Vec<String> {
    let target = place.target(layers, None);
    let settings = settings(place, layers, &target, None);
    let text = |one: settings::Setting| {
        let from = if one.from == file.path() {
            "FILE"
        } else {
            &one.from
        };
        format!("{}={} ({from})", one.key, one.value)
    };
    settings.into_iter().map(text).collect()
}

const FILE: &str = r#"{"etcd": {"endpoints": ["file:1"], "prefix": "/file", "store_id": "s"},
    "cluster": "west", "node_name": "n1", "order": "spread", "exclude": ["10.0.0.9/32"]}"#;

#[test]
fn every_setting_says_where_it_comes_from() {
    let file = NodesFile::new("origins", FILE);
    let place = place(&[], Some(file.path())).unwrap();
    let ipam = json!({"range": "10.0.0.0/24", "order": "lowest", "addresses": [{"address": "10.1.0.1/24"}]});
    let layers = place.read(&network(ipam)).unwrap();
    assert_eq!(
        origins(&place, &layers, &file),
        [
            "etcd.endpoints=file:1 (FILE)",
            "etcd.prefix=/file (FILE)",
            "etcd.store_id=s (FILE)",
            "cluster=west (FILE)",
            "node_name=n1 (FILE)",
            "range=10.0.0.0/24 (network)",
            "exclude=10.0.0.9/32 (FILE)",
            "addresses=10.1.0.1/24 (network)",
            "network_name=default (default)",
            "order=lowest (network)",
        ]
    );
}

#[test]
fn the_command_line_says_how_the_store_is_reached_and_not_which_one_it_must_be() {
    let file = NodesFile::new("flags", FILE);
    let named = format!("--node-config={}", file.path());
    let flags = [
        "--endpoints=flag:1",
        "--prefix=/flag",
        "--cluster=east",
        &named,
    ];
    let place = place(&flags, None).unwrap();
    let ipam = json!({"ranges": [[{"subnet": "10.0.0.0/24"}], [{"subnet": "fd00::/64"}]]});
    let layers = place.read(&network(ipam)).unwrap();
    let target = place.target(&layers, Some("n1"));
    assert_eq!(target.access.endpoints(), ["flag:1"]);
    assert_eq!(target.access.prefix(), "/flag");
    assert_eq!(target.gate.store_id.as_deref(), Some("s"));
    assert_eq!(target.cluster, "east");
    let origins = origins(&place, &layers, &file);
    for wanted in [
        "etcd.endpoints=flag:1 (command line)",
        "etcd.prefix=/flag (command line)",
        "cluster=east (command line)",
        "ranges=2 sets (network)",
    ] {
        assert!(origins.iter().any(|line| line == wanted), "{origins:?}");
    }
}

#[test]
fn a_file_that_was_asked_for_by_name_must_be_one() {
    let broken = NodesFile::new("broken", "{");
    for path in [broken.path(), "/missing/file".to_owned()] {
        let error = place(&["--node-config", &path], None).unwrap_err();
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[test]
fn another_file_that_cannot_be_read_fails_an_add_unless_flags_do_without() {
    let broken = NodesFile::new("unread", "{");
    let network = network(json!({"range": "10.0.0.0/24"}));
    let lacking = place(&[], Some(broken.path())).unwrap();
    assert_eq!(lacking.read(&network).unwrap_err().code().number(), 6);
    let enough = place(&["--endpoints=flag:1"], Some(broken.path())).unwrap();
    let layers = enough.read(&network).unwrap();
    assert!(
        layers.warnings[0].contains(&broken.path()),
        "{:?}",
        layers.warnings
    );
}

#[test]
fn a_pod_is_named_with_its_namespace() {
    let named = pod_name("shop/web-0").unwrap();
    assert_eq!(
        (named.namespace.as_str(), named.name.as_str()),
        ("shop", "web-0")
    );
    for text in ["web-0", "/web-0", "shop/", "a/b/c", ""] {
        assert!(pod_name(text).is_err(), "{text}");
    }
}

#[test]
fn either_a_pod_or_a_configuration_is_explained() {
    for line in [
        ["shop/web-0"].as_slice(),
        &[
            "--config",
            "-",
            "--container",
            "c",
            "--ifname",
            "net1",
            "--node",
            "n",
        ],
    ] {
        Cli::try_parse_from(["ipamctl", "explain"].iter().chain(line)).unwrap();
    }
    for line in [
        [].as_slice(),
        &["web-0"],
        &["shop/web-0", "--config", "-"],
        &["shop/web-0", "--container", "c"],
        &["shop/web-0", "--node", "n"],
        &["--config", "-", "--ifname", "net1"],
    ] {
        let line = ["ipamctl", "explain"].iter().chain(line);
        assert!(Cli::try_parse_from(line.clone()).is_err(), "{line:?}");
    }
}

//! The examples in `deploy/examples` and in the documentation are understood as they stand there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes the functions beside the tests for code that is shipped"
)]

use std::fs;
use std::path::{Path, PathBuf};

use ipam_plugin::cni::args::Args;
use ipam_plugin::config::{NetworkConfig, NodeFile};
use serde_json::{Value, json};
use store::claim::Claim;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The CNI configuration in a `NetworkAttachmentDefinition`. It stands at the file's end.
fn config_of(definition: &str) -> Value {
    let text = fs::read_to_string(repository().join(definition)).unwrap();
    let (_, config) = text.split_once("  config: |\n").unwrap();
    serde_json::from_str(config).unwrap()
}

/// What each plugin of a configuration gets to see: libcni lifts it out of the list and gives it the
/// list's name and version.
fn as_plugins_see_it(config: &Value) -> Vec<Value> {
    let Some(plugins) = config["plugins"].as_array() else {
        return vec![config.clone()];
    };
    let lifted = |plugin: &Value| {
        let mut plugin = plugin.clone();
        plugin["name"] = config["name"].clone();
        plugin["cniVersion"] = config["cniVersion"].clone();
        plugin
    };
    plugins.iter().map(lifted).collect()
}

/// The configuration as an ADD judges it; nothing in it is unknown.
fn understood(config: &Value) -> NetworkConfig {
    let config = NetworkConfig::parse(config.to_string().as_bytes()).unwrap();
    assert_eq!(config.warnings(), [""; 0]);
    config.check_type("etcd-ipam").unwrap();
    config.routes().unwrap();
    config.dns().unwrap();
    config.section().order().unwrap();
    config.section().cooldown().unwrap();
    config.section().timeout().unwrap();
    config
}

/// What an example claims: for every address of the answer the ranges that it may come from, as
/// messages write them, and how many addresses these have together.
fn claims(definition: &str) -> Vec<(String, u128)> {
    let plugins = as_plugins_see_it(&config_of(definition));
    let [plugin] = plugins.as_slice() else {
        panic!("{definition} has {} plugins", plugins.len())
    };
    let claims = understood(plugin).claims(&Args::default()).unwrap();
    let describe = |claim: &Claim| match claim {
        Claim::Any(ranges) => {
            let texts: Vec<_> = ranges.iter().map(|one| one.range.to_string()).collect();
            let size = ranges.iter().map(|one| one.range.size()).sum();
            (texts.join(" "), size)
        }
        Claim::Exact(held) => (held.address.to_string(), 1),
    };
    claims.iter().map(describe).collect()
}

fn claim(ranges: &str, size: u128) -> (String, u128) {
    (ranges.to_owned(), size)
}

#[test]
fn a_range_has_its_addresses_without_the_excluded_ones() {
    let expected = [claim("192.168.20.10-192.168.20.100/24", 91 - 4)];
    assert_eq!(claims("deploy/examples/range.yaml"), expected);
}

#[test]
fn dual_stack_claims_one_address_of_each_family() {
    let expected = [
        claim("192.168.40.1-192.168.41.254/23", 509),
        // Whereabouts' spelling leaves out the last address, too.
        claim("fd00:40::1-fd00:40::ffff:ffff:ffff:fffe/64", (1 << 64) - 3),
    ];
    assert_eq!(claims("deploy/examples/dual-stack.yaml"), expected);
}

#[test]
fn each_set_of_host_local_is_one_pool() {
    let expected = [
        claim(
            "172.16.8.32-172.16.8.63/24 172.16.9.1-172.16.9.254/24",
            32 + 253,
        ),
        claim("fd00:8::1-fd00:8::ffff:ffff:ffff:ffff/64", (1 << 64) - 2),
    ];
    assert_eq!(claims("deploy/examples/host-local.yaml"), expected);
}

#[test]
fn the_node_file_says_where_etcd_is() {
    let path = repository().join("deploy/examples/etcd-ipam.conf");
    let search = NodeFile::find(path.to_str(), None).unwrap();
    let network = json!({"cniVersion": "1.0.0", "name": "lan", "ipam": {"type": "etcd-ipam"}});
    let network = NetworkConfig::parse(network.to_string().as_bytes()).unwrap();
    let merged = network.with_node_file(&search.file.unwrap()).unwrap();
    assert_eq!(merged.warnings(), [""; 0]);
    let settings = merged.etcd().settings().unwrap();
    assert_eq!(settings.endpoints.len(), 3);
    assert!(settings.wants_tls());
}

#[test]
fn every_example_has_a_test() {
    let files = fs::read_dir(repository().join("deploy/examples")).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    let tested = [
        "dual-stack.yaml",
        "etcd-ipam.conf",
        "host-local.yaml",
        "range.yaml",
    ];
    assert_eq!(names, tested);
}

/// The JSON blocks of a document, with the line that each begins on.
fn json_blocks(document: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (number, line) in document.lines().enumerate() {
        match &mut block {
            None if line.trim() == "```json" => block = Some((number + 2, String::new())),
            None => {}
            Some(_) if line.trim() == "```" => blocks.extend(block.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    blocks
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(repository().join("docs")).unwrap();
    let docs = docs.map(|file| file.unwrap().path());
    let mut documents: Vec<_> = docs
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    documents.push(repository().join("README.md"));
    documents
}

/// The network's configuration that a block shows, if it shows one: whole, or only its section.
fn network_in(block: &Value) -> Option<Value> {
    if block.get("plugins").is_some() || block.get("ipam").is_some() {
        return Some(block.clone());
    }
    let is_section = block["type"] == "etcd-ipam";
    is_section.then(|| json!({"cniVersion": "1.0.0", "name": "lan", "ipam": block}))
}

#[test]
fn what_the_documentation_shows_is_understood() {
    let mut networks = 0;
    for path in documents() {
        let document = fs::read_to_string(&path).unwrap();
        for (line, text) in json_blocks(&document) {
            let place = format!("{}:{line}", path.display());
            let block: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
            for plugin in network_in(&block).iter().flat_map(as_plugins_see_it) {
                let claims = understood(&plugin).claims(&Args::default());
                claims.unwrap_or_else(|error| panic!("{place}: {error}"));
                networks += 1;
            }
        }
    }
    assert!(networks > 0, "the documentation shows no network");
}

//! The examples in `deploy/examples` and in the documentation are understood as they stand there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes the functions beside the tests for code that is shipped"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ipam_plugin::cni::args::Args;
use ipam_plugin::config::{NetworkConfig, NodeFile};
use serde_json::{Value, json};
use store::claim::Claim;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The objects in one of the files of `deploy/examples`.
fn objects(example: &str) -> Vec<Value> {
    let path = repository().join("deploy/examples").join(example);
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{example}: {error}"))
}

/// A `NetworkAttachmentDefinition`, as far as it matters here.
struct Definition {
    namespace: String,
    name: String,
    config: Value,
}

fn definitions(example: &str) -> Vec<Definition> {
    let objects = objects(example).into_iter();
    let definitions = objects.filter(|object| object["kind"] == "NetworkAttachmentDefinition");
    let read = |object: Value| {
        let metadata = &object["metadata"];
        Definition {
            namespace: namespace_of(metadata),
            name: metadata["name"].as_str().unwrap().to_owned(),
            config: serde_json::from_str(object["spec"]["config"].as_str().unwrap()).unwrap(),
        }
    };
    definitions.map(read).collect()
}

fn namespace_of(metadata: &Value) -> String {
    metadata["namespace"]
        .as_str()
        .unwrap_or("default")
        .to_owned()
}

/// A network that a pod asks for, and the addresses that it wants there.
struct Wish {
    namespace: String,
    name: String,
    ips: Value,
}

/// What the pods of an example ask Multus for, in either of the two spellings.
fn wishes(example: &str) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for object in objects(example) {
        let metadata = match object["kind"].as_str().unwrap() {
            "Pod" => &object["metadata"],
            "Deployment" => &object["spec"]["template"]["metadata"],
            _ => continue,
        };
        let asked = metadata["annotations"]["k8s.v1.cni.cncf.io/networks"].as_str();
        let asked = asked.unwrap_or_else(|| panic!("{example} has a pod that asks for nothing"));
        let own = namespace_of(&object["metadata"]);
        if asked.starts_with('[') {
            let list: Vec<Value> = serde_json::from_str(asked).unwrap();
            wishes.extend(list.into_iter().map(|wish| Wish {
                namespace: wish["namespace"].as_str().unwrap_or(&own).to_owned(),
                name: wish["name"].as_str().unwrap().to_owned(),
                ips: wish["ips"].clone(),
            }));
        } else {
            wishes.extend(asked.split(',').map(|wish| {
                let (namespace, name) = wish.trim().split_once('/').unwrap_or((&own, wish));
                Wish {
                    namespace: namespace.to_owned(),
                    name: name.trim().to_owned(),
                    ips: Value::Null,
                }
            }));
        }
    }
    wishes
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

/// The plugin of an example that asks for addresses; the others of its chain do not.
fn allocating_plugin(config: &Value) -> Option<Value> {
    let mut plugins = as_plugins_see_it(config);
    plugins.retain(|plugin| plugin.get("ipam").is_some());
    assert!(plugins.len() < 2, "two plugins of one chain have addresses");
    plugins.pop()
}

/// What a plugin claims: for every address of the answer the ranges that it may come from, as
/// messages write them, and how many addresses these have together.
fn claims(plugin: &Value) -> Vec<(String, u128)> {
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

/// Every file with networks, and what each of its networks that has addresses claims.
const EXAMPLES: [(&str, &[(&str, u128)]); 13] = [
    ("bond.yaml", &[("192.168.80.1-192.168.80.254/24", 253)]),
    ("bridge.yaml", &[("10.60.0.1-10.60.3.254/22", 1021)]),
    ("chained.yaml", &[("192.168.70.10-192.168.70.254/24", 245)]),
    (
        "dual-stack.yaml",
        &[
            ("192.168.40.1-192.168.41.254/23", 509),
            // Whereabouts' spelling leaves out the last address, too.
            ("fd00:40::1-fd00:40::ffff:ffff:ffff:fffe/64", (1 << 64) - 3),
        ],
    ),
    (
        "host-local.yaml",
        &[
            // The two parts of the first set are one pool.
            (
                "172.16.8.32-172.16.8.63/24 172.16.9.1-172.16.9.254/24",
                32 + 253,
            ),
            ("fd00:8::1-fd00:8::ffff:ffff:ffff:ffff/64", (1 << 64) - 2),
        ],
    ),
    ("ipvlan.yaml", &[("172.16.1.1-172.16.1.254/24", 254)]),
    (
        "macvlan-host-local.yaml",
        &[("192.168.1.200-192.168.1.216/24", 17)],
    ),
    (
        "macvlan-quick-start.yaml",
        &[("172.18.30.131-172.18.30.140/16", 10)],
    ),
    ("macvlan.yaml", &[("192.168.20.10-192.168.20.100/24", 91)]),
    // Four of the 91 are excluded.
    ("range.yaml", &[("192.168.20.10-192.168.20.100/24", 91 - 4)]),
    ("sriov.yaml", &[("10.56.217.171-10.56.217.181/24", 11)]),
    (
        "static-address.yaml",
        &[("192.168.30.1-192.168.30.254/24", 253)],
    ),
    (
        "two-interfaces.yaml",
        &[("192.168.50.10-192.168.50.254/24", 245)],
    ),
];

#[test]
fn each_network_has_the_addresses_that_its_example_promises() {
    for (example, promised) in EXAMPLES {
        let definitions = definitions(example);
        let plugins = definitions
            .iter()
            .filter_map(|one| allocating_plugin(&one.config));
        let claimed: Vec<_> = plugins.flat_map(|plugin| claims(&plugin)).collect();
        let promised = promised
            .iter()
            .map(|(range, size)| ((*range).to_owned(), *size));
        assert_eq!(claimed, promised.collect::<Vec<_>>(), "{example}");
    }
}

#[test]
fn a_network_says_its_name_and_its_version() {
    for (example, _) in EXAMPLES {
        for definition in definitions(example) {
            // Multus would fill in the object's name for the one; without the other it takes away the
            // ranges before a DEL.
            assert_eq!(definition.config["name"], definition.name, "{example}");
            assert!(definition.config["cniVersion"].is_string(), "{example}");
        }
    }
}

#[test]
fn a_pod_asks_for_networks_of_its_example_and_for_addresses_that_they_have() {
    for (example, _) in EXAMPLES {
        let definitions = definitions(example);
        for wish in wishes(example) {
            let found = definitions
                .iter()
                .find(|one| one.namespace == wish.namespace && one.name == wish.name);
            let Some(found) = found else {
                panic!("{example} has no network {}/{}", wish.namespace, wish.name)
            };
            let Some(ips) = wish.ips.as_array() else {
                continue;
            };
            let mut plugin = allocating_plugin(&found.config).unwrap();
            assert_eq!(plugin["capabilities"]["ips"], true, "{example}");
            plugin["runtimeConfig"] = json!({ "ips": ips });
            let exact = ips.iter().map(|ip| (ip.as_str().unwrap().to_owned(), 1));
            assert_eq!(claims(&plugin), exact.collect::<Vec<_>>(), "{example}");
        }
    }
}

#[test]
fn the_node_file_says_where_etcd_is() {
    let path = repository().join("deploy/examples/etcd-ipam.conf");
    let search = NodeFile::find(path.to_str(), None).unwrap();
    let network = json!({"cniVersion": "1.0.0", "name": "lan", "ipam": {"type": "etcd-ipam"}});
    let network = NetworkConfig::parse(network.to_string().as_bytes()).unwrap();
    let merged = network.with_node_file(&search.file.unwrap());
    assert_eq!(merged.warnings(), [""; 0]);
    let settings = merged.etcd().settings().unwrap();
    assert_eq!(settings.endpoints.len(), 3);
    assert!(settings.wants_tls());
}

#[test]
fn every_example_has_a_test_and_is_on_the_page_of_examples() {
    let files = fs::read_dir(repository().join("deploy/examples")).unwrap();
    let names: BTreeSet<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let networks = EXAMPLES.map(|(example, _)| example);
    let tested = networks.into_iter().chain(["etcd-ipam.conf"]);
    assert_eq!(names, tested.map(str::to_owned).collect());
    let page = fs::read_to_string(repository().join("docs/examples.md")).unwrap();
    for name in names {
        let link = format!("](../deploy/examples/{name})");
        assert!(page.contains(&link), "docs/examples.md has no {link}");
    }
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

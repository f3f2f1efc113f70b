//! What it costs to bring many allocations over, from Whereabouts and from an export.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::kubernetes::{network as status, node, pod};
use chaos_tests::plugin::network;
use serde_json::{Map, Value, json};

use crate::report::Report;
use crate::servers::born;
use crate::table::Table;
use crate::usage::Usage;

/// How many allocations.
const ALLOCATIONS: u32 = 20_000;
/// An `IPPool` of more than about 10,500 does not fit the API server's etcd.
const OF_A_POOL: u32 = 10_000;
/// What a kubelet runs at most unless it is told otherwise.
const PODS_OF_A_NODE: u32 = 100;
/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Measures one after the other, each in a store as the one before left it.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    let home = tempfile::tempdir()?;
    write_input(home.path())?;
    let (first, second) = (born(Options::default())?, born(Options::default())?);
    let file = |name: &str| home.path().join(name).display().to_string();
    let (config, pods, objects) = (file("config"), file("pods"), file("objects"));
    let export = file("export");
    let whereabouts = [
        "import",
        "--from",
        "whereabouts",
        "--config",
        &config,
        "--pods-from",
        &pods,
        &objects,
    ];
    let dry = [&whereabouts[..], &["--dry-run"]].concat();
    let ours = ["import", "--from", "ipamctl", &export];
    let mut table = Table::new(["what", "wall s", "CPU s", "peak MiB"]);
    for (what, etcd, line) in [
        ("import from whereabouts, dry run", &first, &dry[..]),
        ("import from whereabouts", &first, &whereabouts),
        ("the same again, all there", &first, &whereabouts),
        ("export", &first, &["export", &export]),
        ("import of the export", &second, &ours),
    ] {
        let (wall, usage) = run(etcd, line)?;
        table.row(&[
            what.to_owned(),
            format!("{:.2}", wall.as_secs_f64()),
            format!("{:.2}", usage.cpu.as_secs_f64()),
            (usage.peak / 1024).to_string(),
        ]);
    }
    report.table(
        &format!("Import and export of {ALLOCATIONS} allocations"),
        &table,
        "An address each, of as many pods of 1.5 KB in a file, into an etcd on the same machine. \
         Processor time and memory are those of ipamctl's process alone.",
    );
    Ok(())
}

/// How long it took, and what it had taken when it was last looked at.
fn run(etcd: &EtcdServer, line: &[&str]) -> Result<(Duration, Usage)> {
    let start = Instant::now();
    let mut child = Command::new(binaries::ipamctl()?)
        .args(line)
        .env_clear()
        .env("IPAMCTL_ENDPOINTS", etcd.endpoint())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut last = None;
    while let Ok(usage) = Usage::of(child.id()) {
        last = Some(usage);
        thread::sleep(LOOK_EVERY);
    }
    let ended = child.wait()?;
    ensure!(ended.success(), "{line:?}: {ended}");
    Ok((start.elapsed(), last.context("it was too fast")?))
}

fn write_input(home: &Path) -> Result<()> {
    let net = network(
        "lan",
        json!({"ipRanges": [{"range": "10.96.0.0/18"}, {"range": "10.96.64.0/18"}]}),
    );
    let mut items = Vec::new();
    for number in 0..ALLOCATIONS.div_ceil(PODS_OF_A_NODE) {
        items.push(of_kind("Node", node(&node_name(number)).into()));
    }
    let mut pools = [Map::new(), Map::new()];
    for number in 0..ALLOCATIONS {
        let (pool, offset) = (number / OF_A_POOL, number % OF_A_POOL + 1);
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(10, 96, 0, 0).to_bits() + (pool << 14) + offset);
        let name = format!("checkout-6d5f7c9b8-{number:05}");
        let uid = format!("5b0a6c1e-6f5c-4f0e-9d0b-{number:012x}");
        let status = status("checkout/lan", "net1", &[&ip.to_string()]);
        let pod = pod("checkout", &name, &uid, &node_name(number / PODS_OF_A_NODE));
        items.push(of_kind("Pod", pod.network_status([status]).into()));
        let allocation = json!({
            "id": format!("{number:064x}"), "podref": format!("checkout/{name}"), "ifname": "net1",
        });
        let pool = pools.get_mut(usize::try_from(pool)?).context("no pool")?;
        pool.insert(offset.to_string(), allocation);
    }
    let ranges = ["10.96.0.0/18", "10.96.64.0/18"];
    let pools = ranges.iter().zip(pools).map(|(range, allocations)| {
        json!({
            "apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "IPPool",
            "metadata": {"name": range.replace('/', "-"), "namespace": "kube-system"},
            "spec": {"range": range, "allocations": allocations},
        })
    });
    let list = |items: Value| json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(home.join("config"), net.to_string())?;
    std::fs::write(home.join("pods"), list(items.into()).to_string())?;
    std::fs::write(home.join("objects"), list(pools.collect()).to_string())?;
    Ok(())
}

fn of_kind(kind: &str, mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert("kind".to_owned(), kind.into());
    }
    object
}

fn node_name(number: u32) -> String {
    format!("worker-{number:03}.example.net")
}

//! `ipamctl import` of what other plugins have given out.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::answer::Answer;
use chaos_tests::binaries;
use chaos_tests::ctl;
use chaos_tests::etcd::{EtcdServer, Options};
use chaos_tests::kubernetes::{network as status, pod};
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::layout::DEFAULT_PREFIX;
use chaos_tests::plugin::{Call, network};
use chaos_tests::process::Output;
use chaos_tests::reconciling::{AT_ONCE, Scene, counts};
use etcd_client::Permission;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the samples of real Whereabouts are.
fn sample(name: &str) -> String {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors");
    vectors.join(name).display().to_string()
}

/// The configuration that the network of the sample of 0.9 has from now on.
fn green() -> Value {
    network(
        "green",
        json!({
            "network_name": "green",
            "ipRanges": [{"range": "10.44.0.0/24"}, {"range": "fd00:44::/112"}],
        }),
    )
}

/// Something to import, where it can be, and the living pods.
struct Bench {
    scene: Scene,
    home: TempDir,
}

impl Bench {
    /// A network, and these pods on the node `n1`.
    fn new(net: &Value, pods: &[&str]) -> Result<Self> {
        let scene = Scene::new()?;
        for name in pods {
            let uid = format!("uid-{name}");
            scene.kubernetes.put_pod(pod("default", name, &uid, "n1"))?;
        }
        let bench = Self {
            scene,
            home: tempfile::tempdir()?,
        };
        std::fs::write(bench.path("config"), net.to_string())?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn line(&self, from: &str, more: &[&str]) -> Vec<String> {
        let config = self.path("config").display().to_string();
        let kubeconfig = self.scene.kubernetes.kubeconfig().display().to_string();
        let line = [
            "import",
            "--from",
            from,
            "--config",
            &config,
            "--kubeconfig",
            &kubeconfig,
        ];
        line.iter()
            .chain(more)
            .map(|&part| part.to_owned())
            .collect()
    }

    fn import(&self, from: &str, more: &[&str]) -> Result<Output> {
        let line = self.line(from, more);
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        ctl::run(&[self.scene.lab.etcd.endpoint()], &line)
    }

    /// An import that has begun.
    fn start(&self, from: &str, more: &[&str]) -> Result<Child> {
        let mut command = Command::new(binaries::ipamctl()?);
        command
            .args(self.line(from, more))
            .env_clear()
            .env("IPAMCTL_ENDPOINTS", self.scene.lab.etcd.endpoint())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(command.spawn()?)
    }

    /// A call of the plugin on the node `n1`.
    fn call(&self, verb: &str, container: &str, interface: &str, net: &Value) -> Result<Answer> {
        let call = Call::attachment(verb, container, interface, net);
        call.run(&self.scene.lab.node.config())
    }
}

fn tally(output: &Output, field: &str) -> Result<(u64, u64)> {
    let report: Value =
        serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))?;
    let number = |name: &str| report[field][name].as_u64().context("no number");
    Ok((number("new")?, number("present")?))
}

#[test]
fn the_sample_of_whereabouts_is_imported_and_released_by_the_plugin() -> Result<()> {
    let pods = [
        "pod-web-0",
        "pod-web-1",
        "pod-web-2",
        "pod-web-3",
        "pod-web-4",
    ];
    let bench = Bench::new(&green(), &pods)?;
    let lab = &bench.scene.lab;
    let sample = sample("whereabouts-0.9.0-export.json");
    let imported = bench.import("whereabouts", &[&sample])?;
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    assert_eq!(
        imported.stdout,
        "WHAT          IMPORTED   THERE ALREADY
attachments          5               0
addresses           10               0

LEFT OUT                          WHERE                                WHY                                MATTERS
10.44.0.6 of default/pod-web-5    pool green-10.44.0.0-24, offset 6    no such pod lives: it has leaked   no
fd00:44::6 of default/pod-web-5   pool green-fd00-44---112, offset 6   no such pod lives: it has leaked   no
"
    );
    let held = lab.holdings()?.of("default/n1/green/web-3/net1")?;
    assert_eq!(held, ["10.44.0.4/24", "fd00:44::4/112"]);
    let again = bench.import("whereabouts", &[&sample])?;
    assert!(
        again
            .stdout
            .contains("attachments          0               5"),
        "{again:?}"
    );

    // The next pod gets none of them, but the one that has leaked is free.
    let net = green();
    let added = bench.call("ADD", "new", "net1", &net)?.success()?;
    assert_eq!(added.addresses()?, ["10.44.0.6/24", "fd00:44::6/112"]);
    for container in ["web-0", "web-1", "web-2", "web-3", "web-4", "new"] {
        bench.call("DEL", container, "net1", &net)?.silence()?;
    }
    lab.ensure_all_is_free()
}

#[test]
fn what_was_imported_is_freed_by_the_collector_when_its_pod_is_gone() -> Result<()> {
    let bench = Bench::new(&green(), &["pod-web-0", "pod-web-1"])?;
    let sample = sample("whereabouts-0.9.0-export.json");
    let imported = bench.import("whereabouts", &[&sample])?;
    ensure!(imported.status.success(), "{imported:?}");
    let lived = bench.scene.once(&AT_ONCE)?;
    assert_eq!(lived.released()?, counts([]));
    bench.scene.kubernetes.delete_pod("default", "pod-web-0")?;
    // The same name again is another pod.
    let successor = pod("default", "pod-web-0", "uid-of-another", "n1");
    bench.scene.kubernetes.put_pod(successor)?;
    let swept = bench.scene.once(&AT_ONCE)?;
    assert_eq!(swept.released()?, counts([("pod_gone", 1)]));
    let holdings = bench.scene.lab.holdings()?;
    assert_eq!((holdings.owners(), holdings.addresses()), (1, 2));
    Ok(())
}

#[test]
fn the_sample_of_the_old_etcd_backend_is_placed_by_what_pods_name() -> Result<()> {
    let net = network("ten", json!({"range": "10.45.0.0/24"}));
    let bench = Bench::new(&net, &[])?;
    let lab = &bench.scene.lab;
    for (name, ip) in [
        ("a", "10.45.0.1"),
        ("b", "10.45.0.2"),
        ("lost", "10.45.0.9"),
    ] {
        let entry = status("default/ten", "net3", &[ip]);
        let pod = pod("default", name, &format!("uid-{name}"), "n1").network_status([entry]);
        bench.scene.kubernetes.put_pod(pod)?;
    }
    let sample = sample("whereabouts-0.5.4-key-10.45.0.0_24.txt");
    let imported = bench.import("whereabouts-etcd", &[&sample, "-o", "json"])?;
    assert_eq!(tally(&imported, "attachments")?, (2, 0));
    // Whereabouts knows nothing of it, and yet it is in use.
    assert_eq!(tally(&imported, "adopted")?, (1, 0));
    assert!(imported.stdout.contains("10.45.0.4"), "{imported:?}");
    bench.call("DEL", "web-0", "net3", &net)?.silence()?;
    let holdings = lab.holdings()?;
    assert_eq!(holdings.of("default/n1/ten/web-1/net3")?, ["10.45.0.2/24"]);
    assert_eq!(holdings.owners(), 2);
    let added = bench.call("ADD", "new", "net1", &net)?.success()?;
    assert_eq!(added.addresses()?, ["10.45.0.1/24"]);
    Ok(())
}

#[test]
fn host_locals_files_are_imported_on_their_node_and_end_with_its_boot() -> Result<()> {
    let net = network("lan", json!({"subnet": "10.46.0.0/24"}));
    let bench = Bench::new(&net, &[])?;
    let lab = &bench.scene.lab;
    let directory = bench.path("lan");
    std::fs::create_dir(&directory)?;
    for (name, content) in [
        ("lock", ""),
        ("last_reserved_ip.0", "10.46.0.3"),
        ("10.46.0.2", "c1\r\neth0"),
        ("10.46.0.3", "c2\r\neth0"),
    ] {
        std::fs::write(directory.join(name), content)?;
    }
    let (node, directory) = (lab.node.config(), directory.display().to_string());
    // The node's name comes from its file, as the plugin finds it.
    let more = [
        "--node-config",
        &node.display().to_string(),
        &directory,
        "-o",
        "json",
    ];
    let imported = bench.import("host-local", &more)?;
    assert_eq!(tally(&imported, "attachments")?, (2, 0), "{imported:?}");
    lab.node.del("c1", &net)?.silence()?;
    assert_eq!(lab.holdings()?.owners(), 1);

    let swept = bench.scene.once(&AT_ONCE)?;
    assert_eq!(swept.last("kept")?, counts([("no_pod_name", 1)]));
    // The node reports, by its clock of whole seconds, after the import.
    thread::sleep(Duration::from_millis(1100));
    let rebooted = chaos_tests::reconciling::this_machine("n1")?.boot_id("another");
    bench.scene.kubernetes.put_node(rebooted)?;
    let swept = bench.scene.once(&AT_ONCE)?;
    assert_eq!(swept.released()?, counts([("rebooted", 1)]));
    lab.ensure_all_is_free()
}

/// So many allocations of living pods, in a pool of a /20.
fn large(count: u32) -> Result<(Bench, String)> {
    let net = network("big", json!({"range": "10.47.0.0/20"}));
    let bench = Bench::new(&net, &[])?;
    let mut allocations = serde_json::Map::new();
    for number in 1..=count {
        let name = format!("p{number}");
        let pod = pod("default", &name, &format!("uid-{name}"), "n1");
        bench.scene.kubernetes.put_pod(pod)?;
        let allocation = json!({"id": format!("c{number}"), "podref": format!("default/{name}"), "ifname": "net1"});
        allocations.insert(number.to_string(), allocation);
    }
    let pool = json!({
        "apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "IPPool",
        "metadata": {"name": "10.47.0.0-20"},
        "spec": {"range": "10.47.0.0/20", "allocations": allocations},
    });
    std::fs::write(bench.path("pool"), pool.to_string())?;
    let pool = bench.path("pool").display().to_string();
    Ok((bench, pool))
}

#[test]
fn an_import_that_is_killed_is_resumed_by_running_it_again() -> Result<()> {
    const ALL: u32 = 600;
    let (bench, pool) = large(ALL)?;
    let lab = &bench.scene.lab;
    for enough in [100, 300] {
        let mut import = bench.start("whereabouts", &[&pool])?;
        while import.try_wait()?.is_none() && lab.raw.count(&lab.layout.owners())? < enough {
            thread::sleep(Duration::from_millis(5));
        }
        // One that ended meanwhile is not hurt.
        import.kill()?;
        import.wait()?;
        // What is written is whole.
        lab.holdings()?;
    }
    let last = bench.import("whereabouts", &[&pool, "-o", "json"])?;
    let (new, present) = tally(&last, "attachments")?;
    assert!(present >= 300, "{present}");
    assert_eq!(new + present, u64::from(ALL));
    assert_eq!(lab.holdings()?.owners(), usize::try_from(ALL)?);
    Ok(())
}

#[test]
fn an_import_outlasts_a_pause_of_etcd_and_loses_nothing() -> Result<()> {
    const ALL: u32 = 600;
    let (mut bench, pool) = large(ALL)?;
    let line = bench.line("whereabouts", &[&pool, "-o", "json"]);
    let endpoint = bench.scene.lab.etcd.endpoint();
    let importing = thread::spawn(move || {
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        ctl::run(&[endpoint], &line)
    });
    // Somewhere in the middle, so that answers are lost of what was committed.
    let root = bench.scene.lab.layout.owners();
    while bench.scene.lab.raw.count(&root)? < 50 {
        thread::sleep(Duration::from_millis(5));
    }
    bench.scene.lab.etcd.pause()?;
    thread::sleep(Duration::from_millis(1500));
    bench.scene.lab.etcd.resume()?;
    let output = importing.join().map_err(|_| anyhow::anyhow!("a panic"))??;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(tally(&output, "attachments")?, (u64::from(ALL), 0));
    assert_eq!(bench.scene.lab.holdings()?.owners(), usize::try_from(ALL)?);
    Ok(())
}

#[test]
fn imports_and_adds_at_once_give_no_address_twice() -> Result<()> {
    let (bench, pool) = large(60)?;
    let lab = &bench.scene.lab;
    let net = network("big", json!({"range": "10.47.0.0/20"}));
    at_once(8, |number| {
        if number < 2 {
            bench.import("whereabouts", &[&pool, "--skip-conflicts"])?;
        } else {
            for pod in 0..4 {
                let container = format!("add-{number}-{pod}");
                bench.call("ADD", &container, "net1", &net)?.success()?;
            }
        }
        Ok(())
    })?;
    let holdings = lab.holdings()?;
    assert_eq!(holdings.owners(), holdings.addresses());
    assert!(holdings.owners() >= 60, "{holdings:?}");
    Ok(())
}

#[test]
fn a_store_that_is_out_of_reach_or_none_is_not_imported_into() -> Result<()> {
    let mut bench = Bench::new(&green(), &["pod-web-0"])?;
    let sample = sample("whereabouts-0.9.0-export.json");
    let output = bench.import("whereabouts", &[&sample, "--prefix", "/mistyped"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("not initialised"), "{output:?}");
    bench.scene.kubernetes.set_cluster_uid("one")?;
    bench
        .scene
        .lab
        .raw
        .put(bench.scene.lab.layout.identity("default"), "another")?;
    let output = bench.import("whereabouts", &[&sample])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("another Kubernetes cluster"),
        "{output:?}"
    );
    let output = bench.import("whereabouts", &["/none/such"])?;
    assert!(output.stderr.contains("/none/such"), "{output:?}");
    bench.scene.lab.ensure_all_is_free()?;
    bench.scene.lab.etcd.stop()?;
    let output = bench.import("whereabouts", &[&sample, "--timeout", "1s"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("no etcd endpoint"), "{output:?}");
    Ok(())
}

/// The rights that `docs/operations.md` lists for whoever imports, but one.
fn rights_without(missing: &str) -> Vec<Permission> {
    let rights = include_str!("../../../docs/operations.md").lines();
    let rights = rights.filter_map(|line| line.split_once("grant-permission etcd-ipam-import "));
    let rights = rights.filter_map(|(_, right)| right.split_once("--prefix $p/"));
    let rights = rights.map(|(kind, prefix)| {
        let prefix = prefix.split_whitespace().next().unwrap_or_default();
        (kind.trim(), prefix)
    });
    let rights = rights.filter(|(_, prefix)| *prefix != missing);
    let rights = rights.map(|(kind, prefix)| {
        let key = format!("{DEFAULT_PREFIX}/v1/{prefix}");
        let right = if kind == "read" {
            Permission::read(key)
        } else {
            Permission::read_write(key)
        };
        right.with_prefix()
    });
    rights.collect()
}

#[test]
fn who_imports_needs_the_documented_rights_and_no_more() -> Result<()> {
    let from = Lab::new()?;
    let net = network("net", json!({"range": "10.48.0.0/24"}));
    for container in ["a", "b"] {
        from.node.add(container, &net)?.success()?;
    }
    from.raw.put(from.layout.identity("default"), "uid")?;
    let home = tempfile::tempdir()?;
    let file = home.path().join("export").display().to_string();
    let exported = ctl::run(&[from.etcd.endpoint()], &["export", &file])?;
    ensure!(exported.status.success(), "{exported:?}");

    let etcd = EtcdServer::start_with(Options {
        tls: true,
        ..Options::default()
    })?;
    let authority = etcd.authority()?;
    let run = |user: &str, line: &[&str]| {
        let identity = authority.client(user)?;
        let files = [
            ("--ca-file", &authority.ca_file),
            ("--cert-file", &identity.cert_file),
            ("--key-file", &identity.key_file),
        ];
        let files = files.map(|(flag, path)| format!("{flag}={}", path.display()));
        let files = files.iter().map(String::as_str);
        let line: Vec<_> = line.iter().copied().chain(files).collect();
        ctl::run(&[etcd.endpoint()], &line)
    };
    ensure!(run("root", &["init"])?.status.success());
    let users = ["meta/", "owner/", "addr/", "range/", "gc/", "none"];
    etcd.raw()?.ask(async |client| {
        client.user_add("root", "unused", None).await?;
        client.user_grant_role("root", "root").await?;
        for missing in users {
            let user = missing.trim_end_matches('/');
            client.role_add(user).await?;
            for right in rights_without(missing) {
                client.role_grant_permission(user, right).await?;
            }
            client.user_add(user, "unused", None).await?;
            client.user_grant_role(user, user).await?;
        }
        client.auth_enable().await
    })?;
    for missing in users {
        let user = missing.trim_end_matches('/');
        let output = run(user, &["import", "--from", "ipamctl", &file])?;
        if missing == "none" {
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(
                output.stdout.contains("attachments          2"),
                "{output:?}"
            );
        } else {
            assert_eq!(output.status.code(), Some(1), "{missing}: {output:?}");
            assert!(
                output.stderr.contains("denies the request"),
                "{missing}: {output:?}"
            );
        }
    }
    Ok(())
}

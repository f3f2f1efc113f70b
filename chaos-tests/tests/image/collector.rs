//! `lease-gc`, as the Deployment runs it: as nobody in particular, on a file system without a place
//! to write to.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};

use anyhow::{Context as _, Result};
use chaos_tests::engine::Spec;
use chaos_tests::http::Client;
use chaos_tests::kubernetes::{Kubernetes, node, pod};
use chaos_tests::loopback::Place;
use chaos_tests::metrics::Metrics;

use crate::initialiser::{NOBODY, in_cluster, readable_by_all};
use crate::installer::secure;
use crate::shop::{IMAGE, engine};

#[test]
fn the_collector_sweeps_as_nobody_until_it_is_told_to_end() -> Result<()> {
    let Some(engine) = engine("the_collector_sweeps_as_nobody_until_it_is_told_to_end")? else {
        return Ok(());
    };
    let (etcd, store_id, _host) = secure()?;
    let kubernetes = Kubernetes::start()?;
    kubernetes.put_node(node("n1"))?;
    kubernetes.put_pod(pod("shop", "web-0", "u1", "n1"))?;
    let (account, secret) = (readable_by_all()?, readable_by_all()?);
    // A kubelet gives a Secret to the pod's fsGroup; nobody else may read it.
    let root = etcd.root_identity()?;
    for (from, name) in [
        (&etcd.authority()?.ca_file, "ca.crt"),
        (&root.cert_file, "tls.crt"),
        (&root.key_file, "tls.key"),
    ] {
        let file = secret.path().join(name);
        fs::copy(from, &file)?;
        chown(&file, None, Some(NOBODY))?;
        fs::set_permissions(&file, Permissions::from_mode(0o440))?;
    }
    let place = Place::free()?;
    let listen = format!("{}:{}", place.ip, Place::CLIENT_PORT);
    let spec = Spec::confined("lease-gc", IMAGE)
        .flag("--entrypoint=/lease-gc")
        .read_only(secret.path(), "/etc/etcd-ipam/tls")
        .env("LEASE_GC_ENDPOINTS", &etcd.endpoint())
        .env("LEASE_GC_STORE_ID", &store_id)
        .env("LEASE_GC_CA_FILE", "/etc/etcd-ipam/tls/ca.crt")
        .env("LEASE_GC_CERT_FILE", "/etc/etcd-ipam/tls/tls.crt")
        .env("LEASE_GC_KEY_FILE", "/etc/etcd-ipam/tls/tls.key")
        .env("LEASE_GC_LISTEN", &listen);
    let spec = in_cluster(spec, &kubernetes, account.path())?;
    let container = engine.start(&spec, &[])?;
    let client = Client::plain((place.ip, Place::CLIENT_PORT));
    container.wait_until("it is ready", || {
        Ok(client
            .get("/readyz")
            .is_ok_and(|answer| answer.status == 200))
    })?;
    container.wait_until("it has swept", || {
        let metrics = Metrics::parse(&client.get("/metrics")?.body)?;
        Ok(metrics.value("etcd_ipam_sweeps_total", &[]) >= Some(1.0))
    })?;
    let page = client.get("/healthz").context("it does not live")?;
    assert_eq!(page.status, 200);
    let log = container.log()?;
    assert_eq!(container.stop()?, 0, "{log}");
    Ok(())
}

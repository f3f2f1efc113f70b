//! `ipamctl init`, as the Job runs it: as nobody in particular, with the pod's service account.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::engine::Spec;
use chaos_tests::etcd::EtcdServer;
use chaos_tests::kubernetes::Kubernetes;
use chaos_tests::layout::Layout;
use serde_json::Value;
use tempfile::TempDir;

use crate::shop::{IMAGE, engine};

/// The user of the image.
pub(crate) const NOBODY: u32 = 65532;

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const RECORD: &str = "kube-system/etcd-ipam-store";

/// What a kubelet gives a pod to reach the API by.
pub(crate) fn in_cluster(spec: Spec, kubernetes: &Kubernetes, home: &Path) -> Result<Spec> {
    fs::write(home.join("token"), kubernetes.token())?;
    fs::write(home.join("namespace"), "kube-system")?;
    fs::copy(kubernetes.ca_file(), home.join("ca.crt"))?;
    let address = kubernetes.url();
    let address = address.strip_prefix("https://").context("no HTTPS")?;
    let address: SocketAddr = address.parse()?;
    Ok(spec
        .env("KUBERNETES_SERVICE_HOST", &address.ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", &address.port().to_string())
        .read_only(home, ACCOUNT))
}

#[test]
fn the_job_makes_one_store_in_the_life_of_a_cluster() -> Result<()> {
    let Some(engine) = engine("the_job_makes_one_store_in_the_life_of_a_cluster")? else {
        return Ok(());
    };
    let (etcd, kubernetes) = (EtcdServer::start()?, Kubernetes::start()?);
    let account = readable_by_all()?;
    let job = in_cluster(Spec::confined("init", IMAGE), &kubernetes, account.path())?;
    let at = |etcd: &EtcdServer| job.clone().env("IPAMCTL_ENDPOINTS", &etcd.endpoint());
    let arguments = ["init", "--record-in", RECORD, "-o", "json"];

    let first = engine.run(&at(&etcd), &arguments)?;
    let made: Value = serde_json::from_str(&first.stdout).with_context(|| format!("{first:?}"))?;
    assert_eq!(made["created"], true);
    let record = kubernetes.config_map("kube-system", "etcd-ipam-store")?;
    assert_eq!(record.context("no record")?["data"]["store_id"], made["id"]);

    let again = engine.run(&at(&etcd), &arguments)?;
    let found: Value = serde_json::from_str(&again.stdout).with_context(|| format!("{again:?}"))?;
    assert_eq!(
        (&found["created"], &found["id"]),
        (&false.into(), &made["id"])
    );

    let wiped = EtcdServer::start()?;
    let refused = engine.run(&at(&wiped), &arguments)?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("nothing was created"),
        "{refused:?}"
    );
    assert_eq!(wiped.raw()?.count(Layout::default().root())?, 0);
    Ok(())
}

/// A directory that the container's user may look into.
pub(crate) fn readable_by_all() -> Result<TempDir> {
    let home = TempDir::new()?;
    fs::set_permissions(home.path(), Permissions::from_mode(0o755))?;
    Ok(home)
}

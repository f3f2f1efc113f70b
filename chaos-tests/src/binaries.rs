//! The programs under test.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

/// The CNI plugin.
pub fn plugin() -> Result<PathBuf> {
    binary("etcd-ipam")
}

/// The operator's command.
pub fn ipamctl() -> Result<PathBuf> {
    binary("ipamctl")
}

/// The collector.
pub fn collector() -> Result<PathBuf> {
    binary("lease-gc")
}

/// A missing binary is a mistake of whoever runs the tests, so it fails them and skips nothing.
fn binary(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `make test`, which builds it, or set ETCD_IPAM_BIN_DIR",
        path.display()
    );
    Ok(path)
}

/// Where they are: `$ETCD_IPAM_BIN_DIR`, else the release directory beside the one that this test was
/// built into.
pub fn directory() -> Result<PathBuf> {
    if let Some(directory) = std::env::var_os("ETCD_IPAM_BIN_DIR") {
        return Ok(directory.into());
    }
    let test = std::env::current_exe()?;
    // target/<triple>/debug/deps/<test>
    let target = test.ancestors().nth(3).context("no target directory")?;
    Ok(target.join("release"))
}

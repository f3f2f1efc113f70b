//! The etcd that is measured, and the ways to it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chaos_tests::cluster::EtcdCluster;
use chaos_tests::etcd::{EtcdServer, Options};

use crate::counting::Counting;

/// What a plugin is told of an etcd.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The URLs of its members.
    pub(crate) endpoints: Vec<String>,
    /// Authority, certificate and key, where it wants them.
    pub(crate) files: Option<[PathBuf; 3]>,
}

impl Way {
    /// To a server.
    pub(crate) fn to(etcd: &EtcdServer) -> Self {
        let authority = etcd.authority().ok().map(|one| one.ca_file.clone());
        let identity = etcd.root_identity().ok();
        let files = authority.zip(identity).map(|(authority, identity)| {
            [
                authority,
                identity.cert_file.clone(),
                identity.key_file.clone(),
            ]
        });
        Self {
            endpoints: vec![etcd.endpoint()],
            files,
        }
    }
}

/// A server with a store.
pub(crate) fn born(options: Options) -> Result<EtcdServer> {
    let etcd = EtcdServer::start_with(options)?;
    Counting::new(&etcd, 1)?;
    Ok(etcd)
}

/// The same with TLS, all certificates being ECDSA.
pub(crate) fn born_with_tls() -> Result<EtcdServer> {
    born(Options {
        tls: true,
        ..Options::default()
    })
}

/// Three members with a store.
pub(crate) struct Three {
    /// The way to all of them.
    pub(crate) way: Way,
    // Ends them when it is dropped.
    _cluster: EtcdCluster,
}

impl Three {
    /// Starts them.
    pub(crate) fn start() -> Result<Self> {
        let mut cluster = EtcdCluster::start()?;
        let first = cluster.members().first().context("no member")?;
        Counting::new(first, 1)?;
        Ok(Self {
            way: Way {
                endpoints: cluster.endpoints(),
                files: None,
            },
            _cluster: cluster,
        })
    }
}

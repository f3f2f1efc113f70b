//! The layers that settings come from: a network's configuration over the node's file, and for the
//! way to etcd the command line over both.

use ipam_plugin::cni::error::CniError;
use ipam_plugin::config::{EtcdAccess, NetworkConfig, NodeFile};
use ipam_plugin::local;
use ipam_plugin::local::disk::Disk;
use ipam_plugin::local::memory::Memory;
use store::gate::Gate;

use crate::access::given;
use crate::cli::Cli;
use crate::config;

/// What the command line and this machine say, whatever the network.
#[derive(Debug)]
pub struct Place {
    /// Where etcd is, by flags and variables.
    pub(super) own: EtcdAccess,
    /// Whether the command line gives a prefix.
    pub(super) gives_prefix: bool,
    /// The node's file that was asked for by name.
    named: Option<NodeFile>,
    /// `$ETCD_IPAM_CONFIG`.
    environment: Option<String>,
    /// The cluster that was asked for.
    pub(super) cluster: Option<String>,
}

/// The store that an ADD would use, and how it is reached from here.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub access: EtcdAccess,
    /// What is expected of it.
    pub gate: Gate,
    /// The Kubernetes cluster that is meant.
    pub cluster: String,
}

/// The settings of one ADD.
#[derive(Debug)]
pub(super) struct Layers {
    /// The network's configuration over the node's file.
    pub(super) config: NetworkConfig,
    /// The node's file.
    pub(super) file: Option<NodeFile>,
    /// What was odd.
    pub(super) warnings: Vec<String>,
}

impl Place {
    /// Reads the command line, and the node's file that it names. `environment` is
    /// `$ETCD_IPAM_CONFIG`.
    ///
    /// # Errors
    /// Where that file cannot be used.
    pub fn new(cli: &Cli, environment: Option<String>) -> anyhow::Result<Self> {
        let named = cli.etcd.node_config();
        Ok(Self {
            own: cli.etcd.access(),
            gives_prefix: given(cli.etcd.prefix.as_ref()).is_some(),
            named: named.map(|path| config::named(&path)).transpose()?,
            environment,
            cluster: given(cli.cluster.as_ref()),
        })
    }

    /// Reads a network's configuration as the plugin does, with the node's file under it.
    ///
    /// # Errors
    /// As an ADD would fail. A node's file of this machine that cannot be read is only left out where
    /// the command line says where etcd is: it may be for root's eyes only.
    pub(super) fn read(&self, network: &[u8]) -> Result<Layers, CniError> {
        let config = NetworkConfig::parse(network)?;
        let (file, warnings) = self.node_file(config.configuration_path())?;
        let config = match &file {
            Some(file) => config.with_node_file(file),
            None => config,
        };
        Ok(Layers {
            config,
            file,
            warnings,
        })
    }

    fn node_file(
        &self,
        configuration_path: Option<&str>,
    ) -> Result<(Option<NodeFile>, Vec<String>), CniError> {
        if let Some(file) = &self.named {
            return Ok((Some(file.clone()), Vec::new()));
        }
        match NodeFile::find(configuration_path, self.environment.as_deref()) {
            Ok(search) => Ok((search.file, search.warnings)),
            Err(error) if self.own.has_endpoints() => {
                let warning = format!("a configuration file is left out: {error}");
                Ok((None, vec![warning]))
            }
            Err(error) => Err(error),
        }
    }

    /// The store of these settings; where the command line says it, that is how it is reached.
    pub(super) fn target(&self, layers: &Layers, node: Option<&str>) -> Target {
        let config = &layers.config;
        let cluster = self.cluster(layers).to_owned();
        // What this machine has seen of the store, where it is a node.
        let place = local::Place {
            etcd: config.etcd().clone(),
            cluster: cluster.clone(),
            node: node.unwrap_or_default().to_owned(),
        };
        let memory = Memory::new(Disk, &config.section().state_dir(), &place);
        Target {
            access: self.own.clone().over(config.etcd().clone()),
            gate: Gate {
                store_id: config.etcd().store_id().map(str::to_owned),
                memory: memory.read(),
            },
            cluster,
        }
    }

    /// The cluster in the owner keys.
    pub(super) fn cluster<'a>(&'a self, layers: &'a Layers) -> &'a str {
        let section = layers.config.section();
        self.cluster.as_deref().unwrap_or(section.cluster())
    }
}

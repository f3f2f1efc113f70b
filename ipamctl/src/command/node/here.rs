//! This machine as a node: who it is, and where it keeps what it did.

use std::path::PathBuf;

use anyhow::Context as _;
use ipam_plugin::config::{IpamSection, NodeFile};
use ipam_plugin::local::identity;

use crate::access::given;

/// What a node's file, or what is usual, says of the machine that it stands on.
#[derive(Debug)]
pub struct Here {
    /// The node's name.
    pub node: String,
    /// The Kubernetes cluster's name.
    pub cluster: String,
    /// Where the journal is.
    pub state_dir: PathBuf,
    /// Where releases wait.
    pub spool_dir: PathBuf,
    /// The store that the node belongs to.
    pub store_id: Option<String>,
}

impl Here {
    /// What is known with this file; names that were given by hand win.
    ///
    /// # Errors
    /// Where the node has no name.
    pub fn of(
        file: Option<&NodeFile>,
        node: Option<&String>,
        cluster: Option<&String>,
    ) -> anyhow::Result<Self> {
        let nothing = IpamSection::default();
        let section = file.map_or(&nothing, NodeFile::section);
        let node = given(node)
            .or_else(|| section.node_name().map(str::to_owned))
            .or_else(identity::node_name);
        Ok(Self {
            node: node.context("the node's name is not known; give it with --node-name")?,
            cluster: given(cluster).unwrap_or_else(|| section.cluster().to_owned()),
            state_dir: section.state_dir(),
            spool_dir: section.spool_dir(),
            store_id: file.and_then(|file| file.etcd().store_id().map(str::to_owned)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_file_says_who_the_node_is_unless_somebody_does() {
        let text = br#"{"node_name": "n1", "cluster": "west", "state_dir": "/s",
            "etcd": {"endpoints": "a", "store_id": "s1"}}"#;
        let file = NodeFile::parse(Path::new("/f"), text).unwrap();
        let here = Here::of(Some(&file), None, Some(&String::new())).unwrap();
        assert_eq!((here.node.as_str(), here.cluster.as_str()), ("n1", "west"));
        assert_eq!(here.state_dir, Path::new("/s"));
        assert_eq!(here.spool_dir, Path::new("/var/lib/etcd-ipam/spool"));
        assert_eq!(here.store_id.as_deref(), Some("s1"));
        let [node, cluster] = ["n2", "east"].map(str::to_owned);
        let here = Here::of(Some(&file), Some(&node), Some(&cluster)).unwrap();
        assert_eq!((here.node.as_str(), here.cluster.as_str()), ("n2", "east"));
    }
}

//! What most tests begin with: an etcd server with a fresh store, and a node.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::ctl;
use crate::etcd::{EtcdServer, Options};
use crate::holdings::Holdings;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::Output;
use crate::raw::Raw;

/// One etcd server, a look past the programs into it, and a node that uses it.
pub struct Lab {
    /// A look into the server.
    pub raw: Raw,
    /// The node `n1`.
    pub node: Node,
    /// The server.
    pub etcd: EtcdServer,
    /// How its keys are spelled.
    pub layout: Layout,
}

impl Lab {
    /// With the newest etcd and a node that knows nothing but the endpoint.
    pub fn new() -> Result<Self> {
        Self::with(Options::default(), json!({}))
    }

    /// With such an etcd, and with this in the node's file beside the endpoint.
    pub fn with(options: Options, node: Value) -> Result<Self> {
        let etcd = EtcdServer::start_with(options)?;
        ctl::init(&[etcd.endpoint()], &[])?;
        Self::around(etcd, node)
    }

    /// Around a server that runs; its store is left as it is.
    pub fn around(etcd: EtcdServer, mut node: Value) -> Result<Self> {
        node["etcd"] = json!({"endpoints": [etcd.endpoint()]});
        Ok(Self {
            raw: etcd.raw()?,
            node: Node::with_config("n1", node)?,
            etcd,
            layout: Layout::default(),
        })
    }

    /// Another node of the same cluster.
    pub fn another_node(&self, name: &str) -> Result<Node> {
        Node::new(name, &[self.etcd.endpoint()])
    }

    /// What `ipamctl` says to these arguments; fails unless it ends with this status.
    pub fn ctl(&self, arguments: &[&str], status: i32) -> Result<Output> {
        let output = ctl::run(&[self.etcd.endpoint()], arguments)?;
        ensure!(
            output.status.code() == Some(status),
            "ipamctl {arguments:?}: {output:?}"
        );
        Ok(output)
    }

    /// Who holds what; fails if addresses and records contradict each other.
    pub fn holdings(&self) -> Result<Holdings> {
        let holdings = Holdings::read(&self.raw, &self.layout)?;
        holdings.check(&self.layout)?;
        Ok(holdings)
    }

    /// Fails if anybody holds anything.
    pub fn ensure_all_is_free(&self) -> Result<()> {
        let holdings = self.holdings()?;
        ensure!(
            holdings.addresses() == 0 && holdings.owners() == 0,
            "left in etcd: {holdings:?}"
        );
        Ok(())
    }
}

/// Does the same `count` times at once, and gives the results in the order of their numbers.
pub fn at_once<T: Send>(count: usize, task: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let task = &task;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || task(number)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect()
    })
}

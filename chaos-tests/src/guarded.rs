//! An etcd that lets in who shows a certificate, and keeps to the roles that `ipamctl etcd-roles`
//! makes.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::certs::Identity;
use crate::ctl;
use crate::etcd::{EtcdServer, Options};
use crate::install;
use crate::node::Node;
use crate::process::Output;
use crate::raw::{Access, Raw};
use crate::skip::skipped;

/// The user of the collector.
pub const COLLECTOR: &str = "etcd-ipam-lease-gc";
/// The user of nodes that have none of their own.
pub const SHARED: &str = "etcd-ipam-node";
/// The user of operators.
pub const OPERATOR: &str = "etcd-ipam-operator";
/// The user who may only read.
pub const READER: &str = "etcd-ipam-reader";

/// The first versions of their series that keep to their roles, transactions within transactions
/// included.
const KEEPS_TO_ROLES: [[u32; 3]; 2] = [[3, 5, 28], [3, 6, 9]];

/// The server with an initialised store.
#[derive(Debug)]
pub struct Guarded {
    /// A look into the server, as root.
    pub raw: Raw,
    /// The server.
    pub etcd: EtcdServer,
}

impl Guarded {
    /// A server with a store and without any user.
    pub fn open(options: Options) -> Result<Self> {
        let etcd = EtcdServer::start_with(Options {
            tls: true,
            ..options
        })?;
        let guarded = Self {
            raw: etcd.raw()?,
            etcd,
        };
        guarded.done("root", &["init"])?;
        Ok(guarded)
    }

    /// A server with users for these nodes and everybody else, who must sign in from now on.
    pub fn new(nodes: &[&str]) -> Result<Self> {
        let guarded = Self::open(Options::default())?;
        let mut line = vec!["etcd-roles", "--apply", "--shared"];
        line.extend(nodes.iter().flat_map(|node| ["--node", node]));
        guarded.done("root", &line)?;
        guarded.demand_users()?;
        Ok(guarded)
    }

    /// Turns authentication on.
    pub fn demand_users(&self) -> Result<()> {
        self.raw.ask(async |client| client.auth_enable().await)?;
        Ok(())
    }

    /// A certificate of a user. Every call makes another.
    pub fn identity(&self, user: &str) -> Result<Identity> {
        self.etcd.authority()?.client(user)
    }

    /// The flags with which a user gets in.
    pub fn flags(&self, user: &str) -> Result<Vec<String>> {
        let identity = self.identity(user)?;
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        Ok(vec![
            flag("ca-file", &self.etcd.authority()?.ca_file),
            flag("cert-file", &identity.cert_file),
            flag("key-file", &identity.key_file),
        ])
    }

    /// A way in past the programs, as a user.
    pub fn raw_as(&self, user: &str) -> Result<Raw> {
        let identity = self.identity(user)?;
        let tls = Some((self.etcd.authority()?, &identity));
        let access = Access {
            tls,
            password: None,
        };
        Raw::new(&self.etcd.endpoint(), access)
    }

    /// Runs `ipamctl` as a user, whatever comes of it.
    pub fn run(&self, user: &str, arguments: &[&str], stdin: &str) -> Result<Output> {
        let flags = self.flags(user)?;
        let flags = flags.iter().map(String::as_str);
        let line: Vec<_> = arguments.iter().copied().chain(flags).collect();
        ctl::run_with(&[self.etcd.endpoint()], &line, stdin)
    }

    /// The same for what must succeed.
    pub fn done(&self, user: &str, arguments: &[&str]) -> Result<Output> {
        let output = self.run(user, arguments, "")?;
        ensure!(
            output.status.success(),
            "{user}: ipamctl {arguments:?}: {output:?}"
        );
        Ok(output)
    }

    /// What such a command prints with `-o json`, whether the answer is yes or no.
    pub fn json(&self, user: &str, arguments: &[&str], stdin: &str) -> Result<Value> {
        let line = [arguments, &["-o", "json"]].concat();
        let output = self.run(user, &line, stdin)?;
        let answered = matches!(output.status.code(), Some(0 | 3));
        ensure!(answered, "{user}: ipamctl {arguments:?}: {output:?}");
        Ok(serde_json::from_str(&output.stdout)?)
    }

    /// A node that shows a certificate of its own name.
    pub fn node(&self, name: &str) -> Result<Node> {
        let identity = self.identity(name)?;
        let text = |path: &Path| path.display().to_string();
        let etcd = json!({
            "endpoints": [self.etcd.endpoint()],
            "ca_file": text(&self.etcd.authority()?.ca_file),
            "cert_file": text(&identity.cert_file),
            "key_file": text(&identity.key_file),
        });
        Node::with_config(name, json!({"timeout": "5s", "etcd": etcd}))
    }
}

/// Whether the newest etcd here keeps to its roles; says so where it does not.
pub fn roles_are_kept(test: &str) -> Result<bool> {
    let version = install::newest()?.version;
    let kept = KEEPS_TO_ROLES
        .iter()
        .any(|first| version >= *first && version < [first[0], first[1] + 1, 0]);
    if !kept {
        let reason = install::why_missing("3.5.28 or later");
        skipped(
            test,
            &format!("{version:?} does not keep to its roles; {reason}"),
        );
    }
    Ok(kept)
}

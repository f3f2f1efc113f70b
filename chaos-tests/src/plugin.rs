//! Calls the plugin as a container runtime does: a process, an environment, a config on stdin.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::binaries;
use crate::process::{self, Finish};

/// One call of the plugin.
#[derive(Clone, Debug)]
pub struct Call {
    environment: BTreeMap<String, String>,
    stdin: String,
    finish: Finish,
}

impl Call {
    /// A call with nothing but its verb and its config.
    pub fn new(verb: &str, config: &Value) -> Self {
        let call = Self {
            environment: BTreeMap::new(),
            stdin: config.to_string(),
            finish: Finish::Normal,
        };
        call.env("CNI_COMMAND", verb)
            .env("CNI_PATH", "/opt/cni/bin")
    }

    /// A call with exactly this environment and no input.
    pub fn bare(environment: BTreeMap<String, String>) -> Self {
        Self {
            environment,
            stdin: String::new(),
            finish: Finish::Normal,
        }
    }

    /// A call for one attachment, with the `CNI_ARGS` of containerd.
    pub fn attachment(verb: &str, container: &str, interface: &str, config: &Value) -> Self {
        let (name, uid) = (format!("pod-{container}"), format!("uid-{container}"));
        Self::new(verb, config)
            .env("CNI_CONTAINERID", container)
            .env("CNI_IFNAME", interface)
            .env("CNI_NETNS", "/run/netns/none")
            .pod("test", &name, &uid)
    }

    /// For this pod, as containerd says so in `CNI_ARGS`.
    #[must_use]
    pub fn pod(self, namespace: &str, name: &str, uid: &str) -> Self {
        let container = self.environment.get("CNI_CONTAINERID");
        let container = container.map_or("", String::as_str);
        let arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};\
             K8S_POD_INFRA_CONTAINER_ID={container};K8S_POD_UID={uid}"
        );
        self.env("CNI_ARGS", arguments)
    }

    /// With this variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// With this text as its standard input, JSON or not.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    /// With another end.
    #[must_use]
    pub fn finish(mut self, finish: Finish) -> Self {
        self.finish = finish;
        self
    }

    /// Runs the plugin. Nothing of the test's own environment reaches it.
    pub fn run(&self, node_config: &Path) -> Result<Answer> {
        self.run_as(&binaries::plugin()?, node_config)
    }

    /// Runs the plugin that stands at this path.
    pub fn run_as(&self, plugin: &Path, node_config: &Path) -> Result<Answer> {
        let mut command = Command::new(plugin);
        command
            .env_clear()
            .envs(&self.environment)
            .env("ETCD_IPAM_CONFIG", node_config);
        Ok(Answer(process::run(command, &self.stdin, self.finish)?))
    }
}

/// A network with a set of each family: `10.<octet>.0.0/24` and `fd00:<octet>::/64`.
pub fn dual_stack(octet: u8, order: &str) -> Value {
    let v4 = format!("10.{octet}.0.0/24");
    let v6 = format!("fd00:{octet}::/64");
    network(
        "net",
        json!({"order": order, "ranges": [[{"subnet": v4}], [{"subnet": v6}]]}),
    )
}

/// A network's config, as Multus passes it on. `ipam` lacks only its type.
pub fn network(name: &str, mut ipam: Value) -> Value {
    ipam["type"] = "etcd-ipam".into();
    json!({"cniVersion": "1.1.0", "name": name, "type": "macvlan", "master": "eth0", "ipam": ipam})
}

//! A network attached as libcni does it: every plugin of a list in its order, each with what the one before
//! it answered; DEL in the reverse order.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::machine::{BIN_DIR, Machine};
use crate::process::{self, Finish};

/// One interface of a pod in one network.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The network's configuration: a list of plugins, or one plugin.
    pub network: Value,
    /// The name of the interface.
    pub interface: String,
    /// The addresses that the pod asks for.
    pub ips: Vec<String>,
    container: String,
    pod: String,
}

impl Attachment {
    /// Of a pod of namespace `default` on this network. Its network namespace, which [`make_pod`] makes, has
    /// the pod's name.
    pub fn new(pod: &str, network: &Value, interface: &str) -> Self {
        Self {
            network: network.clone(),
            interface: interface.to_owned(),
            ips: Vec::new(),
            container: format!("container-of-{pod}"),
            pod: pod.to_owned(),
        }
    }

    /// ADD: the last plugin's answer. Fails with the first that fails, after which the runtime calls DEL.
    pub fn add(&self, machine: &Machine) -> Result<Value> {
        let mut previous = None;
        for plugin in self.plugins() {
            let answer = self.call(machine, "ADD", &plugin, previous.as_ref())?;
            previous = Some(answer.success()?.json()?);
        }
        previous.context("no plugin")
    }

    /// CHECK, with what ADD answered; nothing where the network's version has none or the network wants none.
    pub fn check(&self, machine: &Machine, result: &Value) -> Result<()> {
        let version = self.network["cniVersion"].as_str().unwrap_or("0.1.0");
        if version < "0.4.0" || self.network["disableCheck"] == true {
            return Ok(());
        }
        for plugin in self.plugins() {
            self.call(machine, "CHECK", &plugin, Some(result))?
                .silence()?;
        }
        Ok(())
    }

    /// DEL, with what ADD answered, if it is known.
    pub fn del(&self, machine: &Machine, result: Option<&Value>) -> Result<()> {
        for plugin in self.plugins().iter().rev() {
            self.call(machine, "DEL", plugin, result)?.silence()?;
        }
        Ok(())
    }

    /// The first plugin's answer to an ADD, whatever it is.
    pub fn try_add(&self, machine: &Machine) -> Result<Answer> {
        let plugins = self.plugins();
        self.call(machine, "ADD", plugins.first().context("no plugin")?, None)
    }

    /// What each plugin is given: its part of the list, the list's name and version, and of what the pod
    /// asks for that which the plugin says that it can do.
    fn plugins(&self) -> Vec<Value> {
        let Some(plugins) = self.network["plugins"].as_array() else {
            return vec![self.network.clone()];
        };
        let give = |plugin: &Value| {
            let mut plugin = plugin.clone();
            plugin["name"] = self.network["name"].clone();
            plugin["cniVersion"] = self.network["cniVersion"].clone();
            if plugin["capabilities"]["ips"] == true && !self.ips.is_empty() {
                plugin["runtimeConfig"] = json!({"ips": self.ips});
            }
            plugin
        };
        plugins.iter().map(give).collect()
    }

    fn call(
        &self,
        machine: &Machine,
        verb: &str,
        plugin: &Value,
        previous: Option<&Value>,
    ) -> Result<Answer> {
        let mut config = plugin.clone();
        if let Some(result) = previous {
            config["prevResult"] = result.clone();
        }
        let name = plugin["type"].as_str().context("a plugin without a type")?;
        ensure!(!name.contains('/'), "{name} is no name of a plugin");
        let (pod, container) = (&self.pod, &self.container);
        let mut words = vec!["env".to_owned()];
        words.extend([
            format!("CNI_COMMAND={verb}"),
            format!("CNI_CONTAINERID={container}"),
            format!("CNI_NETNS={}", network_of(pod)),
            format!("CNI_IFNAME={}", self.interface),
            format!("CNI_PATH={BIN_DIR}"),
            format!(
                "CNI_ARGS=IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod};\
                 K8S_POD_INFRA_CONTAINER_ID={container};K8S_POD_UID=uid-of-{pod}"
            ),
            format!("{BIN_DIR}/{name}"),
        ]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = process::run(machine.command(&words), &config.to_string(), Finish::Normal)?;
        Ok(Answer(output))
    }
}

/// A pod without interfaces but its loopback, on a machine.
pub fn make_pod(machine: &Machine, pod: &str) -> Result<()> {
    machine.run(&["ip", "netns", "add", pod])?;
    machine.run(&["ip", "-n", pod, "link", "set", "lo", "up"])?;
    Ok(())
}

/// The pod's network namespace on its machine.
pub fn network_of(pod: &str) -> String {
    format!("/run/netns/{pod}")
}

//! A network's CNI configuration, read with the plugin's own code.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use ipam_plugin::config::{NetworkConfig, NodeFile};
use serde_json::Value;

use crate::output::Output;

/// Where the node's file is looked for, whose settings a network's configuration stands on.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// `--node-config`.
    pub named: Option<String>,
    /// `$ETCD_IPAM_CONFIG`.
    pub environment: Option<String>,
}

/// Reads a network's configuration: a CNI configuration, a list of them of which one has an `ipam`
/// section, or a `NetworkAttachmentDefinition` in JSON. What an ADD would find on this machine in the
/// node's file stands under it.
///
/// # Errors
/// Where there is no such file, or an ADD would not take it.
pub fn read(
    path: &Path,
    defaults: &Defaults,
    output: &mut Output<'_>,
) -> anyhow::Result<NetworkConfig> {
    let place = || format!("the network's configuration {}", path.display());
    let bytes = std::fs::read(path).with_context(place)?;
    let bytes = plain(&bytes).with_context(place)?;
    let config = NetworkConfig::parse(&bytes)
        .map_err(|error| anyhow!("{error}"))
        .with_context(place)?;
    let named = defaults.named.as_deref().or(config.configuration_path());
    let search = NodeFile::find(named, defaults.environment.as_deref())?;
    for warning in &search.warnings {
        output.warn(warning);
    }
    let config = match &search.file {
        Some(file) => config.with_node_file(file),
        None => config,
    };
    for warning in config.warnings() {
        output.warn(&warning);
    }
    Ok(config)
}

/// The configuration as a plugin gets it on standard input.
fn plain(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(bytes)?;
    let value = match value.pointer("/spec/config").and_then(Value::as_str) {
        None => value,
        Some(config) => {
            let mut config: Value =
                serde_json::from_str(config).context("its spec.config is not JSON")?;
            // Multus gives a configuration without a name that of its object.
            let name = value.pointer("/metadata/name").cloned();
            if let (Some(config), Some(name)) = (config.as_object_mut(), name) {
                config.entry("name").or_insert(name);
            }
            config
        }
    };
    let Some(plugins) = value.get("plugins").and_then(Value::as_array) else {
        return Ok(value.to_string().into_bytes());
    };
    let mut with_ipam = plugins.iter().filter(|plugin| plugin.get("ipam").is_some());
    let (Some(plugin), None) = (with_ipam.next(), with_ipam.next()) else {
        bail!("it must have one plugin with an ipam section among its plugins");
    };
    let mut plugin = plugin.clone();
    for key in ["name", "cniVersion"] {
        if let (Some(plugin), Some(value)) = (plugin.as_object_mut(), value.get(key)) {
            plugin.insert(key.to_owned(), value.clone());
        }
    }
    Ok(plugin.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name_and_type(value: &Value) -> (String, String) {
        let bytes = plain(value.to_string().as_bytes()).unwrap();
        let config = NetworkConfig::parse(&bytes).unwrap();
        let kind = config.network().unwrap().r#type.clone().unwrap();
        (config.name().to_owned(), kind)
    }

    #[test]
    fn it_is_found_in_a_list_and_in_an_object_of_kubernetes() {
        let ipam = json!({"type": "etcd-ipam", "range": "10.0.0.0/24"});
        let single = json!({"cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "ipam": ipam});
        let list = json!({"cniVersion": "1.0.0", "name": "lan", "plugins": [
            {"type": "macvlan", "ipam": ipam}, {"type": "tuning"},
        ]});
        let nameless = json!({"cniVersion": "1.0.0", "type": "macvlan", "ipam": ipam});
        let object = json!({
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"name": "lan", "namespace": "shop"},
            "spec": {"config": nameless.to_string()},
        });
        for config in [single, list, object] {
            assert_eq!(name_and_type(&config), ("lan".into(), "etcd-ipam".into()));
        }
        let two = json!({"name": "lan", "plugins": [{"ipam": ipam}, {"ipam": ipam}]});
        assert!(plain(two.to_string().as_bytes()).is_err());
    }
}

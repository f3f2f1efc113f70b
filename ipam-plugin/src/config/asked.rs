//! What is asked for beside the `ipam` section: `runtimeConfig` and `args`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::json::Object;
use super::section::HostLocalRange;
use crate::cni::error::CniError;

/// What a runtime or an operator asks for in this call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// `runtimeConfig.ips`
    pub(super) runtime_ips: Vec<String>,
    /// `runtimeConfig.ipRanges`
    pub(super) ip_ranges: Vec<Vec<HostLocalRange>>,
    /// `args.cni.ips`
    pub(super) args_ips: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RuntimeConfig {
    ips: Vec<String>,
    #[serde(rename = "ipRanges")]
    ip_ranges: Vec<Vec<HostLocalRange>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigArgs {
    cni: CniArgs,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CniArgs {
    ips: Vec<String>,
}

impl Asked {
    /// Reads both from a configuration in canonical form. Keys for other plugins do not matter.
    pub(super) fn read(config: &Object) -> Result<Self, CniError> {
        let runtime: RuntimeConfig = part(config, "runtimeConfig")?;
        let args: ConfigArgs = part(config, "args")?;
        Ok(Self {
            runtime_ips: runtime.ips,
            ip_ranges: runtime.ip_ranges,
            args_ips: args.cni.ips,
        })
    }
}

fn part<T: DeserializeOwned + Default>(config: &Object, key: &str) -> Result<T, CniError> {
    match config.get(key) {
        None => Ok(T::default()),
        // A derived reader would take a list for the fields in their order.
        Some(Value::Object(object)) => serde_json::from_value(Value::Object(object.clone()))
            .map_err(|error| CniError::decode(format!("{key}: {error}"))),
        Some(other) => Err(CniError::decode(format!(
            "{key} must be an object, and it is {}",
            super::json::kind(other)
        ))),
    }
}

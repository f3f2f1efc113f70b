//! What the settings of a section mean, and what holds where they are not given.

use std::path::PathBuf;
use std::time::Duration;

use store::claim::Order;

use super::section::{Flag, IpamSection};
use crate::cni::error::CniError;

const DEFAULT_CLUSTER: &str = "default";
const DEFAULT_SPOOL_DIR: &str = "/var/lib/etcd-ipam/spool";
const DEFAULT_STATE_DIR: &str = "/run/etcd-ipam";

impl IpamSection {
    /// The Kubernetes cluster's name.
    pub fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER)
    }

    /// The node's name, where the configuration gives one.
    pub fn node_name(&self) -> Option<&str> {
        self.node_name.as_deref()
    }

    /// Where releases wait while etcd is out of reach.
    pub fn spool_dir(&self) -> PathBuf {
        path(self.spool_dir.as_ref(), DEFAULT_SPOOL_DIR)
    }

    /// Where the node remembers what it did since it started.
    pub fn state_dir(&self) -> PathBuf {
        path(self.state_dir.as_ref(), DEFAULT_STATE_DIR)
    }

    /// The file for failed ADDs.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.log_file.as_ref().map(PathBuf::from)
    }

    /// How much is logged, in Whereabouts' words.
    pub fn log_level(&self) -> Option<&str> {
        self.log_level.as_deref()
    }

    /// How long a call may take at most. Code 7 where it cannot be read.
    pub fn timeout(&self) -> Result<Option<Duration>, CniError> {
        duration(self.timeout.as_ref(), "timeout")
    }

    /// How long a released address rests. Code 7 where it cannot be read.
    pub fn cooldown(&self) -> Result<Duration, CniError> {
        Ok(duration(self.cooldown.as_ref(), "cooldown")?.unwrap_or_default())
    }

    /// How old an allocation must be for the GC verb. Code 7 where it cannot be read.
    pub fn gc_min_age(&self) -> Result<Duration, CniError> {
        Ok(duration(self.gc_min_age.as_ref(), "gc_min_age")?.unwrap_or_default())
    }

    /// In which order free addresses are tried. Code 7 where it cannot be read.
    pub fn order(&self) -> Result<Order, CniError> {
        match self.order.as_deref() {
            None | Some("lowest") => Ok(Order::Lowest),
            Some("spread") => Ok(Order::Spread),
            Some(other) => Err(CniError::config(format!(
                "ipam.order: {other:?} is neither \"lowest\" nor \"spread\""
            ))),
        }
    }

    /// Whether STATUS fails when a range is full.
    pub fn status_fails_when_exhausted(&self) -> bool {
        self.status_fails_when_exhausted.unwrap_or(false)
    }

    /// Whether the GC verb is to do nothing.
    pub fn gc_is_disabled(&self) -> bool {
        self.disable_gc.is_some_and(Flag::is_set)
    }
}

fn path(given: Option<&String>, default: &str) -> PathBuf {
    given.map_or_else(|| PathBuf::from(default), PathBuf::from)
}

fn duration(text: Option<&String>, key: &str) -> Result<Option<Duration>, CniError> {
    text.map(|text| {
        humantime::parse_duration(text).map_err(|error| {
            CniError::config(format!(
                "ipam.{key}: {text:?} is not a duration such as \"15m\" or \"1h30m\": {error}"
            ))
        })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn section(value: Value) -> IpamSection {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn settings_have_defaults() {
        let config = IpamSection::default();
        assert_eq!(config.cluster(), "default");
        assert_eq!(config.node_name(), None);
        assert_eq!(
            config.spool_dir().to_str(),
            Some("/var/lib/etcd-ipam/spool")
        );
        assert_eq!(config.state_dir().to_str(), Some("/run/etcd-ipam"));
        assert_eq!(config.order(), Ok(Order::Lowest));
        assert_eq!(config.cooldown(), Ok(Duration::ZERO));
        assert_eq!(config.gc_min_age(), Ok(Duration::ZERO));
        assert_eq!(config.timeout(), Ok(None));
        assert!(!config.status_fails_when_exhausted());
        assert!(!config.gc_is_disabled());
    }

    #[test]
    fn durations_are_written_as_in_go() {
        for (text, seconds) in [
            ("0s", 0),
            ("0", 0),
            ("15m", 900),
            ("1h30m", 5400),
            ("90s", 90),
            ("1h30m5s", 5405),
        ] {
            let config = section(json!({"cooldown": text}));
            assert_eq!(
                config.cooldown(),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["soon", "15", "-5s", "5 parsecs"] {
            assert!(
                section(json!({"timeout": text})).timeout().is_err(),
                "{text}"
            );
        }
        assert!(section(json!({"order": "random"})).order().is_err());
    }
}

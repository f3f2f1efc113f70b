//! What stands in the node's file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use ipam_plugin::config::NodeFile;
use serde_json::{Map, Value, json};

use super::credentials::{CA, CERTIFICATE, KEY, LINK, PASSWORD};
use crate::access::{EtcdFlags, given};

/// Keys that have a flag of their own, or no meaning in a node's file.
const NOT_DEFAULTS: [&str; 5] = ["cluster", "configuration_path", "etcd", "node_name", "type"];
/// What other keys begin with that say where etcd is.
const ETCD_KEYS: &str = "etcd_";

/// The node's file in the making.
pub(super) struct Content<'a> {
    /// Where it will stand, for messages.
    pub(super) path: &'a Path,
    /// What its directory is called on the host.
    pub(super) host_dir: &'a Path,
    /// The node's name.
    pub(super) node: &'a str,
    /// The Kubernetes cluster's name.
    pub(super) cluster: &'a str,
    /// Where etcd is.
    pub(super) etcd: &'a EtcdFlags,
}

impl Content<'_> {
    /// The whole file, as the plugin will accept it.
    ///
    /// # Errors
    /// Where the plugin would not: with its words.
    pub(super) fn write(
        &self,
        mut defaults: Map<String, Value>,
        store_id: &str,
    ) -> anyhow::Result<String> {
        for (key, value) in [
            ("node_name", self.node.into()),
            ("cluster", self.cluster.into()),
            ("etcd", self.etcd_section(store_id)),
        ] {
            defaults.insert(key.to_owned(), value);
        }
        let text = format!("{:#}\n", Value::Object(defaults));
        self.check(&text)?;
        Ok(text)
    }

    fn etcd_section(&self, store_id: &str) -> Value {
        let flags = self.etcd;
        let access = flags.access();
        let mut etcd = Map::new();
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                etcd.insert(key.to_owned(), value.into());
            }
        };
        let installed = |flag: &Option<String>, name: &str| {
            let path = self.host_dir.join(LINK).join(name);
            given(flag.as_ref()).map(|_| path.display().to_string())
        };
        set("server_name", given(flags.server_name.as_ref()));
        set("ca_file", installed(&flags.ca_file, CA));
        set("cert_file", installed(&flags.cert_file, CERTIFICATE));
        set("key_file", installed(&flags.key_file, KEY));
        set("username", given(flags.username.as_ref()));
        set("password_file", installed(&flags.password_file, PASSWORD));
        set("prefix", Some(access.prefix().to_owned()));
        set("store_id", Some(store_id.to_owned()));
        etcd.insert("endpoints".to_owned(), json!(access.endpoints()));
        Value::Object(etcd)
    }

    fn check(&self, text: &str) -> anyhow::Result<()> {
        let file = NodeFile::parse(self.path, text.as_bytes())?;
        if let Some(problem) = file.problem() {
            bail!("{problem}");
        }
        let section = file.section();
        let unknown = section.unknown.keys().cloned().collect::<Vec<_>>();
        ensure!(
            unknown.is_empty(),
            "the plugin knows no such key in the node's file: {}",
            unknown.join(", ")
        );
        file.etcd().settings()?;
        section.timeout()?;
        section.cooldown()?;
        section.gc_min_age()?;
        section.order()?;
        Ok(())
    }
}

/// What a file of defaults says.
///
/// # Errors
/// Where it cannot be read, or says what is not for it to say.
pub(super) fn defaults(path: Option<&PathBuf>) -> anyhow::Result<Map<String, Value>> {
    let Some(path) = path else {
        return Ok(Map::new());
    };
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("--defaults {shown} cannot be read"))?;
    let defaults: Map<String, Value> = serde_json::from_slice(&text)
        .with_context(|| format!("--defaults {shown} is not one JSON object"))?;
    for key in defaults.keys() {
        let key = key.to_ascii_lowercase();
        ensure!(
            !NOT_DEFAULTS.contains(&key.as_str()) && !key.starts_with(ETCD_KEYS),
            "--defaults {shown} has the key {key:?}, which is set by a flag of ipamctl or not at all"
        );
    }
    Ok(defaults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn flags() -> EtcdFlags {
        EtcdFlags {
            endpoints: vec!["https://10.0.0.1:2379".into(), " 10.0.0.2:2379".into()],
            ..EtcdFlags::default()
        }
    }

    fn write(etcd: &EtcdFlags, defaults: Value) -> anyhow::Result<Value> {
        let content = Content {
            path: Path::new("/c/etcd-ipam.d/etcd-ipam.conf"),
            host_dir: Path::new("/etc/cni/net.d/etcd-ipam.d"),
            node: "n1",
            cluster: "west",
            etcd,
        };
        let Value::Object(defaults) = defaults else {
            panic!("no object")
        };
        Ok(serde_json::from_str(&content.write(defaults, "s1")?)?)
    }

    #[test]
    fn the_file_names_paths_of_the_host_and_only_what_was_given() {
        assert_eq!(
            write(&flags(), json!({})).unwrap(),
            json!({"node_name": "n1", "cluster": "west", "etcd": {
                "endpoints": ["https://10.0.0.1:2379", "10.0.0.2:2379"],
                "prefix": "/etcd-ipam", "store_id": "s1",
            }})
        );
        let all = EtcdFlags {
            server_name: Some("etcd".into()),
            prefix: Some("/p".into()),
            ca_file: Some("/secret/ca".into()),
            cert_file: Some("/secret/tls.crt".into()),
            key_file: Some("/secret/tls.key".into()),
            username: Some("u".into()),
            password_file: Some("/secret/pw".into()),
            ..flags()
        };
        let written = write(&all, json!({"log_level": "verbose"})).unwrap();
        let dir = "/etc/cni/net.d/etcd-ipam.d/credentials";
        assert_eq!(written["log_level"], "verbose");
        let wanted = json!({
            "endpoints": ["https://10.0.0.1:2379", "10.0.0.2:2379"], "server_name": "etcd",
            "ca_file": format!("{dir}/ca.crt"), "cert_file": format!("{dir}/client.crt"),
            "key_file": format!("{dir}/client.key"), "username": "u",
            "password_file": format!("{dir}/password"), "prefix": "/p", "store_id": "s1",
        });
        assert_eq!(written["etcd"], wanted);
    }

    #[test]
    fn what_the_plugin_would_refuse_is_refused_with_its_words() {
        for (defaults, word) in [
            (json!({"log_levle": "debug"}), "log_levle"),
            (json!({"timeout": 5}), "timeout"),
            (json!({"timeout": "soon"}), "soon"),
            (json!({"order": "random"}), "random"),
        ] {
            let error = write(&flags(), defaults).unwrap_err();
            assert!(format!("{error:#}").contains(word), "{error:#}");
        }
        let half = EtcdFlags {
            cert_file: Some("/c".into()),
            ..flags()
        };
        assert!(write(&half, json!({})).is_err());
        assert!(write(&EtcdFlags::default(), json!({})).is_err());
    }

    #[test]
    fn defaults_may_not_say_what_flags_say() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("defaults");
        assert!(defaults(Some(&path)).is_err());
        for text in [
            r#"{"etcd": {}}"#,
            r#"{"Etcd_Host": "a"}"#,
            r#"{"NODE_NAME": "n2"}"#,
            r#"{"cluster": "c"}"#,
            "[]",
            "{",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(defaults(Some(&path)).is_err(), "{text}");
        }
        std::fs::write(&path, r#"{"log_level": "debug"}"#).unwrap();
        assert_eq!(defaults(Some(&path)).unwrap().len(), 1);
        assert!(defaults(None).unwrap().is_empty());
    }
}

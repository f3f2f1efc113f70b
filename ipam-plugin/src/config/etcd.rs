//! Where etcd is, as it stands in configurations, and what several of them say together.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::etcd::{Credentials, Password, Settings};

use super::section::IpamSection;
use crate::cni::error::CniError;

/// The prefix of our keys unless another is given.
pub const DEFAULT_PREFIX: &str = "/etcd-ipam";

/// The `etcd` object of the `ipam` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct EtcdSection {
    /// The members: `https://10.0.0.1:2379`, or `10.0.0.1:2379`.
    pub endpoints: Option<Endpoints>,
    /// The name in the servers' certificates, where it is not the endpoint's host.
    pub server_name: Option<String>,
    /// The authority that signed the servers' certificates (PEM).
    pub ca_file: Option<String>,
    /// The client's certificate (PEM). etcd takes its common name as the user.
    pub cert_file: Option<String>,
    /// The client's private key (PEM).
    pub key_file: Option<String>,
    /// A user with a password. A client certificate is faster.
    pub username: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<String>,
    /// What all keys begin with: `/etcd-ipam` unless given.
    pub prefix: Option<String>,
    /// The store's id, as `ipamctl init` showed it. Another store is then refused.
    pub store_id: Option<String>,
}

/// Endpoints as a list, or as one text with commas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "it must be a list of endpoints, or a text with commas between them"
)]
pub enum Endpoints {
    /// `["10.0.0.1:2379", "10.0.0.2:2379"]`
    List(Vec<String>),
    /// `"10.0.0.1:2379,10.0.0.2:2379"`
    Text(String),
}

impl Endpoints {
    /// The endpoints, or `None` where there are none.
    fn list(&self) -> Option<Vec<String>> {
        let texts = match self {
            Self::List(list) => list.as_slice(),
            Self::Text(text) => std::slice::from_ref(text),
        };
        let list: Vec<_> = texts
            .iter()
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .filter(|endpoint| !endpoint.is_empty())
            .map(str::to_owned)
            .collect();
        (!list.is_empty()).then_some(list)
    }
}

/// Where the store is and how to be let in: all that must be known to release an address later.
///
/// It is also written to files, with the password if one was given inline: such files must be
/// readable by root alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EtcdAccess {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_id: Option<String>,
}

/// Where a password is: one value, so that a layer's file never meets another layer's text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Secret {
    Inline(String),
    File(PathBuf),
}

impl EtcdAccess {
    /// What one layer says, in both spellings. The `etcd` object wins.
    pub(super) fn of(section: &IpamSection) -> Self {
        let own = section.etcd.clone().unwrap_or_default();
        let theirs = section;
        let text = |own: Option<String>, theirs: &Option<String>| own.or_else(|| theirs.clone());
        let path = |own, theirs| text(own, theirs).map(PathBuf::from);
        let inline = theirs.etcd_password.clone().map(Secret::Inline);
        Self {
            endpoints: [own.endpoints.as_ref(), theirs.etcd_host.as_ref()]
                .into_iter()
                .flatten()
                .find_map(Endpoints::list),
            server_name: own.server_name,
            ca_file: path(own.ca_file, &theirs.etcd_ca_cert_file),
            cert_file: path(own.cert_file, &theirs.etcd_cert_file),
            key_file: path(own.key_file, &theirs.etcd_key_file),
            username: text(own.username, &theirs.etcd_username),
            password: own
                .password_file
                .map(|file| Secret::File(file.into()))
                .or(inline),
            prefix: own.prefix,
            store_id: own.store_id,
        }
    }

    /// What both say together, key by key; `self` wins.
    #[must_use]
    pub fn over(self, defaults: Self) -> Self {
        Self {
            endpoints: self.endpoints.or(defaults.endpoints),
            server_name: self.server_name.or(defaults.server_name),
            ca_file: self.ca_file.or(defaults.ca_file),
            cert_file: self.cert_file.or(defaults.cert_file),
            key_file: self.key_file.or(defaults.key_file),
            username: self.username.or(defaults.username),
            password: self.password.or(defaults.password),
            prefix: self.prefix.or(defaults.prefix),
            store_id: self.store_id.or(defaults.store_id),
        }
    }

    /// Whether it says where etcd is.
    pub const fn has_endpoints(&self) -> bool {
        self.endpoints.is_some()
    }

    /// The endpoints; none where [`Self::has_endpoints`] is false.
    pub fn endpoints(&self) -> &[String] {
        self.endpoints.as_deref().unwrap_or_default()
    }

    /// What all keys begin with.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(DEFAULT_PREFIX)
    }

    /// The only store that may be used, if one was named.
    pub fn store_id(&self) -> Option<&str> {
        self.store_id.as_deref()
    }

    /// How to reach it. Code 7 where something is missing.
    pub fn settings(&self) -> Result<Settings, CniError> {
        if self.endpoints.is_none() {
            return Err(CniError::config(
                "no etcd endpoints are configured; set ipam.etcd.endpoints, or put them into the \
                 node's file /etc/cni/net.d/etcd-ipam.d/etcd-ipam.conf",
            ));
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err(CniError::config(
                "etcd.cert_file and etcd.key_file belong together; give both or none",
            ));
        }
        let credentials = match (&self.username, &self.password) {
            (Some(username), Some(password)) => Some(Credentials {
                username: username.clone(),
                password: match password {
                    Secret::Inline(text) => Password::Inline(text.clone()),
                    Secret::File(path) => Password::File(path.clone()),
                },
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(CniError::config(
                    "etcd.username has no password; give etcd.password_file",
                ));
            }
            (None, Some(_)) => {
                return Err(CniError::config(
                    "an etcd password is given without a user; give etcd.username",
                ));
            }
        };
        Ok(Settings {
            endpoints: self.endpoints().to_vec(),
            server_name: self.server_name.clone(),
            ca_file: self.ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            credentials,
        })
    }
}

/// Never shows the password.
impl fmt::Debug for EtcdAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdAccess")
            .field("endpoints", &self.endpoints)
            .field("username", &self.username)
            .field("prefix", &self.prefix())
            .field("store_id", &self.store_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn access(section: serde_json::Value) -> EtcdAccess {
        EtcdAccess::of(&serde_json::from_value(section).unwrap())
    }

    #[test]
    fn both_spellings_say_the_same() {
        let ours = access(json!({"etcd": {
            "endpoints": ["a:1", "b:2"], "username": "u",
            "ca_file": "/ca", "cert_file": "/cert", "key_file": "/key", "password_file": "/pw",
        }}));
        let theirs = access(json!({
            "etcd_host": "a:1, b:2", "etcd_username": "u", "etcd_password": "geheim",
            "etcd_ca_cert_file": "/ca", "etcd_cert_file": "/cert", "etcd_key_file": "/key",
        }));
        let (ours, theirs) = (ours.settings().unwrap(), theirs.settings().unwrap());
        assert_eq!(ours.endpoints, ["a:1", "b:2"]);
        let bare = |settings: &Settings| Settings {
            credentials: None,
            ..settings.clone()
        };
        assert_eq!(bare(&ours), bare(&theirs));
        assert!(matches!(
            ours.credentials.unwrap().password,
            Password::File(_)
        ));
        assert!(matches!(
            theirs.credentials.unwrap().password,
            Password::Inline(_)
        ));
    }

    #[test]
    fn the_object_wins_within_a_layer_and_the_network_wins_between_layers() {
        let network = access(json!({
            "etcd": {"endpoints": "own:1", "prefix": "/mine"}, "etcd_host": "theirs:1",
        }));
        let file = access(json!({
            "etcd": {"endpoints": ["file:1"], "prefix": "/file", "store_id": "s"},
        }));
        let both = network.over(file);
        assert_eq!(both.endpoints(), ["own:1"]);
        assert_eq!(both.prefix(), "/mine");
        assert_eq!(both.store_id(), Some("s"));
    }

    #[test]
    fn nothing_given_means_the_default_prefix_and_no_endpoints() {
        let none = access(json!({"etcd": {"endpoints": []}, "etcd_host": " , "}));
        assert_eq!(none, EtcdAccess::default());
        assert!(!none.has_endpoints());
        assert_eq!(none.prefix(), DEFAULT_PREFIX);
        assert_eq!(none.settings().unwrap_err().code().number(), 7);
    }

    #[test]
    fn what_belongs_together_is_demanded_together() {
        for half in [
            json!({"etcd": {"endpoints": "a", "cert_file": "/c"}}),
            json!({"etcd": {"endpoints": "a", "username": "u"}}),
            json!({"etcd_host": "a", "etcd_password": "p"}),
        ] {
            assert_eq!(access(half).settings().unwrap_err().code().number(), 7);
        }
    }

    #[test]
    fn it_reads_back_from_a_file_and_never_shows_the_password() {
        let access =
            access(json!({"etcd_host": "a", "etcd_username": "u", "etcd_password": "geheim"}));
        let file = serde_json::to_string(&access).unwrap();
        assert_eq!(serde_json::from_str::<EtcdAccess>(&file).unwrap(), access);
        assert!(!format!("{access:?}").contains("geheim"));
    }
}

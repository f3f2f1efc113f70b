//! Where etcd is, as it stands in configurations, and what several of them say together.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::etcd::{Credentials, Password, Settings};
use store::key::DEFAULT_PREFIX;

use super::section::IpamSection;
use crate::cni::error::CniError;

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
        let endpoints = section.etcd_host.as_ref().and_then(Endpoints::list);
        let path = |text: &Option<String>| text.clone().map(PathBuf::from);
        let whereabouts = Self {
            endpoints,
            ca_file: path(&section.etcd_ca_cert_file),
            cert_file: path(&section.etcd_cert_file),
            key_file: path(&section.etcd_key_file),
            username: section.etcd_username.clone(),
            password: section.etcd_password.clone().map(Secret::Inline),
            ..Self::default()
        };
        Self::from(section.etcd.clone().unwrap_or_default()).or(whereabouts)
    }

    /// Both, key by key; `self` wins.
    fn or(self, other: Self) -> Self {
        Self {
            endpoints: self.endpoints.or(other.endpoints),
            server_name: self.server_name.or(other.server_name),
            ca_file: self.ca_file.or(other.ca_file),
            cert_file: self.cert_file.or(other.cert_file),
            key_file: self.key_file.or(other.key_file),
            username: self.username.or(other.username),
            password: self.password.or(other.password),
            prefix: self.prefix.or(other.prefix),
            store_id: self.store_id.or(other.store_id),
        }
    }

    /// What both say together, key by key; `self` wins. A layer that names other endpoints gets no
    /// password, which is not for them, and with other endpoints or another prefix no store id,
    /// which is another store's.
    #[must_use]
    pub fn over(self, mut defaults: Self) -> Self {
        fn differ<T: PartialEq>(own: Option<&T>, default: Option<&T>) -> bool {
            own.zip(default)
                .is_some_and(|(own, default)| own != default)
        }
        let elsewhere = differ(self.endpoints.as_ref(), defaults.endpoints.as_ref());
        if elsewhere {
            defaults.username = None;
            defaults.password = None;
        }
        if elsewhere
            || self
                .prefix
                .as_deref()
                .is_some_and(|own| own != defaults.prefix())
        {
            defaults.store_id = None;
        }
        self.or(defaults)
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

/// What the `etcd` object says.
impl From<EtcdSection> for EtcdAccess {
    fn from(section: EtcdSection) -> Self {
        Self {
            endpoints: section.endpoints.as_ref().and_then(Endpoints::list),
            server_name: section.server_name,
            ca_file: section.ca_file.map(PathBuf::from),
            cert_file: section.cert_file.map(PathBuf::from),
            key_file: section.key_file.map(PathBuf::from),
            username: section.username,
            password: section.password_file.map(|file| Secret::File(file.into())),
            prefix: section.prefix,
            store_id: section.store_id,
        }
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
            "etcd": {"endpoints": ["file:1"], "prefix": "/file", "ca_file": "/ca"},
        }));
        let both = network.over(file);
        assert_eq!(both.endpoints(), ["own:1"]);
        assert_eq!(both.prefix(), "/mine");
        assert_eq!(both.settings().unwrap().ca_file, Some("/ca".into()));
    }

    #[test]
    fn a_password_and_a_store_id_stay_with_the_endpoints_that_they_belong_to() {
        let file = access(json!({"etcd": {
            "endpoints": ["file:1"], "store_id": "s", "username": "u", "password_file": "/p",
        }}));
        let same = EtcdAccess::default().over(file.clone());
        assert_eq!(same.store_id(), Some("s"));
        assert!(same.settings().unwrap().credentials.is_some());
        let elsewhere = access(json!({"etcd": {"endpoints": ["own:1"]}})).over(file.clone());
        assert_eq!(elsewhere.store_id(), None);
        assert!(elsewhere.settings().unwrap().credentials.is_none());
        let beside = access(json!({"etcd": {"prefix": "/mine"}})).over(file);
        assert_eq!(beside.store_id(), None);
        assert!(beside.settings().unwrap().credentials.is_some());
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

//! Where etcd is, as flags and environment variables say it.

use clap::Args;
use ipam_plugin::config::{Endpoints, EtcdAccess, EtcdSection};
use store::key::DEFAULT_PREFIX;

/// The etcd settings of the command line. What is not given comes from the node's file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "etcd (each setting: flag, else variable, else file)")]
pub struct EtcdFlags {
    /// The members of etcd, such as `https://10.0.0.1:2379`; several with commas between them
    #[arg(
        long,
        global = true,
        env = "IPAMCTL_ENDPOINTS",
        value_name = "URL,...",
        value_delimiter = ','
    )]
    pub endpoints: Vec<String>,

    /// The name in the servers' certificates, where it is not the endpoint's host
    #[arg(long, global = true, env = "IPAMCTL_SERVER_NAME", value_name = "NAME")]
    pub server_name: Option<String>,

    #[arg(
        long,
        global = true,
        env = "IPAMCTL_PREFIX",
        value_name = "PREFIX",
        help = format!("What all keys of the store begin with [default: {DEFAULT_PREFIX}]")
    )]
    #[expect(missing_docs, reason = "a doc comment would replace the help text")]
    pub prefix: Option<String>,

    /// The authority that signed the servers' certificates (PEM)
    #[arg(long, global = true, env = "IPAMCTL_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<String>,

    /// The client's certificate (PEM); etcd takes its common name as the user
    #[arg(long, global = true, env = "IPAMCTL_CERT_FILE", value_name = "FILE")]
    pub cert_file: Option<String>,

    /// The client's private key (PEM)
    #[arg(long, global = true, env = "IPAMCTL_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<String>,

    /// A user of etcd with a password
    #[arg(long, global = true, env = "IPAMCTL_USERNAME", value_name = "NAME")]
    pub username: Option<String>,

    /// A file whose first line is the password
    #[arg(
        long,
        global = true,
        env = "IPAMCTL_PASSWORD_FILE",
        value_name = "FILE"
    )]
    pub password_file: Option<String>,

    /// The node's file of the plugin; unless given it is looked for where the plugin looks:
    /// `$ETCD_IPAM_CONFIG`, /etc/kubernetes/cni/net.d/etcd-ipam.d/etcd-ipam.conf,
    /// /etc/cni/net.d/etcd-ipam.d/etcd-ipam.conf
    #[arg(long, global = true, env = "IPAMCTL_NODE_CONFIG", value_name = "FILE")]
    pub node_config: Option<String>,
}

impl EtcdFlags {
    /// What flags and environment say, as a layer over a file's.
    pub fn access(&self) -> EtcdAccess {
        EtcdAccess::from(EtcdSection {
            endpoints: Some(Endpoints::List(self.endpoints.clone())),
            server_name: given(self.server_name.as_ref()),
            ca_file: given(self.ca_file.as_ref()),
            cert_file: given(self.cert_file.as_ref()),
            key_file: given(self.key_file.as_ref()),
            username: given(self.username.as_ref()),
            password_file: given(self.password_file.as_ref()),
            prefix: given(self.prefix.as_ref()),
            store_id: None,
        })
    }

    /// The node's file, where one was named.
    pub fn node_config(&self) -> Option<String> {
        given(self.node_config.as_ref())
    }
}

/// A variable that is set to nothing is as good as not set.
pub(crate) fn given(value: Option<&String>) -> Option<String> {
    value.filter(|text| !text.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use store::etcd::Password as StoredPassword;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        etcd: EtcdFlags,
    }

    fn access(line: &[&str]) -> EtcdAccess {
        let line = std::iter::once(&"ipamctl").chain(line);
        Line::parse_from(line).etcd.access()
    }

    #[test]
    fn every_flag_arrives() {
        let access = access(&[
            "--endpoints=a:1, b:2",
            "--endpoints=c:3,",
            "--server-name=etcd",
            "--prefix=/p",
            "--ca-file=/ca",
            "--cert-file=/cert",
            "--key-file=/key",
            "--username=u",
            "--password-file=/pw",
        ]);
        let settings = access.settings().unwrap();
        assert_eq!(settings.endpoints, ["a:1", "b:2", "c:3"]);
        assert_eq!(settings.server_name.as_deref(), Some("etcd"));
        assert_eq!(access.prefix(), "/p");
        assert_eq!(settings.ca_file, Some("/ca".into()));
        assert_eq!(settings.cert_file, Some("/cert".into()));
        assert_eq!(settings.key_file, Some("/key".into()));
        let credentials = settings.credentials.unwrap();
        assert_eq!(credentials.username, "u");
        assert!(credentials.password == StoredPassword::File("/pw".into()));
    }

    #[test]
    fn empty_values_count_as_not_given() {
        let access = access(&["--endpoints=", "--prefix=", "--ca-file=", "--username="]);
        assert_eq!(access, EtcdAccess::default());
    }
}

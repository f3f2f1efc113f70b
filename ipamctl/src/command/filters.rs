//! What listings are narrowed by.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use store::address::{Address, Network};

use crate::inventory::Subject;

/// Which addresses are meant. What is not given matches all.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters (all that are given must match)")]
pub struct Filters {
    /// Only those of pods of this namespace
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Only those of pods of this name
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    pub pod: Option<PodName>,

    /// Only those of this node
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,

    /// Only those of this network
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,

    /// Only those of this address space
    #[arg(long, value_name = "NAME")]
    pub space: Option<String>,

    /// Only those of this prefix, such as 192.168.20.0/24, or this one
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub address: Option<Network>,
}

impl Filters {
    /// Whether it is one that is meant.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let Self {
            namespace,
            pod,
            node,
            network,
            space,
            address,
        } = self;
        let Subject {
            pod: of_pod, names, ..
        } = subject;
        matches(namespace.as_ref(), of_pod.map(|pod| pod.namespace))
            && pod.as_ref().is_none_or(|wanted| {
                of_pod.is_some_and(|pod| wanted.matches(pod.namespace, pod.pod))
            })
            && matches(node.as_ref(), names.map(|names| names.node))
            && matches(network.as_ref(), names.map(|names| names.network))
            && matches(space.as_ref(), Some(subject.space))
            && address.is_none_or(|wanted| {
                subject
                    .address
                    .is_some_and(|address| wanted.contains(address))
            })
    }
}

fn matches(wanted: Option<&String>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted))
}

/// A pod's name, of one namespace or of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// `None`: any.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl PodName {
    /// Whether that pod is called so.
    pub fn matches(&self, namespace: &str, name: &str) -> bool {
        self.name == name && matches(self.namespace.as_ref(), Some(namespace))
    }
}

impl FromStr for PodName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        if name.is_empty() || name.contains('/') || namespace == Some("") {
            return Err("give NAME or NAMESPACE/NAME");
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

/// Reads an address or a prefix.
///
/// # Errors
/// For people, where it is neither.
pub fn network(text: &str) -> Result<Network, String> {
    let wrong = || "give an address or a prefix, such as 192.168.20.0/24 or 2001:db8::/64";
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: Address = address.parse().map_err(|_| wrong())?;
    let length = match length {
        Some(length) => length.parse().map_err(|_| wrong())?,
        None => address.family().bits(),
    };
    Network::new(address, length).ok_or_else(|| {
        format!(
            "a prefix of {} has at most {} bits",
            address.family(),
            address.family().bits()
        )
    })
}

/// Reads how long something has been.
///
/// # Errors
/// For people, where it is no duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; give a number with a unit, such as 30s, 2h or 7d"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Names, PodNames};
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    const WEB: Subject<'_> = Subject {
        address: None,
        space: "default",
        pod: Some(PodNames {
            namespace: "shop",
            pod: "web-0",
            uid: "u1",
        }),
        names: Some(Names {
            cluster: "west",
            node: "n1",
            network: "blue",
            container: "c1",
            interface: "net1",
        }),
    };

    fn matches(line: &[&str], subject: &Subject<'_>) -> bool {
        let line = std::iter::once(&"ls").chain(line);
        let Line { filters } = Line::try_parse_from(line).unwrap();
        filters.matches(subject)
    }

    #[test]
    fn all_that_is_given_must_match() {
        let at = |address: &str| Subject {
            address: Some(address.parse().unwrap()),
            ..WEB
        };
        let web = at("10.0.0.1");
        for line in [
            &[][..],
            &["-n", "shop"],
            &["--pod", "web-0"],
            &["--pod", "shop/web-0"],
            &["--node=n1", "--network=blue", "--space=default"],
            &["--address=10.0.0.0/24"],
            &["--address=10.0.0.1"],
        ] {
            assert!(matches(line, &web), "{line:?}");
        }
        for line in [
            &["-n", "sho"][..],
            &["-n", "shop", "--pod", "web-1"],
            &["--pod", "web"],
            &["--pod", "bar/web-0"],
            &["--node=n1", "--network=red"],
            &["--node=n2"],
            &["--space=west"],
            &["--address=10.0.0.0/32"],
            &["--address=::/0"],
        ] {
            assert!(!matches(line, &web), "{line:?}");
        }
        assert!(matches(
            &["--address", "2001:DB8::/32"],
            &at("2001:db8:0::1")
        ));
        let nobodys = Subject {
            pod: None,
            names: None,
            ..web
        };
        assert!(matches(&["--space=default"], &nobodys));
        for line in ["--pod=web-0", "--node=n1", "--network=blue", "-nshop"] {
            assert!(!matches(&[line], &nobodys), "{line}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for argument in [
            "--pod=/web",
            "--pod=shop/",
            "--pod=a/b/c",
            "--address=10.0.0",
            "--address=10.0.0.0/33",
            "--address=::/129",
            "--address=10.0.0.0/-1",
        ] {
            let line = Line::try_parse_from(["ls", argument]);
            assert!(line.is_err(), "{argument}");
        }
        assert!(duration("2").is_err());
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
    }
}

//! What was found out, for people.

use super::super::occupancy::{Holders, Holding, Share};
use super::super::settings::Setting;
use super::{ClaimSeen, Explained, Held, Kind, Outcome, Report};
use crate::output::{Align, Table};
use crate::text::{age, printable, shortened};

/// How many of the addresses that would be tried a table shows.
const CANDIDATES: usize = 3;
/// How many characters of a container's ID are shown: as many as other tools do.
const CONTAINER_WIDTH: usize = 12;

impl Report {
    /// The report for people.
    pub(in crate::command::explain) fn text(&self) -> String {
        let pod = self.pod.as_ref().map(|pod| {
            let node = match pod.node.as_str() {
                "" => "on no node yet".to_owned(),
                node => format!("on node {node}"),
            };
            let problem = self.problem.as_deref();
            let problem = problem.map(|problem| format!(": {problem}"));
            line(&format!(
                "Pod {}/{}, {node}{}.",
                pod.namespace,
                pod.name,
                problem.unwrap_or_default()
            ))
        });
        let networks = self.networks.iter().map(Explained::text);
        let summary = (self.networks.len() > 1).then(|| summary(&self.networks));
        pod.into_iter()
            .chain(networks)
            .chain(summary)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Explained {
    fn text(&self) -> String {
        let mut parts = vec![self.headline()];
        if !self.settings.is_empty() {
            parts.push(settings(&self.settings));
        }
        if !self.claims.is_empty() {
            parts.push(claims(&self.claims));
        }
        if let Some(store) = &self.store {
            parts.push(line(&format!("The store {store} gives out addresses.")));
        }
        if let Some(holders) = &self.holders {
            parts.extend(holders.text());
        }
        parts.extend(self.holds.iter().map(Held::text));
        parts.push(self.verdict.text());
        parts.join("\n")
    }

    fn headline(&self) -> String {
        let name = match self.network.as_str() {
            "" => "A network without a name",
            name => &format!("Network {name}"),
        };
        let definition = self.definition.as_ref();
        let definition = definition.map(|name| format!(", defined by {name}"));
        let interface = self.interface.as_ref();
        let interface = interface.map(|name| format!(", interface {name}"));
        line(&format!(
            "{name}{}{}",
            definition.unwrap_or_default(),
            interface.unwrap_or_default()
        ))
    }
}

impl Outcome {
    /// What an ADD would do, in a few words.
    fn brief(&self) -> String {
        match self.result {
            Kind::Allocates if self.addresses.is_empty() => "get random addresses".to_owned(),
            Kind::Allocates | Kind::Holds => format!("get {}", self.addresses.join(",")),
            Kind::Fails => match self.code {
                Some(code) => format!("fail with code {code}"),
                None => "not be called".to_owned(),
            },
            Kind::Foreign => "not ask etcd-ipam".to_owned(),
        }
    }

    fn text(&self) -> String {
        let message = self.message.as_deref().unwrap_or_default();
        let addresses = self.addresses.join(" and ");
        line(&match self.result {
            Kind::Allocates if addresses.is_empty() => {
                "An ADD would succeed, with random free addresses.".to_owned()
            }
            Kind::Allocates => {
                format!("An ADD would succeed and get {addresses}, unless another is faster.")
            }
            Kind::Holds => {
                format!("An ADD would succeed: the container holds {addresses} already.")
            }
            Kind::Fails => match self.code {
                Some(code) => format!("An ADD would fail with code {code}: {message}."),
                None => format!("The pod fails: {message}."),
            },
            Kind::Foreign => format!("etcd-ipam is not asked: {message}."),
        })
    }
}

impl Held {
    fn text(&self) -> String {
        let age = self.age.map(age);
        line(&format!(
            "The pod holds {} now (container {}{}); what follows is for a new container.",
            self.addresses.join(" and "),
            shortened(&self.container, CONTAINER_WIDTH),
            age.map(|age| format!(", for {age}")).unwrap_or_default()
        ))
    }
}

impl Holders {
    fn text(&self) -> Vec<String> {
        let Self {
            namespaces,
            nodes,
            oldest,
            kept,
        } = self;
        let mut parts = Vec::new();
        if !oldest.is_empty() {
            parts.push(shares("MOST BY NAMESPACE", namespaces));
            parts.push(shares("MOST BY NODE", nodes));
            parts.push(holdings("OLDEST", oldest));
        }
        if !kept.is_empty() {
            parts.push(holdings("KEPT", kept));
        }
        parts
    }
}

/// All networks of a pod at a glance.
fn summary(networks: &[Explained]) -> String {
    let columns = ["INTERFACE", "NETWORK", "HOLDS", "AN ADD WOULD"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in networks {
        let held = one.holds.iter().flat_map(|held| held.addresses.clone());
        table.row([
            one.interface.clone().unwrap_or_default(),
            one.network.clone(),
            held.collect::<Vec<_>>().join(","),
            one.verdict.brief(),
        ]);
    }
    table.render()
}

fn settings(settings: &[Setting]) -> String {
    let columns = ["SETTING", "VALUE", "FROM"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in settings {
        table.row([one.key.to_owned(), one.value.clone(), one.from.clone()]);
    }
    table.render()
}

fn claims(claims: &[ClaimSeen]) -> String {
    let mut table = Table::new([
        ("CLAIM", Align::Left),
        ("SPACE", Align::Left),
        ("USED", Align::Right),
        ("RESTING", Align::Right),
        ("RESERVED", Align::Right),
        ("FREE", Align::Right),
        ("TOTAL", Align::Right),
        ("TRIED FIRST", Align::Left),
    ]);
    for one in claims {
        let mut candidates = one.candidates.clone();
        if candidates.len() > CANDIDATES {
            candidates.truncate(CANDIDATES);
            candidates.push("...".to_owned());
        }
        table.row([
            format!("{} {}", one.wants, one.of.join(", ")),
            one.space.clone(),
            one.allocated.0.to_string(),
            one.resting.0.to_string(),
            one.reserved.0.to_string(),
            one.free.0.to_string(),
            one.total.0.to_string(),
            candidates.join(", "),
        ]);
    }
    table.render()
}

fn shares(what: &str, shares: &[Share]) -> String {
    let mut table = Table::new([(what, Align::Left), ("ADDRESSES", Align::Right)]);
    for one in shares {
        table.row([one.name.clone(), one.addresses.0.to_string()]);
    }
    table.render()
}

fn holdings(what: &str, holdings: &[Holding]) -> String {
    let columns = [
        what,
        "SPACE",
        "STATE",
        "NAMESPACE/POD",
        "NODE",
        "AGE",
        "REASON",
    ];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for one in holdings {
        let pod = if one.namespace.is_empty() || one.pod.is_empty() {
            format!("{}{}", one.namespace, one.pod)
        } else {
            format!("{}/{}", one.namespace, one.pod)
        };
        table.row([
            one.address.to_string(),
            one.space.clone(),
            one.state.to_owned(),
            pod,
            one.node.clone(),
            one.age.map(age).unwrap_or_default(),
            one.reason.clone(),
        ]);
    }
    table.render()
}

/// A line of text in which names of others may stand.
fn line(text: &str) -> String {
    format!("{}\n", printable(text))
}

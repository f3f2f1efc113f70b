//! What was found out, for programs and for people.

use std::time::{Duration, SystemTime};

use ipam_plugin::cni::error::CniError;
use serde::{Serialize, Serializer};
use store::claim::Claim;
use store::inspect::Owner;
use store::record::HeldAddress;

use super::occupancy::{Holders, Holding, Share, Tally};
use super::settings::Setting;
use crate::output::{Align, Count, Table};
use crate::text::{age, printable, shortened};

/// How many of the addresses that would be tried a table shows.
const CANDIDATES: usize = 3;
/// How many characters of a container's ID are shown: as many as other tools do.
const CONTAINER_WIDTH: usize = 12;

/// All that was found out. The fields' names are those of the JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whose networks they are; `None` where it is a configuration that was asked about.
    pub(super) pod: Option<PodSeen>,
    /// Why the pod gets nothing at all.
    pub(super) problem: Option<String>,
    /// What an ADD would do in each.
    pub(super) networks: Vec<Explained>,
}

/// A pod.
#[derive(Debug, Serialize)]
pub(super) struct PodSeen {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// Empty while it is not bound.
    pub(super) node: String,
}

/// What an ADD would do in one network.
#[derive(Debug, Default, Serialize)]
pub(super) struct Explained {
    pub(super) network: String,
    /// Namespace and name of its definition.
    pub(super) definition: Option<String>,
    pub(super) interface: Option<String>,
    pub(super) settings: Vec<Setting>,
    pub(super) warnings: Vec<String>,
    /// The store's id, where it gives out addresses.
    pub(super) store: Option<String>,
    /// What the pod holds there now.
    pub(super) holds: Vec<Held>,
    pub(super) claims: Vec<ClaimSeen>,
    pub(super) verdict: Outcome,
    /// Who holds what the ADD lacks.
    pub(super) holders: Option<Holders>,
}

/// An attachment of the pod.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) addresses: Vec<String>,
    pub(super) container: String,
    pub(super) interface: String,
    pub(super) node: String,
    pub(super) created: String,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub(super) age: Option<Duration>,
}

/// One address that the ADD claims.
#[derive(Debug, Serialize)]
pub(super) struct ClaimSeen {
    /// `any` address of some ranges, or `exactly` one.
    wants: &'static str,
    of: Vec<String>,
    space: String,
    allocated: Count,
    resting: Count,
    reserved: Count,
    free: Count,
    total: Count,
    /// What would be tried, in this order.
    candidates: Vec<String>,
}

/// What the ADD would come to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Outcome {
    result: Kind,
    addresses: Vec<String>,
    code: Option<u32>,
    message: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// It would get addresses.
    Allocates,
    /// It would get those that it holds already.
    Holds,
    /// It would fail.
    #[default]
    Fails,
    /// It would not ask us.
    Foreign,
}

impl Outcome {
    /// It would get these addresses; none where they are left to chance.
    pub(super) fn allocates(addresses: &[HeldAddress]) -> Self {
        Self {
            result: Kind::Allocates,
            addresses: texts(addresses),
            ..Self::default()
        }
    }

    /// It would get the addresses that it holds.
    pub(super) fn holds(addresses: &[HeldAddress]) -> Self {
        Self {
            result: Kind::Holds,
            addresses: texts(addresses),
            ..Self::default()
        }
    }

    /// It would fail so.
    pub(super) fn failed(error: &CniError) -> Self {
        Self {
            code: Some(error.code().number()),
            message: Some(error.to_string()),
            ..Self::default()
        }
    }

    /// Nobody says what the network is.
    pub(super) fn undefined(definition: &str) -> Self {
        Self {
            message: Some(format!(
                "there is no NetworkAttachmentDefinition {definition}, so Multus refuses the pod \
                 before an address is asked for"
            )),
            ..Self::default()
        }
    }

    /// Nothing would be asked of us.
    pub(super) fn foreign(reason: &str) -> Self {
        Self {
            result: Kind::Foreign,
            message: Some(reason.to_owned()),
            ..Self::default()
        }
    }
}

impl Held {
    /// What an owner record says at `now`.
    pub(super) fn new(owner: Owner, now: SystemTime) -> Self {
        let Owner {
            attachment, record, ..
        } = owner;
        let created = record.created_at();
        Self {
            addresses: texts(&record.addresses),
            container: attachment.container,
            interface: attachment.interface,
            node: attachment.node,
            created: record.created,
            age: created.map(|created| now.duration_since(created).unwrap_or_default()),
        }
    }
}

impl ClaimSeen {
    /// A claim, how full its addresses are, and what would be tried first.
    pub(super) fn new<'a>(
        claim: &Claim,
        tally: &Tally,
        candidates: impl Iterator<Item = &'a HeldAddress>,
    ) -> Self {
        let (wants, of, space) = match claim {
            Claim::Any(ranges) => (
                "any",
                ranges.iter().map(|pool| pool.range.to_string()).collect(),
                ranges.first().map(|pool| &pool.space),
            ),
            Claim::Exact(held) => (
                "exactly",
                texts(std::slice::from_ref(held)),
                Some(&held.space),
            ),
        };
        Self {
            wants,
            of,
            space: space.map(ToString::to_string).unwrap_or_default(),
            allocated: Count(tally.allocated),
            resting: Count(tally.resting),
            reserved: Count(tally.reserved),
            free: Count(tally.free()),
            total: Count(tally.total),
            candidates: candidates.map(|held| held.address.to_string()).collect(),
        }
    }
}

impl Report {
    /// Whether anything fails that the pod does not hold already, or nothing is asked for.
    pub(super) fn is_negative(&self) -> bool {
        let fails = |one: &Explained| one.verdict.result == Kind::Fails && one.holds.is_empty();
        self.problem.is_some() || self.networks.iter().any(fails)
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
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

fn texts(addresses: &[HeldAddress]) -> Vec<String> {
    let text = |held: &HeldAddress| format!("{}/{}", held.address, held.prefix);
    addresses.iter().map(text).collect()
}

#[expect(clippy::ref_option, reason = "serde asks for this signature")]
pub(super) fn seconds<S: Serializer>(
    age: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}

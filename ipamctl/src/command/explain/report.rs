//! What was found out.

mod text;

use std::time::{Duration, SystemTime};

use ipam_plugin::cni::error::CniError;
use serde::{Serialize, Serializer};
use store::claim::Claim;
use store::inspect::Owner;
use store::record::HeldAddress;

use super::occupancy::{Holders, Tally};
use super::settings::Setting;
use crate::output::Count;

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

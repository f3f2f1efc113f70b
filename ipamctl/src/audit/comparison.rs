//! Takes the store in, entry by entry, and says what does not fit. No input or output.

mod claims;
mod overlaps;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::time::SystemTime;

use lease_gc::evidence::adoption::{self, Place};
use lease_gc::evidence::{self, Witness, claimants, rival};
use lease_gc::pods::{Living, LivingPod};
use serde::{Deserialize, Serialize};
use store::address::Address;
use store::inspect::Owner;
use store::key::{Keyspace, holder_name};
use store::names::Space;
use store::range::Range;
use store::record::{DamagedValue, Holder, Kind as RecordKind, OwnerRecord, RangeRecord};
use store::txn::Entry;

use self::claims::{Claims, Known};
use self::overlaps::overlaps;
use super::digest::digest;
use super::finding::{Finding, Kind, Repair};
use crate::pods::is_younger;
use crate::text::{state, whose};

/// The pods that live.
#[derive(Clone, Copy, Debug)]
pub struct Pods<'a> {
    /// The pods and nodes.
    pub living: &'a Living,
    /// Whose they are: records of other clusters are not judged by them.
    pub cluster: &'a str,
    /// When they were written down, where they come from a file: younger records are not judged.
    pub as_of: Option<SystemTime>,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Owner keys.
    pub owners: u64,
    /// Address keys.
    pub addresses: u64,
    /// Range keys.
    pub ranges: u64,
}

/// A comparison in the making. What it takes in, each kind in the order of its keys: first
/// [`Comparison::range`], then [`Comparison::owner`], then [`Comparison::address`], then
/// [`Comparison::other`].
pub struct Comparison<'a> {
    keys: &'a Keyspace,
    pods: Option<Pods<'a>>,
    counts: Counts,
    findings: Vec<Finding>,
    ranges: HashMap<Space, Vec<Configured>>,
    places: adoption::Ranges,
    claims: Claims,
    /// The records of one node and network, which stand together in the listing.
    group: Vec<Owner>,
    /// Addresses that some pod names and somebody holds, in the space of their range.
    held: HashSet<Address>,
}

/// A range and its key.
struct Configured {
    key: Judged,
    record: RangeRecord,
}

/// A key as it was read.
struct Judged {
    key: String,
    mod_revision: i64,
    digest: String,
}

impl From<&Entry> for Judged {
    fn from(entry: &Entry) -> Self {
        Self {
            key: entry.key.clone(),
            mod_revision: entry.mod_revision,
            digest: digest(&entry.value),
        }
    }
}

impl<'a> Comparison<'a> {
    /// Nothing has been read. Without pods the store is compared with itself alone.
    pub fn new(keys: &'a Keyspace, pods: Option<Pods<'a>>) -> Self {
        Self {
            keys,
            pods,
            counts: Counts::default(),
            findings: Vec::new(),
            ranges: HashMap::new(),
            places: adoption::Ranges::new([]),
            claims: Claims::default(),
            group: Vec::new(),
            held: HashSet::new(),
        }
    }

    /// Takes the next range key.
    pub fn range(&mut self, entry: &Entry) {
        self.counts.ranges += 1;
        let Some(space) = self.keys.parse_range_space(&entry.key) else {
            return self.unreadable(entry, "the key is not a range's".to_owned());
        };
        match RangeRecord::parse(&entry.value) {
            Ok(record) => self.ranges.entry(space).or_default().push(Configured {
                key: entry.into(),
                record,
            }),
            Err(error) => self.unreadable(entry, error.to_string()),
        }
    }

    /// The last range key was taken.
    pub fn end_of_ranges(&mut self) {
        let mut pairs: Vec<_> = self
            .ranges
            .iter()
            .flat_map(|(space, configured)| {
                let ranges = configured.iter().map(|one| &one.record);
                let pairs = overlaps(&ranges.collect::<Vec<_>>()).into_iter();
                pairs.filter_map(move |(one, other)| {
                    Some((space, configured.get(one)?, configured.get(other)?))
                })
            })
            .map(|(space, one, other)| Finding {
                space: Some(space.to_string()),
                ..finding(
                    Kind::OverlappingRanges,
                    &one.key,
                    format!("{} overlaps {}", say(&one.record), say(&other.record)),
                )
            })
            .collect();
        self.findings.append(&mut pairs);
        let ranges = self.ranges.iter().flat_map(|(space, configured)| {
            let ranges = configured.iter().filter_map(|one| one.record.range());
            ranges.map(|range: Range| (space.clone(), range))
        });
        self.places = adoption::Ranges::new(ranges);
    }

    /// Takes the next owner key.
    pub fn owner(&mut self, entry: Entry) {
        self.counts.owners += 1;
        let Some(attachment) = self.keys.parse_owner(&entry.key) else {
            return self.unreadable(&entry, "the key is not an attachment's".to_owned());
        };
        let key = Judged::from(&entry);
        let known = |is_readable| Known {
            name: holder_name(&attachment).into(),
            mod_revision: key.mod_revision,
            digest: key.digest.as_str().into(),
            is_readable,
        };
        let record = match OwnerRecord::parse(&entry.value) {
            Ok(record) => record,
            Err(error) => {
                self.claims.add(known(false), []);
                return match error {
                    DamagedValue::Version(_) => {
                        let newer = finding(Kind::NewerRecord, &key, error.to_string());
                        self.findings.push(newer);
                    }
                    _ => self.unreadable(&entry, error.to_string()),
                };
            }
        };
        if let RecordKind::Other(kind) = &record.kind {
            let detail = format!("the record is of the kind {kind:?}, which is not known here");
            self.findings.push(finding(Kind::NewerRecord, &key, detail));
        }
        let held = record
            .addresses
            .iter()
            .map(|held| (&held.space, held.address));
        self.claims.add(known(true), held);
        self.group_up(Owner {
            attachment,
            record,
            judged: entry.into(),
        });
    }

    fn group_up(&mut self, owner: Owner) {
        if self
            .pods
            .is_none_or(|pods| pods.cluster != owner.attachment.cluster)
        {
            return;
        }
        let together = |first: &Owner| {
            let (one, other) = (&first.attachment, &owner.attachment);
            one.node == other.node && one.network == other.network
        };
        if !self.group.first().is_none_or(together) {
            self.judge_group();
        }
        self.group.push(owner);
    }

    fn judge_group(&mut self) {
        let Some(pods) = self.pods else { return };
        let group = take(&mut self.group);
        // Nothing was seen before: what only that would prove is not said.
        let verdicts = evidence::judge(&group, pods.living, &Witness::default());
        for (owner, verdict) in group.iter().zip(verdicts) {
            match verdict {
                evidence::Finding::Suspect(_) if is_younger(owner, pods.as_of) => {}
                evidence::Finding::Suspect(evidence) => {
                    let detail = evidence.meaning();
                    self.push_record(owner, Kind::Leaked, None, detail, Some(Repair::Release));
                }
                evidence::Finding::Conflict(rival) => {
                    let detail = uses(&rival.namespace, &rival.name);
                    self.push_record(owner, Kind::Conflict, Some(rival.address), &detail, None);
                }
                evidence::Finding::Alive => {
                    for held in &owner.record.addresses {
                        let address = held.address;
                        if let Some(pod) = rival(owner, held, pods.living, &self.places) {
                            let detail = uses(pod.namespace, pod.name);
                            self.push_record(owner, Kind::Conflict, Some(address), &detail, None);
                        }
                    }
                }
                evidence::Finding::Kept(_) => {}
            }
        }
    }

    fn push_record(
        &mut self,
        owner: &Owner,
        kind: Kind,
        address: Option<Address>,
        detail: &str,
        repair: Option<Repair>,
    ) {
        let addresses = &owner.record.addresses;
        let address = address.or_else(|| addresses.first().map(|held| held.address));
        let held = addresses.iter().find(|held| Some(held.address) == address);
        let key = Judged {
            key: owner.judged.key.clone(),
            mod_revision: owner.judged.mod_revision,
            digest: digest(&owner.judged.value),
        };
        let pod = &owner.record.pod;
        let of = match pod.name.as_str() {
            "" => String::new(),
            name => format!("; held for {}/{name}", pod.namespace),
        };
        self.findings.push(Finding {
            address,
            space: held.map(|held| held.space.to_string()),
            holder: Some(holder_name(&owner.attachment)),
            repair,
            ..finding(kind, &key, format!("{detail}{of}"))
        });
    }

    /// The last owner key was taken. Returns whether there was any of the pods' cluster.
    pub fn end_of_owners(&mut self) -> bool {
        self.judge_group();
        self.claims.complete();
        self.look_for_two_nodes();
        let cluster = self.pods.map(|pods| store::key::encode(pods.cluster));
        let of_cluster = |known: &Known| known.name.split('/').next() == cluster.as_deref();
        self.claims.owners().iter().any(of_cluster)
    }

    fn look_for_two_nodes(&mut self) {
        let owners = self.claims.owners();
        let mut twins: Vec<_> = owners.iter().collect();
        twins.sort_unstable_by_key(|known| without_node(&known.name));
        let same =
            |one: &&Known, other: &&Known| without_node(&one.name) == without_node(&other.name);
        let twins = twins.chunk_by(same).filter_map(|twins| {
            let [first, others @ ..] = twins else {
                return None;
            };
            Some(others.iter().map(|other| (*first, *other)))
        });
        let found = twins.flatten().map(|(first, other)| {
            let key = key_of(self.keys, other);
            Finding {
                holder: Some(other.name.to_string()),
                ..finding(
                    Kind::TwoNodes,
                    &key,
                    format!("the same attachment is {}", first.name),
                )
            }
        });
        let found: Vec<_> = found.collect();
        self.findings.extend(found);
    }

    /// Takes the next address key.
    pub fn address(&mut self, entry: &Entry) {
        self.counts.addresses += 1;
        let Some((space, address)) = self.keys.parse_address(&entry.key) else {
            return self.unreadable(entry, "the key is not an address's".to_owned());
        };
        let mut found = match Holder::parse(&entry.value) {
            Ok(holder) => self.held_by(entry, &space, address, &holder),
            Err(error) => {
                self.claims.meet(&space, address);
                self.unreadable(entry, error.to_string());
                Vec::new()
            }
        };
        for finding in &mut found {
            finding.address = Some(address);
            finding.space = Some(space.to_string());
        }
        self.findings.append(&mut found);
        let Some(pods) = self.pods else { return };
        let here = matches!(self.places.place(address), Place::In(of, _) if *of == space);
        if here && pods.living.naming(address).next().is_some() {
            self.held.insert(address);
        }
    }

    fn held_by(
        &mut self,
        entry: &Entry,
        space: &Space,
        address: Address,
        holder: &Holder,
    ) -> Vec<Finding> {
        let squatter = self.squatter(space, address);
        let outside = self.is_outside(space, address);
        let name = match holder {
            Holder::Attachment(attachment) => Some(holder_name(attachment)),
            _ => None,
        };
        let keys = self.keys;
        let claimed = self.claims.meet(space, address);
        let is_holder = |known: &&Known| name.as_deref() == Some(&*known.name);
        let is_own = claimed.iter().any(is_holder);
        let others = claimed.into_iter().filter(|known| !is_holder(known));
        let mut found: Vec<_> = others
            .map(|known| {
                let detail = format!("is {}: {}", state(Some(holder)), whose(holder));
                Finding {
                    holder: Some(known.name.to_string()),
                    ..finding(Kind::Duplicate, &key_of(keys, known), detail)
                }
            })
            .collect();
        let key = Judged::from(entry);
        let Some(name) = name else {
            found.extend(squatter.map(|pod| Finding {
                holder: Some(whose(holder)),
                ..finding(Kind::Conflict, &key, uses(pod.namespace, pod.name))
            }));
            return found;
        };
        if outside {
            let detail = "lies in no known range of its space".to_owned();
            found.push(finding(Kind::OutsideRanges, &key, detail));
        }
        if !is_own && !found.iter().any(|found| found.kind == Kind::Duplicate) {
            found.extend(self.unowned(&key, &name, squatter));
        }
        for finding in &mut found {
            finding.holder.get_or_insert_with(|| name.clone());
        }
        found
    }

    /// What is wrong with an address that names this holder and that no record claims.
    fn unowned(&self, key: &Judged, name: &str, user: Option<LivingPod<'_>>) -> Option<Finding> {
        match (self.claims.owner(name), user) {
            // It is not known what that record claims.
            (Some(known), _) if !known.is_readable => None,
            (Some(_), _) => Some(finding(
                Kind::UnclaimedAddress,
                key,
                "its holder's record does not claim it".to_owned(),
            )),
            (None, Some(pod)) => Some(finding(
                Kind::OrphanedAddress,
                key,
                format!(
                    "its holder has no record, but {}",
                    uses(pod.namespace, pod.name)
                ),
            )),
            (None, None) => Some(Finding {
                repair: Some(Repair::DeleteAddress),
                ..finding(
                    Kind::OrphanedAddress,
                    key,
                    "its holder has no record".to_owned(),
                )
            }),
        }
    }

    /// A living pod that names an address in its annotation.
    fn squatter(&self, space: &Space, address: Address) -> Option<LivingPod<'a>> {
        claimants(space, address, self.pods?.living, &self.places).next()
    }

    /// Whether the space has known ranges and none has the address within its bounds.
    fn is_outside(&self, space: &Space, address: Address) -> bool {
        let ranges = self.ranges.get(space);
        ranges.is_some_and(|ranges| {
            !ranges
                .iter()
                .any(|range| range.record.bounds.contains(address))
        })
    }

    /// Takes the next key that lies elsewhere under the prefix.
    pub fn other(&mut self, entry: &Entry) {
        if !self.keys.is_elsewhere(&entry.key) {
            let detail = "the key is none of the store's".to_owned();
            self.findings
                .push(finding(Kind::UnknownKey, &entry.into(), detail));
        }
    }

    /// Everything was taken: what does not fit, by kind and key.
    pub fn finish(mut self) -> (Vec<Finding>, Counts) {
        let missing: Vec<_> = self
            .claims
            .unmet()
            .flat_map(|(space, address, claimants)| {
                let alone = claimants.len() == 1;
                claimants
                    .into_iter()
                    .map(move |known| (space, address, known, alone))
            })
            .map(|(space, address, known, alone)| {
                let (kind, detail, repair) = if alone {
                    let detail = "its record claims it, and its key is gone";
                    (Kind::MissingAddress, detail, Some(Repair::PutAddress))
                } else {
                    (
                        Kind::Duplicate,
                        "several records claim it, and its key is gone",
                        None,
                    )
                };
                Finding {
                    address: Some(address),
                    space: Some(space.to_string()),
                    holder: Some(known.name.to_string()),
                    repair,
                    ..finding(kind, &key_of(self.keys, known), detail.to_owned())
                }
            })
            .collect();
        self.findings.extend(missing);
        self.look_for_unrecorded();
        self.findings.sort_by(|one, other| {
            let place = |finding: &Finding| (finding.kind, finding.address);
            place(one)
                .cmp(&place(other))
                .then_with(|| one.key.cmp(&other.key))
        });
        (self.findings, self.counts)
    }

    fn look_for_unrecorded(&mut self) {
        let Some(pods) = self.pods else { return };
        let held = |space: &Space, address| {
            self.held.contains(&address) || self.claims.is_claimed(space, address)
        };
        let missing = adoption::missing(pods.living, &self.places, held);
        for candidate in missing.candidates {
            let space = &candidate.held.space;
            let key = Judged {
                key: self.keys.address(space, candidate.held.address),
                mod_revision: 0,
                digest: String::new(),
            };
            let (namespace, name) = (candidate.pod.namespace, candidate.pod.name);
            self.findings.push(Finding {
                address: Some(candidate.held.address),
                space: Some(space.to_string()),
                ..finding(Kind::Unrecorded, &key, uses(namespace, name))
            });
        }
    }

    fn unreadable(&mut self, entry: &Entry, reason: String) {
        let place = self.keys.parse_address(&entry.key);
        self.findings.push(Finding {
            address: place.as_ref().map(|(_, address)| *address),
            space: place.map(|(space, _)| space.to_string()),
            repair: Some(Repair::DeleteKey),
            ..finding(Kind::Unreadable, &entry.into(), reason)
        });
    }
}

/// The owner key of a record that is remembered.
fn key_of(keys: &Keyspace, known: &Known) -> Judged {
    Judged {
        key: format!("{}{}", keys.all_owners().start, known.name),
        mod_revision: known.mod_revision,
        digest: known.digest.to_string(),
    }
}

fn finding(kind: Kind, key: &Judged, detail: String) -> Finding {
    Finding {
        kind,
        key: key.key.clone(),
        mod_revision: key.mod_revision,
        value_sha256: key.digest.clone(),
        address: None,
        space: None,
        holder: None,
        detail,
        repair: None,
    }
}

fn uses(namespace: &str, name: &str) -> String {
    format!("the pod {namespace}/{name} uses it")
}

fn say(range: &RangeRecord) -> String {
    let gateway = match range.gateway {
        Some(gateway) => format!("gateway {gateway}"),
        None => "no gateway".to_owned(),
    };
    format!("{}/{} ({gateway})", range.bounds, range.prefix)
}

/// The name of an attachment without its node.
fn without_node(name: &str) -> (&str, &str) {
    let (cluster, rest) = name.split_once('/').unwrap_or_default();
    (cluster, rest.split_once('/').unwrap_or_default().1)
}

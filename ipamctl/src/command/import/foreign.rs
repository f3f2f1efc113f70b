//! What another plugin gave out, as the new configuration of its network sees it.
//!
//! Other plugins know neither our network's name nor, mostly, the node and the pod's uid. The first
//! comes from the configuration, the others from the living pods.

use std::collections::{HashMap, HashSet};

use anyhow::{anyhow, bail};
use ipam_plugin::config::NetworkConfig;
use ipam_plugin::local::identity;
use lease_gc::evidence::adoption::{self, Ranges};
use lease_gc::pods::{Living, LivingPod};
use store::address::Address;
use store::claim::PoolRange;
use store::clock::Clock;
use store::clock::random_id;
use store::import::Parcel;
use store::names::{Attachment, Space};
use store::record::{Boot, HeldAddress, Kind, OwnerRecord, Pod, SCHEMA};
use store::txn::Etcd;

use super::Options;
use super::input::{Input, Thing, What};
use crate::command::Context;

/// One address that another plugin gave out, as far as it knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// Where it stands in the input, for people.
    pub(super) origin: String,
    /// The pod's namespace and name.
    pub(super) pod: Option<(String, String)>,
    /// `CNI_CONTAINERID`.
    pub(super) container: Option<String>,
    /// `CNI_IFNAME`.
    pub(super) interface: Option<String>,
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Interface {
    node: String,
    container: String,
    name: String,
}

/// What one interface holds.
struct Holding {
    interface: Interface,
    pod: Pod,
    boot: Boot,
    origin: String,
    /// Each with the place of its range in the configuration.
    addresses: Vec<(usize, HeldAddress)>,
}

/// What was read of another plugin, and what is made of it.
pub(super) struct Foreign<'a> {
    pub(super) config: &'a NetworkConfig,
    ranges: Vec<PoolRange>,
    pub(super) input: Input,
    drafts: Vec<(Address, Draft)>,
    /// Addresses of pools that are not imported: whoever names them is not of this network.
    elsewhere: HashSet<Address>,
    /// The node that all of it is on, where that is this machine.
    here: Option<(String, Boot)>,
    /// The interface where nobody says which.
    usual_interface: &'static str,
}

impl<'a> Foreign<'a> {
    /// Nothing yet, for a network.
    ///
    /// # Errors
    /// Where the configuration has no ranges that an ADD would take.
    pub(super) fn new(config: &'a NetworkConfig) -> anyhow::Result<Self> {
        let ranges = config.ranges().map_err(|error| anyhow!("{error}"))?;
        if ranges.is_empty() {
            bail!("the network {} has no ranges to import into", config.name());
        }
        Ok(Self {
            config,
            ranges,
            input: Input::default(),
            drafts: Vec::new(),
            elsewhere: HashSet::new(),
            here: None,
            // Multus calls the interfaces of secondary networks net1, net2 and so on.
            usual_interface: "net1",
        })
    }

    /// All of it is on this machine, a node of that name.
    pub(super) fn here(&mut self, node: String) {
        let boot = Boot {
            started_ms: 0,
            ..identity::boot()
        };
        self.here = Some((node, boot));
        // Runtimes call the interface of a pod's own network so.
        self.usual_interface = "eth0";
    }

    /// One more address.
    pub(super) fn add(&mut self, address: Address, draft: Draft) {
        self.drafts.push((address, draft));
    }

    /// An address of a pool that is not imported.
    pub(super) fn not_here(&mut self, address: Address) {
        self.elsewhere.insert(address);
    }

    /// Whether any range of the network shares addresses with the one from `first` to `last`.
    pub(super) fn overlaps(&self, first: Address, last: Address) -> bool {
        self.ranges.iter().any(|one| {
            let bounds = one.range.bounds();
            bounds.contains(first)
                || bounds.contains(last)
                || (first <= bounds.first() && bounds.first() <= last)
        })
    }

    /// Makes attachments of it.
    ///
    /// # Errors
    /// Where the living must be known and are not, or the store cannot be asked.
    pub(super) async fn resolve<E: Etcd, C: Clock>(
        mut self,
        context: &Context<E, C>,
        options: &Options,
        living: Option<&Living>,
    ) -> anyhow::Result<Input> {
        if self.here.is_none() && living.is_none() {
            bail!(
                "{} knows no nodes: say where the living pods are to be had (--kubeconfig or \
                 --pods-from)",
                options.from.name()
            );
        }
        let nobody = Living::default();
        let living = living.unwrap_or(&nobody);
        let created = humantime::format_rfc3339_seconds(context.store.clock().wall()).to_string();
        let mut held = HashSet::new();
        for holding in self.holdings(living) {
            let places = holding.addresses.iter();
            held.extend(places.map(|(_, held)| (held.space.clone(), held.address)));
            let thing = self.thing(context, holding, &created)?;
            self.input.add(thing);
        }
        if self.here.is_none() {
            self.adopt(context, living, &held, &created).await?;
        }
        self.input.ranges = self.ranges;
        Ok(self.input)
    }

    /// What each interface holds, in the order in which they were first read.
    fn holdings(&mut self, living: &Living) -> Vec<Holding> {
        let mut holdings: Vec<Holding> = Vec::new();
        // Of one pod: a container that two name is a conflict.
        let mut of_interface: HashMap<(Interface, String), usize> = HashMap::new();
        let mut of_address: HashMap<(Space, Address), usize> = HashMap::new();
        // A reservation says again what its allocation has said.
        let mut said = HashSet::new();
        for (address, draft) in std::mem::take(&mut self.drafts) {
            let what = || {
                let pod = draft.pod.as_ref();
                let pod = pod.map(|(namespace, name)| format!(" of {namespace}/{name}"));
                format!("{address}{}", pod.unwrap_or_default())
            };
            let owner = self.owner(address, &draft, living);
            let mut leave_out = |because, matters| {
                if said.insert((address, draft.pod.clone())) {
                    let origin = draft.origin.clone();
                    self.input.leave_out(what(), origin, because, matters);
                }
            };
            let place = self.ranges.iter().enumerate();
            let mut place = place.filter(|(_, one)| one.range.contains(address));
            let Some((index, range)) = place.next() else {
                // Nobody is given it, so that only a pod that lives has a use for it.
                let lives = owner.is_some() || living.naming(address).next().is_some();
                leave_out("it is in no range of the configuration", lives);
                continue;
            };
            let Some((interface, pod, boot)) = owner else {
                leave_out("no such pod lives: it has leaked", false);
                continue;
            };
            let held = HeldAddress {
                space: range.space.clone(),
                address,
                prefix: range.range.network().length(),
                gateway: range.range.gateway(),
            };
            let next = holdings.len();
            let own = (interface.clone(), pod.uid.clone());
            let at = *of_interface.entry(own.clone()).or_insert(next);
            let key = (held.space.clone(), address);
            let earlier = of_address.get(&key).and_then(|at| holdings.get(*at));
            if let Some(earlier) = earlier {
                // An allocation and its reservation name the same pod.
                if earlier.pod != pod {
                    self.input.conflicts.push(super::input::Conflict {
                        what: what(),
                        origin: draft.origin,
                        because: format!(
                            "the input has it for {}/{} as well ({})",
                            earlier.pod.namespace, earlier.pod.name, earlier.origin
                        ),
                    });
                }
                if at == next {
                    of_interface.remove(&own);
                }
                continue;
            }
            of_address.insert(key, at);
            match holdings.get_mut(at) {
                Some(holding) => holding.addresses.push((index, held)),
                None => holdings.push(Holding {
                    interface,
                    pod,
                    boot,
                    origin: draft.origin,
                    addresses: vec![(index, held)],
                }),
            }
        }
        holdings
    }

    /// Which interface an address is on, for which pod, in which boot of its node. `None`: nobody
    /// lives who has it.
    fn owner(
        &self,
        address: Address,
        draft: &Draft,
        living: &Living,
    ) -> Option<(Interface, Pod, Boot)> {
        let is_here = |pod: &LivingPod<'_>| {
            !pod.node.is_empty() && self.here.as_ref().is_none_or(|(node, _)| pod.node == node)
        };
        // Another pod that uses the address is not given this one's container: it is adopted.
        let pod = if let Some((namespace, name)) = &draft.pod {
            living.pod_named(namespace, name).filter(is_here)
        } else {
            let mut naming = living.naming(address).map(|naming| naming.pod);
            naming.find(is_here)
        };
        let (node, boot) = match (&self.here, pod) {
            (Some((node, boot)), _) => (node.clone(), boot.clone()),
            (None, Some(pod)) => (pod.node.to_owned(), adoption::boot(living, pod.node)),
            (None, None) => return None,
        };
        let uid = pod.map_or("", |pod| pod.uid);
        let status = living
            .naming(address)
            .filter(|naming| naming.pod.uid == uid)
            .find_map(|naming| Some(naming.attachment?.1.to_owned()));
        let interface = Interface {
            node,
            container: draft
                .container
                .clone()
                .unwrap_or_else(|| format!("imported-{uid}")),
            name: draft
                .interface
                .clone()
                .or(status)
                .unwrap_or_else(|| self.usual_interface.to_owned()),
        };
        let pod = pod.map_or_else(Pod::default, |pod| Pod {
            namespace: pod.namespace.to_owned(),
            name: pod.name.to_owned(),
            uid: pod.uid.to_owned(),
        });
        Some((interface, pod, boot))
    }

    fn thing<E: Etcd, C: Clock>(
        &self,
        context: &Context<E, C>,
        holding: Holding,
        created: &str,
    ) -> anyhow::Result<Thing> {
        let Holding {
            interface,
            pod,
            boot,
            origin,
            mut addresses,
        } = holding;
        let attachment = Attachment {
            cluster: context.cluster.clone(),
            node: interface.node,
            network: self.config.name().to_owned(),
            container: interface.container,
            interface: interface.name,
        };
        addresses.sort_by_key(|(index, _)| *index);
        let cooldown = self.config.section().cooldown();
        let record = OwnerRecord {
            v: SCHEMA,
            id: random_id(),
            kind: Kind::Imported,
            addresses: addresses.into_iter().map(|(_, held)| held).collect(),
            pod,
            boot,
            created: created.to_owned(),
            cooldown_s: cooldown.map_err(|error| anyhow!("{error}"))?.as_secs(),
            plugin: env!("CARGO_PKG_VERSION").to_owned(),
            other: serde_json::Map::new(),
        };
        Ok(thing(context, origin, attachment, record))
    }

    /// Takes what living pods name in the ranges, and neither the input nor the store has.
    async fn adopt<E: Etcd, C: Clock>(
        &mut self,
        context: &Context<E, C>,
        living: &Living,
        held: &HashSet<(Space, Address)>,
        created: &str,
    ) -> anyhow::Result<()> {
        let ranges = self.ranges.iter();
        let ranges = Ranges::new(ranges.map(|one| (one.space.clone(), one.range.clone())));
        let known = |space: &Space, address| {
            held.contains(&(space.clone(), address)) || self.elsewhere.contains(&address)
        };
        let candidates = adoption::missing(living, &ranges, known).candidates;
        let keys = context.store.keys();
        let keys: Vec<_> = candidates
            .iter()
            .map(|one| keys.address(&one.held.space, one.held.address))
            .collect();
        let deadline = context.deadline();
        let standing = context
            .store
            .values_of(keys.iter().map(String::as_str), deadline)
            .await?;
        let missing = candidates.into_iter().zip(standing);
        let missing = missing.filter(|(_, standing)| standing.is_none());
        let missing = missing.map(|(candidate, _)| candidate);
        let cluster = &context.cluster;
        for (attachment, record) in adoption::records(missing, cluster, living, random_id, created)
        {
            let origin = format!(
                "the network status of {}/{}",
                record.pod.namespace, record.pod.name
            );
            self.input.add(thing(context, origin, attachment, record));
        }
        Ok(())
    }
}

fn thing<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    origin: String,
    attachment: Attachment,
    record: OwnerRecord,
) -> Thing {
    let keys = context.store.keys();
    let parcel = Parcel::attachment(keys, &attachment, &record.addresses, record.to_json());
    Thing {
        what: What::Attachment {
            attachment,
            addresses: record.addresses,
            kind: record.kind,
        },
        origin,
        parcel,
    }
}

//! The network's configuration, as it comes on standard input, with the node's defaults.

pub mod answer;
mod asked;
mod etcd;
mod fixed;
mod gc;
mod json;
mod layer;
pub mod node_file;
mod ranges;
mod requested;
pub mod section;
mod settings;
pub mod text;
mod wanted;

use serde_json::Value;
use store::address::Address;
use store::claim::{Claim, PoolRange};

pub use self::etcd::{Endpoints, EtcdAccess, EtcdSection};
pub use self::gc::ValidAttachment;
pub use self::node_file::{NodeFile, Search};
pub use self::section::{IpamSection, ipam_schema};
pub use self::wanted::Wanted;

use self::answer::{Dns, Route};
use self::asked::Asked;
use self::gc::GcKeys;
use self::json::{Object, canonical, kind, parse_object};
use self::layer::Layer;
use self::ranges::Pools;
use crate::cni::args::Args;
use crate::cni::command::is_identifier;
use crate::cni::error::CniError;
use crate::cni::previous;
use crate::cni::version::Version;

/// A network's configuration.
///
/// Only what every verb needs is judged when it is read. What an ADD needs beyond that is judged
/// when it is asked for, so that a DEL works with ranges that no ADD would accept, or with none.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    version: Version,
    name: String,
    /// The network's own `ipam` section; `None` where there is none.
    network: Option<Layer>,
    /// That with the node's defaults under it.
    merged: Layer,
    etcd: EtcdAccess,
    asked: Result<Asked, CniError>,
    previous: Vec<Address>,
    gc: GcKeys,
    warnings: Vec<String>,
}

impl NetworkConfig {
    /// Reads what came on standard input. In this order: code 6 where it is not a JSON object or
    /// has a wrong type, 7 where the name is missing or wrong, 1 where the version is unknown.
    pub fn parse(bytes: &[u8]) -> Result<Self, CniError> {
        let object = parse_object(bytes, "the network's configuration")?;
        let gc = GcKeys::take(&object);
        let mut object = canonical(object);
        let version = text(&object, "cniVersion")?;
        let name = text(&object, "name")?;
        let network = match object.remove("ipam") {
            None => None,
            Some(Value::Object(section)) => Some(Layer::read(section, "ipam")),
            Some(other) => return Err(wrong_type("ipam", "an object", &other)),
        };
        if name.is_empty() {
            return Err(CniError::config(
                "the network's name is missing; give the configuration a \"name\"",
            ));
        }
        if !is_identifier(&name) {
            return Err(CniError::config(format!(
                "the network's name {name:?} must begin with a letter or a digit and continue with \
                 these, '_', '.' and '-'"
            )));
        }
        let merged = network.clone().unwrap_or_default();
        Ok(Self {
            version: Version::parse(&version)?,
            name,
            etcd: EtcdAccess::of(merged.section()),
            asked: Asked::read(&object),
            previous: object
                .get("prevResult")
                .map(previous::addresses)
                .unwrap_or_default(),
            gc,
            warnings: network
                .iter()
                .flat_map(|own| unknown_keys(own.section(), "ipam"))
                .collect(),
            network,
            merged,
        })
    }

    /// Puts the node's defaults under the network's own keys.
    #[must_use]
    pub fn with_node_file(mut self, file: &NodeFile) -> Self {
        let own = self.network.clone().unwrap_or_default();
        self.merged = own.over(file.layer());
        self.etcd = EtcdAccess::of(own.section()).over(file.etcd());
        let path = file.path().display().to_string();
        self.warnings.extend(unknown_keys(file.section(), &path));
        self
    }

    /// The version of the specification that the answer is written in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a file with the node's defaults is said to be.
    pub fn configuration_path(&self) -> Option<&str> {
        self.network()?.configuration_path.as_deref()
    }

    /// The network's own section, without the node's defaults.
    pub fn network(&self) -> Option<&IpamSection> {
        self.network.as_ref().map(Layer::section)
    }

    /// For people to read: keys that nobody knows, or that do nothing where they stand, or that
    /// cannot be read.
    pub fn warnings(&self) -> Vec<String> {
        let broken = self.merged.broken().map(ToString::to_string);
        self.warnings
            .iter()
            .cloned()
            .chain(unused_keys(self.section()))
            .chain(broken)
            .collect()
    }

    /// Where etcd is, with the node's defaults.
    pub const fn etcd(&self) -> &EtcdAccess {
        &self.etcd
    }

    /// Where etcd is according to the network alone.
    pub fn network_etcd(&self) -> EtcdAccess {
        self.network().map(EtcdAccess::of).unwrap_or_default()
    }

    /// What the network and the node's file say together.
    pub const fn section(&self) -> &IpamSection {
        self.merged.section()
    }

    /// Whether the GC verb is to do nothing. Code 6 where that cannot be read.
    pub fn gc_is_disabled(&self) -> Result<bool, CniError> {
        Ok(self.section().gc_is_disabled() || self.gc.disabled()?)
    }

    /// The attachments that the runtime still wants. `None`: it did not say, so nothing may be
    /// released. Code 6 where the list cannot be read.
    pub fn valid_attachments(&self) -> Result<Option<Vec<ValidAttachment>>, CniError> {
        self.gc.valid_attachments()
    }

    /// The addresses of `prevResult`, as far as they can be read.
    pub fn previous_addresses(&self) -> &[Address] {
        &self.previous
    }

    /// Whether it is this plugin, whose file is called `binary`, that the network wants; else
    /// code 7. For ADD only: a DEL is done whoever calls.
    pub fn check_type(&self, binary: &str) -> Result<(), CniError> {
        let Some(section) = self.network() else {
            return Err(CniError::config(format!(
                "the network has no ipam section; give it one, such as \
                 {{\"type\": {binary:?}, \"range\": \"192.168.20.0/24\"}}"
            )));
        };
        match &section.r#type {
            Some(other) if other != binary => Err(CniError::config(format!(
                "ipam.type is {other:?}, and this is {binary:?}"
            ))),
            _ => Ok(()),
        }
    }

    /// The ranges of the network, each with its address space. Codes 6 and 7.
    pub fn ranges(&self) -> Result<Vec<PoolRange>, CniError> {
        Ok(self.pools()?.sets.into_iter().flatten().collect())
    }

    /// What an ADD is to claim, in the order of the answer: an address of every set of ranges, or
    /// the requested one, and then the fixed addresses. Codes 6, 7 and 102.
    pub fn claims(&self, args: &Args) -> Result<Vec<Claim>, CniError> {
        let asked = self.asked.as_ref().map_err(Clone::clone)?;
        let pools = self.pools()?;
        let fixed = fixed::read(self.section(), &pools)?;
        if pools.sets.is_empty() && fixed.is_empty() {
            return Err(CniError::config(
                "the network has neither ranges nor addresses; set ipam.range, such as \
                 \"192.168.20.0/24\", or ipam.ranges",
            ));
        }
        let requested = requested::read(&asked.runtime_ips, &asked.args_ips, &args.ips)?;
        let mut claims = requested::assign(pools, &requested)?;
        claims.extend(fixed.into_iter().map(Claim::Exact));
        requested::refuse_repeats(&claims)?;
        self.version.can_answer(&claims)?;
        Ok(claims)
    }

    /// The routes of the answer. Codes 6 and 7.
    pub fn routes(&self) -> Result<Vec<Route>, CniError> {
        answer::routes(self.readable()?)
    }

    /// The name resolution of the answer. Codes 6 and 7.
    pub fn dns(&self) -> Result<Dns, CniError> {
        answer::dns(self.readable()?)
    }

    fn pools(&self) -> Result<Pools, CniError> {
        let asked = self.asked.as_ref().map_err(Clone::clone)?;
        Ok(Pools::read(self.readable()?, &asked.ip_ranges)?)
    }

    /// The section, where every key of it can be read; else code 6. A DEL does not ask.
    pub fn readable(&self) -> Result<&IpamSection, CniError> {
        self.merged
            .broken()
            .map_or(Ok(self.section()), |error| Err(error.clone()))
    }
}

/// A text of the configuration; empty where it is absent.
fn text(object: &Object, key: &str) -> Result<String, CniError> {
    match object.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong_type(key, "a string", other)),
    }
}

fn wrong_type(key: &str, wanted: &str, value: &Value) -> CniError {
    CniError::decode(format!("{key} must be {wanted}, and it is {}", kind(value)))
}

fn unknown_keys(section: &IpamSection, place: &str) -> Vec<String> {
    let unknown = section.unknown.keys();
    unknown
        .map(|key| format!("{place}: the key {key:?} is unknown and ignored"))
        .collect()
}

/// Keys that narrow a range of the other spelling, or none: they do nothing, and whoever wrote them
/// may believe that they do.
fn unused_keys(section: &IpamSection) -> Vec<String> {
    let mut unused = Vec::new();
    let mut want = |key: &str, is_set: bool, owner: &str, has_owner: bool| {
        if is_set && !has_owner {
            unused.push(format!(
                "ipam: the key {key:?} does nothing without {owner:?}"
            ));
        }
    };
    let (range, subnet) = (section.range.is_some(), section.subnet.is_some());
    want("range_start", section.range_start.is_some(), "range", range);
    want("range_end", section.range_end.is_some(), "range", range);
    want("rangeStart", section.start.is_some(), "subnet", subnet);
    want("rangeEnd", section.end.is_some(), "subnet", subnet);
    want(
        "exclude",
        section.exclude.is_some(),
        "range",
        range || subnet,
    );
    unused
}

#[cfg(test)]
mod tests;

//! Networks and how full they are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use rand::RngExt as _;
use rand::rngs::StdRng;
use store::address::{Address, Network};
use store::claim::{Claim, PoolRange};
use store::names::Space;
use store::range::{Range, Span};

/// A network with some of its addresses taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// Names its address space too.
    pub(crate) name: &'static str,
    network: &'static str,
    length: u8,
    /// What is taken.
    pub(crate) taken: Taken,
}

/// Which addresses are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// None.
    Nothing,
    /// The lowest ones, this many, without a gap.
    FromTheBottom(u32),
    /// This many, anywhere.
    Anywhere(u32),
}

const fn slash_16(name: &'static str, taken: Taken) -> Scene {
    Scene {
        name,
        network: "10.16.0.0",
        length: 16,
        taken,
    }
}

const fn slash_8(name: &'static str, taken: Taken) -> Scene {
    Scene {
        name,
        network: "10.0.0.0",
        length: 8,
        taken,
    }
}

const fn slash_64(name: &'static str, taken: Taken) -> Scene {
    Scene {
        name,
        network: "fd00:64::",
        length: 64,
        taken,
    }
}

/// What is measured.
pub(crate) const SCENES: [Scene; 8] = [
    slash_16("/16, empty", Taken::Nothing),
    slash_16("/16, half full", Taken::Anywhere(32_767)),
    slash_16("/16, 99 % full", Taken::Anywhere(64_879)),
    slash_16("/16, lowest 60,000", Taken::FromTheBottom(60_000)),
    slash_8("/8, lowest 60,000", Taken::FromTheBottom(60_000)),
    slash_8("/8, any 60,000", Taken::Anywhere(60_000)),
    slash_64("/64, lowest 60,000", Taken::FromTheBottom(60_000)),
    slash_64("/64, any 60,000", Taken::Anywhere(60_000)),
];

impl Scene {
    /// Whether it is a network of the size that the promises are made for.
    pub(crate) const fn is_slash_16(&self) -> bool {
        self.length == 16
    }

    /// The space of its addresses.
    pub(crate) fn space(&self) -> Space {
        Space::Shared(self.name.to_owned())
    }

    /// Any free address of the whole network.
    pub(crate) fn claim(&self) -> Result<Claim> {
        let network = self.network()?;
        let range = Range::new(network, Span::from(network), None, Vec::new());
        Ok(Claim::Any(vec![PoolRange {
            space: self.space(),
            range,
        }]))
    }

    /// The address this far from the network's own.
    pub(crate) fn address(&self, offset: u64) -> Result<Address> {
        let address = self.network()?.first().checked_add(offset.into());
        address.context("an offset behind the network")
    }

    /// The offsets of what is taken, in order.
    pub(crate) fn offsets(&self, random: &mut StdRng) -> BTreeSet<u64> {
        match self.taken {
            Taken::Nothing => BTreeSet::new(),
            Taken::FromTheBottom(count) => (1..=count.into()).collect(),
            Taken::Anywhere(count) => {
                let mut offsets = BTreeSet::new();
                while offsets.len() < usize::try_from(count).unwrap_or(usize::MAX) {
                    offsets.insert(random.random_range(1..=self.usable()));
                }
                offsets
            }
        }
    }

    /// How many addresses lie between the network's own and the broadcast address.
    fn usable(&self) -> u64 {
        let bits = if self.network.contains(':') { 128 } else { 32 };
        (u64::MAX >> (64 - (bits - self.length))) - 1
    }

    fn network(&self) -> Result<Network> {
        let ip: IpAddr = self.network.parse()?;
        Network::new(ip.into(), self.length).context("no such network")
    }
}

//! Addresses that are taken before the measuring begins.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::etcd::EtcdServer;
use chaos_tests::layout::{Layout, holder};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::index;
use serde_json::{Value, json};

/// The network that all addresses are of, and how many usable ones it has.
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 0);
const PREFIX: u8 = 16;
const USABLE: u32 = 65_534;

/// A range of the network, with some of its addresses taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    last: u32,
    taken: BTreeSet<Ipv4Addr>,
}

impl Taken {
    /// A /16, its lowest so many addresses taken.
    pub(crate) fn lowest(count: u32) -> Self {
        Self {
            last: USABLE,
            taken: (1..=count).map(address).collect(),
        }
    }

    /// The first `size` addresses of the network, half of them taken, anywhere; all if it is `None`.
    pub(crate) fn half(size: Option<u32>) -> Result<Self> {
        let last = size.unwrap_or(USABLE);
        let mut random = StdRng::seed_from_u64(last.into());
        let size = usize::try_from(last)?;
        let drawn = index::sample(&mut random, size, size / 2).into_iter();
        let taken = drawn.map(|drawn| Ok(address(u32::try_from(drawn)? + 1)));
        Ok(Self {
            last,
            taken: taken.collect::<Result<_>>()?,
        })
    }

    /// The first `size` addresses of the network, none taken.
    pub(crate) const fn nothing_of(size: u32) -> Self {
        Self {
            last: size,
            taken: BTreeSet::new(),
        }
    }

    /// What is taken.
    pub(crate) const fn addresses(&self) -> &BTreeSet<Ipv4Addr> {
        &self.taken
    }

    /// The range, as host-local and we read it.
    pub(crate) fn range(&self) -> Value {
        json!({
            "subnet": format!("{NETWORK}/{PREFIX}"),
            "rangeStart": address(1),
            "rangeEnd": address(self.last),
            // host-local would keep the first address for a gateway.
            "gateway": address(USABLE),
        })
    }

    /// Takes them in etcd, in this address space.
    pub(crate) fn in_etcd(&self, etcd: &EtcdServer, space: &str) -> Result<()> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let layout = Layout::default();
        let entries = self.taken.iter().enumerate().map(|(number, ip)| {
            let holder = holder("worker-018.example.net", "lan", &format!("{number:064x}"));
            (layout.address(space, *ip), holder)
        });
        etcd.raw()?.put_all(entries)
    }

    /// Takes them as host-local does, in this directory of one network.
    pub(crate) fn in_files(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        for (number, ip) in self.taken.iter().enumerate() {
            let holder = format!("{number:064x}\r\neth0");
            std::fs::write(directory.join(ip.to_string()), holder)?;
        }
        // It goes on behind the one that it gave out last.
        if let Some(last) = self.taken.last() {
            std::fs::write(directory.join("last_reserved_ip.0"), last.to_string())?;
        }
        Ok(())
    }
}

fn address(offset: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(NETWORK.to_bits() + offset)
}

/// The IPv4 address of a result.
pub(crate) fn given(stdout: &str) -> Result<Ipv4Addr> {
    let addresses = chaos_tests::answer::addresses(&serde_json::from_str(stdout)?)?;
    let mut texts = addresses.iter().filter_map(|text| text.split('/').next());
    let found = texts.find_map(|text| text.parse().ok());
    found.context("a result without an IPv4 address")
}

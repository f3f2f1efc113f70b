//! Which records there are, and which addresses they claim: small enough for a million of them.

use std::collections::HashMap;
use std::net::IpAddr;

use store::address::Address;
use store::names::Space;

/// A record, as far as it is remembered.
pub(super) struct Known {
    /// Its attachment, as holders are named. They come in the order of these names.
    pub(super) name: Box<str>,
    pub(super) mod_revision: i64,
    /// The SHA-256 of its value.
    pub(super) digest: Box<str>,
    /// Whether it is known what it claims.
    pub(super) is_readable: bool,
}

/// A record's claim on an address.
#[derive(Clone, Copy)]
struct Claim {
    space: u32,
    /// Ordered as addresses are, and of half their size.
    ip: IpAddr,
    owner: u32,
    /// Whether the address's key was seen.
    met: bool,
}

/// All records and their claims.
#[derive(Default)]
pub(super) struct Claims {
    owners: Vec<Known>,
    spaces: Vec<Space>,
    numbers: HashMap<Space, u32>,
    /// Sorted by space, address and record.
    all: Vec<Claim>,
}

impl Claims {
    /// Adds the next record. They come in the order of their names.
    pub(super) fn add<'a>(
        &mut self,
        owner: Known,
        held: impl IntoIterator<Item = (&'a Space, Address)>,
    ) {
        let number = number(self.owners.len());
        self.owners.push(owner);
        for (space, address) in held {
            let space = self.number_of(space);
            self.all.push(Claim {
                space,
                ip: address.to_ip(),
                owner: number,
                met: false,
            });
        }
    }

    fn number_of(&mut self, space: &Space) -> u32 {
        if let Some(number) = self.numbers.get(space) {
            return *number;
        }
        let number = number(self.spaces.len());
        self.spaces.push(space.clone());
        self.numbers.insert(space.clone(), number);
        number
    }

    /// The last record was added.
    pub(super) fn complete(&mut self) {
        self.all
            .sort_unstable_by_key(|claim| (claim.space, claim.ip, claim.owner));
        self.all
            .dedup_by_key(|claim| (claim.space, claim.ip, claim.owner));
        self.owners.shrink_to_fit();
        self.all.shrink_to_fit();
    }

    /// The record of this name.
    pub(super) fn owner(&self, name: &str) -> Option<&Known> {
        let found = self
            .owners
            .binary_search_by(|known| (*known.name).cmp(name));
        self.owners.get(found.ok()?)
    }

    pub(super) fn owners(&self) -> &[Known] {
        &self.owners
    }

    /// Who claims an address. Its key was seen.
    pub(super) fn meet(&mut self, space: &Space, address: Address) -> Vec<&Known> {
        let Some(space) = self.numbers.get(space) else {
            return Vec::new();
        };
        let wanted = (*space, address.to_ip());
        let place = |claim: &Claim| (claim.space, claim.ip);
        let first = self.all.partition_point(|claim| place(claim) < wanted);
        let from_there = self.all.get_mut(first..).unwrap_or_default().iter_mut();
        let claims = from_there.take_while(|claim| place(claim) == wanted);
        let numbers: Vec<u32> = claims
            .map(|claim| {
                claim.met = true;
                claim.owner
            })
            .collect();
        numbers
            .into_iter()
            .filter_map(|owner| self.known(owner))
            .collect()
    }

    /// Whether a record claims an address.
    pub(super) fn is_claimed(&self, space: &Space, address: Address) -> bool {
        self.numbers.get(space).is_some_and(|space| {
            let wanted = (*space, address.to_ip());
            let found = self
                .all
                .binary_search_by_key(&wanted, |claim| (claim.space, claim.ip));
            found.is_ok()
        })
    }

    /// Every claimed address whose key was not seen, and who claims it.
    pub(super) fn unmet(&self) -> impl Iterator<Item = (&Space, Address, Vec<&Known>)> {
        let same = |one: &Claim, other: &Claim| (one.space, one.ip) == (other.space, other.ip);
        self.all.chunk_by(same).filter_map(|claims| {
            let first = claims.first().filter(|claim| !claim.met)?;
            let space = self.spaces.get(index(first.space))?;
            let claimants = claims.iter().filter_map(|claim| self.known(claim.owner));
            Some((space, first.ip.into(), claimants.collect()))
        })
    }

    fn known(&self, owner: u32) -> Option<&Known> {
        self.owners.get(index(owner))
    }
}

/// There are never more than this can say: they would not fit the memory.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

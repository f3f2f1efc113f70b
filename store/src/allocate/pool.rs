//! One claim on a pool: what is known of its free addresses.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt as _};

use super::Usage;
use super::chain::{Candidate, Expect};
use crate::address::Address;
use crate::claim::{Claim, PoolRange};
use crate::key::Keyspace;
use crate::range::{Range, Span};
use crate::record::HeldAddress;
use crate::txn::{Get, GetReply, View};

/// How many used keys a window shows. More than a /24 has, so that a /24 is seen whole.
pub(super) const WINDOW: i64 = 300;
/// After a miss, candidates are drawn among this many of the lowest free addresses, so that a crowd
/// does not march in step.
const CROWD: usize = 300;

/// A claim on any address of some ranges.
pub(super) struct Pool<'a> {
    pub(super) ranges: &'a [PoolRange],
    /// What the next transaction tries, in order of preference.
    pub(super) candidates: Vec<Candidate>,
    /// How full the pool was when it was last found full.
    pub(super) usage: Usage,
    window: Option<(&'a PoolRange, Span)>,
    /// How many keys the whole window had when it was last read.
    used: Option<u128>,
}

impl<'a> Pool<'a> {
    pub(super) fn of(claim: &'a Claim) -> Option<Self> {
        let Claim::Any(ranges) = claim else {
            return None;
        };
        let window = ranges.first().map(|range| (range, range.range.bounds()));
        Some(Self {
            ranges,
            candidates: Vec::new(),
            usage: Usage::default(),
            window,
            used: None,
        })
    }

    /// How many addresses the pool has.
    fn size(&self) -> u128 {
        self.ranges
            .iter()
            .fold(0, |sum, range| sum.saturating_add(range.range.size()))
    }

    /// Makes random addresses of the pool its candidates, without having seen anything.
    pub(super) fn guess(&mut self, count: usize, rng: &mut impl Rng) {
        let size = self.size();
        let mut offsets = BTreeSet::new();
        if size <= u128::try_from(count).unwrap_or(u128::MAX) {
            offsets.extend(0..size);
        } else {
            while offsets.len() < count {
                offsets.insert(rng.random_range(0..size));
            }
        }
        self.candidates = offsets
            .into_iter()
            .filter_map(|offset| self.nth(offset))
            .collect();
        self.candidates.shuffle(rng);
        // A total miss shows what is free behind one of them.
        let start = self
            .candidates
            .first()
            .map(|candidate| candidate.held.address);
        self.window = start.and_then(|start| {
            let range = self
                .ranges
                .iter()
                .find(|range| range.range.contains(start))?;
            let bounds = range.range.bounds();
            let whole = range.range.size() < u128::try_from(WINDOW).unwrap_or(0);
            let first = if whole { bounds.first() } else { start };
            Some((range, Span::new(first, bounds.last())?))
        });
    }

    fn nth(&self, mut offset: u128) -> Option<Candidate> {
        for range in self.ranges {
            for piece in range.range.pieces() {
                match piece.nth(offset) {
                    Some(address) => return Some(Candidate::free(range, address)),
                    None => offset -= piece.size(),
                }
            }
        }
        None
    }

    /// The read that shows which addresses of the window are used.
    pub(super) fn window(&self, keys: &Keyspace) -> Get {
        match self.window {
            Some((range, span)) => {
                Get::range(keys.addresses(&range.space, span), View::Keys, WINDOW)
            }
            // A pool of no range: a read of nothing, so that every claim has its answer.
            None => Get::range(keys.owners_of("", "", ""), View::Count, 1),
        }
    }

    /// Takes in the answer to [`Pool::window`]: the lowest free addresses are the candidates.
    pub(super) fn learn(&mut self, keys: &Keyspace, reply: &GetReply, most: usize) {
        let Some((range, span)) = self.window else {
            return;
        };
        self.candidates = free(keys, range, span, reply, most);
        self.used = u128::try_from(reply.count).ok();
    }

    /// Where in `range` the lowest `need` free addresses must lie, if the last window showed how
    /// many are used: of that many and `need` more, `need` are free.
    pub(super) fn lowest_free_within(&self, range: &PoolRange, need: usize) -> Option<Vec<Span>> {
        let (window, span) = self.window?;
        let seen = window == range && span == range.range.bounds();
        let need = u128::try_from(need).ok()?;
        let mut rest = self.used.filter(|_| seen)?.checked_add(need)?;
        let clip = |piece: &Span| {
            let last = piece.nth(rest.checked_sub(1)?).unwrap_or(piece.last());
            let clipped = Span::new(piece.first(), last)?;
            rest -= clipped.size();
            Some(clipped)
        };
        Some(range.range.pieces().iter().map_while(clip).collect())
    }

    /// The same after a miss: the candidates are drawn among the lowest few hundred.
    pub(super) fn learn_from_crowd(
        &mut self,
        keys: &Keyspace,
        reply: &GetReply,
        rng: &mut impl Rng,
    ) {
        self.learn(keys, reply, CROWD);
        self.candidates.shuffle(rng);
    }

    /// Takes in a block that a search has read.
    pub(super) fn add(
        &mut self,
        keys: &Keyspace,
        range: &'a PoolRange,
        block: Span,
        reply: &GetReply,
    ) {
        self.window = Some((range, block));
        self.candidates
            .extend(free(keys, range, block, reply, CROWD));
    }
}

/// The ranges, for people.
impl fmt::Display for Pool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ranges.len() == 1 {
            "the range "
        } else {
            "the set of ranges "
        })?;
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", range.range)?;
        }
        if let Some(range) = self.ranges.first() {
            write!(f, " (address space {})", range.space)?;
        }
        Ok(())
    }
}

impl Candidate {
    fn free(range: &PoolRange, address: Address) -> Self {
        Self {
            held: held(range, address),
            expect: Expect::Absent,
        }
    }
}

pub(super) fn held(range: &PoolRange, address: Address) -> HeldAddress {
    HeldAddress {
        space: range.space.clone(),
        address,
        prefix: range.range.network().length(),
        gateway: range.range.gateway(),
    }
}

/// The lowest `most` addresses of `range` within `span` that `reply` shows to be free. Where the
/// reply was cut off, nothing behind its last key is known.
fn free(
    keys: &Keyspace,
    range: &PoolRange,
    span: Span,
    reply: &GetReply,
    most: usize,
) -> Vec<Candidate> {
    let used: HashSet<&str> = reply
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let known = reply
        .entries
        .last()
        .filter(|_| reply.more)
        .map(|entry| entry.key.as_str());
    usable(&range.range, span)
        .map(|address| (address, keys.address(&range.space, address)))
        .take_while(|(_, key)| known.is_none_or(|last| key.as_str() <= last))
        .filter(|(_, key)| !used.contains(key.as_str()))
        .map(|(address, _)| Candidate::free(range, address))
        .take(most)
        .collect()
}

/// The addresses of a range that lie in `span`, in order.
fn usable(range: &Range, span: Span) -> impl Iterator<Item = Address> {
    let pieces = range.pieces().iter();
    pieces
        .filter_map(move |piece| piece.intersection(span))
        .flat_map(Span::addresses)
}

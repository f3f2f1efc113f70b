//! In which space an address lies, found among all registered ranges at once.

use std::collections::BTreeSet;

use store::address::Address;
use store::names::Space;
use store::range::Range;

/// All registered ranges, sorted so that an address is found in them quickly.
#[derive(Debug)]
pub struct Ranges {
    ranges: Vec<(Space, Range)>,
    /// Where the answer changes: from this address on, up to the next entry, it lies there.
    changes: Vec<(Address, Whose)>,
}

/// The answer for a stretch of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nobodys,
    /// The index of the first of the ranges, which are all of one space.
    One(usize),
    Several,
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In no range.
    Nowhere,
    /// In this range; where several of one space have it, the first of them.
    In(&'a Space, &'a Range),
    /// In ranges of several spaces.
    Ambiguous,
}

impl Ranges {
    /// Sorts the ranges. Where some of one space overlap, the earlier goes first.
    pub fn new(ranges: impl IntoIterator<Item = (Space, Range)>) -> Self {
        let ranges: Vec<_> = ranges.into_iter().collect();
        let mut ends = Vec::new();
        for (index, (_, range)) in ranges.iter().enumerate() {
            for piece in range.pieces() {
                ends.push((piece.first(), index, true));
                // No range has the last IPv4 address, and nothing follows the last IPv6 address.
                ends.extend(piece.last().checked_add(1).map(|end| (end, index, false)));
            }
        }
        ends.sort_unstable();
        let mut open = BTreeSet::new();
        let mut changes = Vec::new();
        for here in ends.chunk_by(|(one, ..), (other, ..)| one == other) {
            for (_, index, begins) in here {
                if *begins {
                    open.insert(*index);
                } else {
                    open.remove(index);
                }
            }
            changes.extend(
                here.first()
                    .map(|(from, ..)| (*from, whose(&ranges, &open))),
            );
        }
        Self { ranges, changes }
    }

    /// Where an address lies.
    pub fn place(&self, address: Address) -> Place<'_> {
        let after = self.changes.partition_point(|(from, _)| *from <= address);
        let change = after.checked_sub(1).and_then(|at| self.changes.get(at));
        match change.map(|(_, whose)| *whose) {
            None | Some(Whose::Nobodys) => Place::Nowhere,
            Some(Whose::Several) => Place::Ambiguous,
            Some(Whose::One(index)) => self
                .ranges
                .get(index)
                .map_or(Place::Nowhere, |(space, range)| Place::In(space, range)),
        }
    }
}

/// Whose an address is that lies in the `open` ranges.
fn whose(ranges: &[(Space, Range)], open: &BTreeSet<usize>) -> Whose {
    let mut spaces = open
        .iter()
        .filter_map(|index| ranges.get(*index))
        .map(|(space, _)| space);
    match (open.first(), spaces.next()) {
        (Some(first), Some(space)) if spaces.all(|other| other == space) => Whose::One(*first),
        (Some(_), _) => Whose::Several,
        (None, _) => Whose::Nobodys,
    }
}

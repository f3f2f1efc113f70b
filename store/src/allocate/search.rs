//! Finds free addresses in a range of any size and occupancy, in a bounded number of trips.
//!
//! Counts of blocks show where there is room, block by smaller block, until one is small enough to
//! read its keys. The counts only steer: what is free is decided by keys, and nothing is called
//! full before keys were read.

use rand::Rng;
use rand::seq::SliceRandom as _;

use super::chain::{Candidate, Expect};
use super::pool::{Pool, held};
use super::{AllocateError, Usage};
use crate::claim::{Order, PoolRange};
use crate::clock::Clock;
use crate::range::Span;
use crate::record::Holder;
use crate::retry::Deadline;
use crate::store::Store;
use crate::txn::{Etcd, Get, View};

/// A block of at most this many addresses is read instead of counted.
const READABLE: u128 = 2048;
/// How many blocks a range is cut into, and the size of the first. The following ones grow, so that
/// a range which is filled from its start is searched finely where its free end is likely to be.
const BLOCKS: usize = 96;
const FIRST_BLOCK: u128 = 512;
/// How many reads one transaction carries; etcd takes 128 operations.
const READS: usize = 100;
/// How many blocks with room are read at once when the first may not suffice.
const BLOCKS_READ: usize = 4;
/// A range whose counts say that it is full is read to be sure, up to this many keys, in pages.
const PAGE: i64 = 4096;
const PAGES: usize = 16;
/// How many addresses without an attachment are looked at in a full range.
const OTHERS: i64 = 500;

/// Fills the pool's candidates with at least `need` free addresses, or all there are.
///
/// # Errors
/// [`AllocateError::Exhausted`] if there is none, not even one whose rest or reservation is long
/// over.
pub(super) async fn find_room<E: Etcd, C: Clock>(
    store: &Store<E, C>,
    pool: &mut Pool<'_>,
    need: usize,
    order: Order,
    rng: &mut (impl Rng + Send),
    deadline: Deadline,
) -> Result<(), AllocateError> {
    pool.candidates.clear();
    let ranges = pool.ranges;
    for range in ranges {
        let whole = range.range.pieces();
        let narrow = pool
            .lowest_free_within(range, need)
            .filter(|narrow| narrow != whole);
        let narrow = narrow.filter(|_| order == Order::Lowest);
        // The whole of it only if others have been faster since that was known.
        for spans in narrow.into_iter().chain([whole.to_vec()]) {
            pool.candidates.clear();
            let blocks = blocks_with_room(store, range, spans, need, order, rng, deadline).await?;
            read_blocks(store, pool, range, &blocks, deadline).await?;
            if pool.candidates.len() >= need {
                break;
            }
        }
        // Smaller ones have been read whole by now.
        if pool.candidates.is_empty() && range.range.size() > READABLE {
            read_whole(store, pool, range, deadline).await?;
        }
        if pool.candidates.len() >= need {
            if order == Order::Spread {
                pool.candidates.shuffle(rng);
            }
            return Ok(());
        }
    }
    if pool.candidates.is_empty() {
        find_long_over(store, pool, deadline).await?;
    }
    if pool.candidates.is_empty() {
        return Err(AllocateError::Exhausted {
            pool: pool.to_string(),
            need: 1,
            usage: pool.usage,
        });
    }
    Ok(())
}

/// Readable blocks of some spans of the range that have room by their counts, in order of
/// preference.
async fn blocks_with_room<E: Etcd, C: Clock>(
    store: &Store<E, C>,
    range: &PoolRange,
    mut spans: Vec<Span>,
    need: usize,
    order: Order,
    rng: &mut (impl Rng + Send),
    deadline: Deadline,
) -> Result<Vec<Span>, AllocateError> {
    loop {
        let size = spans
            .iter()
            .fold(0_u128, |sum, span| sum.saturating_add(span.size()));
        let blocks = if size <= READABLE {
            spans
        } else {
            cut(&spans, size)
        };
        let mut roomy = with_room(store, range, &blocks, deadline).await?;
        if order == Order::Spread {
            roomy.shuffle(rng);
        }
        match roomy.first() {
            Some(block) if block.size() > READABLE => spans = vec![*block],
            _ => {
                roomy.retain(|block| block.size() <= READABLE);
                roomy.truncate(BLOCKS_READ.max(need));
                return Ok(roomy);
            }
        }
    }
}

/// Cuts spans into about [`BLOCKS`] blocks, each within one span, growing just fast enough.
fn cut(spans: &[Span], size: u128) -> Vec<Span> {
    let sizes = |growth: u128| {
        std::iter::successors(Some(FIRST_BLOCK), move |size| {
            Some(size.saturating_add(size.saturating_mul(growth) / 256))
        })
    };
    let reaches = |growth: &u128| {
        let reach = sizes(*growth).take(BLOCKS).fold(0, u128::saturating_add);
        reach >= size
    };
    // Doubling is more than enough for all of IPv6.
    let growth = (0..=512).find(reaches).unwrap_or(512);
    let mut next = sizes(growth);
    spans
        .iter()
        .flat_map(|span| {
            span.blocks(|| next.next().unwrap_or(u128::MAX))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Those of the blocks that hold fewer keys than addresses.
async fn with_room<E: Etcd, C: Clock>(
    store: &Store<E, C>,
    range: &PoolRange,
    blocks: &[Span],
    deadline: Deadline,
) -> Result<Vec<Span>, AllocateError> {
    let mut roomy = Vec::new();
    for some in blocks.chunks(READS) {
        let gets = some
            .iter()
            .map(|block| Get::range(store.keys.addresses(&range.space, *block), View::Count, 0));
        let (_, replies) = store.read(gets, deadline).await?;
        let counted = some.iter().zip(replies);
        let has_room = |count: i64, block: Span| u128::try_from(count).unwrap_or(0) < block.size();
        roomy.extend(
            counted
                .filter(|(block, reply)| has_room(reply.count, **block))
                .map(|(block, _)| *block),
        );
    }
    Ok(roomy)
}

/// Reads the keys of some small blocks and makes what is free in them candidates.
async fn read_blocks<'a, E: Etcd, C: Clock>(
    store: &Store<E, C>,
    pool: &mut Pool<'a>,
    range: &'a PoolRange,
    blocks: &[Span],
    deadline: Deadline,
) -> Result<(), AllocateError> {
    for some in blocks.chunks(READS) {
        let gets = some
            .iter()
            .map(|block| Get::range(store.keys.addresses(&range.space, *block), View::Keys, 0));
        let (_, replies) = store.read(gets, deadline).await?;
        for (block, reply) in some.iter().zip(replies) {
            pool.add(&store.keys, range, *block, &reply);
        }
    }
    Ok(())
}

/// Reads a range that counts say is full, page by page until something is free: a key that is not
/// an address of ours may have been counted.
async fn read_whole<'a, E: Etcd, C: Clock>(
    store: &Store<E, C>,
    pool: &mut Pool<'a>,
    range: &'a PoolRange,
    deadline: Deadline,
) -> Result<(), AllocateError> {
    for piece in range.range.pieces() {
        let mut stretch = store.keys.addresses(&range.space, *piece);
        for _ in 0..PAGES {
            let get = Get::range(stretch.clone(), View::Keys, PAGE);
            let (_, replies) = store.read([get], deadline).await?;
            let Some(reply) = replies.into_iter().next() else {
                break;
            };
            let last = reply.entries.last().map(|entry| entry.key.clone());
            // Only what lies behind the page before is known from this one.
            let start = store
                .keys
                .first_at_or_after(&range.space, *piece, &stretch.start);
            if let Some(span) = start.and_then(|start| Span::new(start, piece.last())) {
                pool.add(&store.keys, range, span, &reply);
            }
            match last {
                Some(last) if reply.more && pool.candidates.is_empty() => {
                    stretch = stretch.after(&last);
                }
                _ => break,
            }
        }
        if !pool.candidates.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Makes addresses candidates whose rest or reservation is long over, and counts what holds the
/// others of the pool.
pub(super) async fn find_long_over<E: Etcd, C: Clock>(
    store: &Store<E, C>,
    pool: &mut Pool<'_>,
    deadline: Deadline,
) -> Result<(), AllocateError> {
    let gets = pool.ranges.iter().map(|range| {
        let stretch = store.keys.addresses(&range.space, range.range.bounds());
        Get::range(stretch, View::GreatestValues, OTHERS)
    });
    let (_, replies) = store.read(gets, deadline).await?;
    let now = store.clock.wall();
    let mut usage = Usage::default();
    for (range, reply) in pool.ranges.iter().zip(replies) {
        let (mut resting, mut reserved) = (0_u128, 0_u128);
        // Attachments come last: once one is seen, so is everything else.
        let mut seen_all = !reply.more;
        let used = u128::try_from(reply.count)
            .unwrap_or(0)
            .min(range.range.size());
        for entry in reply.entries {
            let address = store
                .keys
                .parse_address(&entry.key)
                .map(|(_, address)| address);
            let Some(address) = address.filter(|address| range.range.contains(*address)) else {
                continue;
            };
            let holder = Holder::parse(&entry.value);
            match &holder {
                Ok(Holder::Attachment(_)) => seen_all = true,
                Ok(Holder::Cooldown(_)) => resting += 1,
                Ok(Holder::Reservation(_) | Holder::Quarantine(_)) | Err(_) => reserved += 1,
            }
            if holder.is_ok_and(|holder| holder.is_long_over(now)) {
                pool.candidates.push(Candidate {
                    held: held(range, address),
                    expect: Expect::LongOver(entry),
                });
            }
        }
        usage.at_least |= !seen_all;
        usage.resting += resting;
        usage.reserved += reserved;
        usage.allocated += used.saturating_sub(resting + reserved);
    }
    pool.usage = usage;
    Ok(())
}

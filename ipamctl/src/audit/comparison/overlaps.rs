//! Ranges that cannot both be right.

use store::record::RangeRecord;

/// Pairs of ranges of one space, by their places, that overlap and differ in prefix or gateway. Of
/// many that overlap each other not all pairs are named, but each of them in one.
pub(super) fn overlaps(ranges: &[&RangeRecord]) -> Vec<(usize, usize)> {
    let mut sorted: Vec<_> = ranges.iter().enumerate().collect();
    sorted.sort_by_key(|(place, range)| (range.bounds, *place));
    let mut found = Vec::new();
    // Of those before, the one that reaches furthest.
    let mut furthest: Option<(usize, &RangeRecord)> = None;
    for (place, range) in sorted {
        if let Some((other, before)) = furthest
            && before.bounds.last() >= range.bounds.first()
            && before.bounds.first().family() == range.bounds.first().family()
            && (before.prefix, before.gateway) != (range.prefix, range.gateway)
        {
            found.push((other, place));
        }
        if furthest.is_none_or(|(_, before)| before.bounds.last() <= range.bounds.last()) {
            furthest = Some((place, range));
        }
    }
    found
}

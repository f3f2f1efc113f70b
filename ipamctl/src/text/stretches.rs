//! Many addresses in few words.

use store::address::Address;
use store::range::Span;

/// Sorted addresses as stretches: `192.168.20.50-192.168.20.59`, and alone where nothing adjoins.
pub fn stretches(addresses: &[Address]) -> Vec<String> {
    let adjoin = |one: &Address, next: &Address| one.checked_add(1) == Some(*next);
    let spans = addresses.chunk_by(adjoin).filter_map(|stretch| {
        let (first, last) = (stretch.first()?, stretch.last()?);
        Span::new(*first, *last)
    });
    spans.map(|span| span.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adjoins_is_one_stretch() {
        let addresses = [
            "10.0.0.1",
            "10.0.0.2",
            "10.0.0.4",
            "255.255.255.255",
            "::",
            "::1",
        ];
        let addresses = addresses.map(|text| text.parse().unwrap());
        let expected = ["10.0.0.1-10.0.0.2", "10.0.0.4", "255.255.255.255", "::-::1"];
        assert_eq!(stretches(&addresses), expected);
        assert!(stretches(&[]).is_empty());
    }
}

//! A part of a whole.

/// How many hundredths of `whole` are `part`, rounded so that only nothing is `0%` and only
/// everything is `100%`: a range with one address left is not full. `None` of nothing.
pub fn share(part: u128, whole: u128) -> Option<String> {
    if whole == 0 {
        return None;
    }
    // Where the product overflows, a hundredth of the whole is many addresses, and exact enough.
    let percent = part
        .checked_mul(100)
        .map_or_else(|| part / (whole / 100), |product| product / whole);
    Some(match percent {
        0 if part > 0 => "<1%".to_owned(),
        100.. if part < whole => "99%".to_owned(),
        percent => format!("{percent}%"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nothing_is_0_and_only_everything_is_100_percent() {
        for (part, whole, text) in [
            (0, 91, "0%"),
            (1, 254, "<1%"),
            (46, 91, "50%"),
            (90, 91, "98%"),
            (999, 1000, "99%"),
            (91, 91, "100%"),
            (1, u128::MAX, "<1%"),
            (u128::MAX / 2, u128::MAX, "50%"),
            (u128::MAX - 1, u128::MAX, "99%"),
            (u128::MAX, u128::MAX, "100%"),
        ] {
            assert_eq!(share(part, whole).as_deref(), Some(text));
        }
        assert_eq!(share(0, 0), None);
    }
}

//! Sizes.

/// How many of a smaller unit make the next larger one.
const STEP: u64 = 1024;
const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// A size in the largest unit of which it is at least one, with a decimal below ten: `20.0 KiB`,
/// `512 MiB`.
pub fn bytes(size: u64) -> String {
    let (mut unit, mut one) = ("B", 1);
    for next in UNITS {
        if size / one < STEP {
            break;
        }
        (unit, one) = (next, one * STEP);
    }
    let whole = size / one;
    if one == 1 || whole >= 10 {
        return format!("{whole} {unit}");
    }
    let tenth = size % one * 10 / one;
    format!("{whole}.{tenth} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits_and_a_unit() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (20_480, "20 KiB"),
            (2 << 30, "2.0 GiB"),
            ((8 << 30) + (1 << 29), "8.5 GiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }
}

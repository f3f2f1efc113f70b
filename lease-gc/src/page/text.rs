//! Texts that may have been written by anybody, and numbers that may be of any size.

use std::fmt::{self, Display, Write as _};

/// `text` as HTML shows it: no character of it is markup, in an element or a quoted attribute, and
/// none turns the reading order.
pub(super) const fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// See [`escaped`].
pub(super) struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                hidden if is_hidden(hidden) => write!(f, "{}", hidden.escape_default())?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Control characters (C0, C1) and the bidirectional formatting characters (Unicode Standard
/// Annex 9, section 2).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A count as people read it: in groups of three digits, or, from ten million on, rounded.
pub(super) fn count(count: u128) -> String {
    let digits = count.to_string();
    if count >= 10_000_000 {
        let (first, rest) = digits.split_at(1);
        let tenths: String = rest.chars().take(1).collect();
        return format!("{first}.{tenths} × 10<sup>{}</sup>", rest.len());
    }
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `part` in hundredths of a per cent of `whole`; 0 of nothing.
pub(super) fn basis_points(part: u128, whole: u128) -> u128 {
    const ALL: u128 = 10_000;
    match part.checked_mul(ALL) {
        Some(product) => product.checked_div(whole).unwrap_or_default(),
        // The whole is then so large that a ten thousandth of it is exact enough.
        None => part.checked_div(whole / ALL).unwrap_or_default().min(ALL),
    }
}

/// `part` of `whole` in per cent, rounded so that only nothing is 0 % and only all is 100 %.
pub(super) fn percent(part: u128, whole: u128) -> String {
    match basis_points(part, whole) / 100 {
        0 if part > 0 => "&lt;1 %".to_owned(),
        100.. if part < whole => "99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_of_any_size_can_be_read() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1\u{202f}000"),
            (9_999_999, "9\u{202f}999\u{202f}999"),
            (10_000_000, "1.0 × 10<sup>7</sup>"),
            (1 << 64, "1.8 × 10<sup>19</sup>"),
            (u128::MAX, "3.4 × 10<sup>38</sup>"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn only_nothing_is_0_and_only_all_is_100_per_cent() {
        for (part, whole, text) in [
            (0, 91, "0 %"),
            (0, 0, "0 %"),
            (1, 254, "&lt;1 %"),
            (46, 91, "50 %"),
            (999, 1000, "99 %"),
            (91, 91, "100 %"),
            (u128::MAX / 2, u128::MAX, "50 %"),
            (u128::MAX - 1, u128::MAX, "99 %"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn what_turns_the_reading_order_is_shown_as_an_escape() {
        assert_eq!(escaped("a\u{202e}b\0").to_string(), "a\\u{202e}b\\u{0}");
    }

    proptest! {
        #[test]
        fn no_text_is_markup(text: String) {
            let html = escaped(&text).to_string();
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            let back = html
                .replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                .replace("&#39;", "'").replace("&amp;", "&");
            if !text.chars().any(is_hidden) {
                prop_assert_eq!(back, text);
            }
        }

        #[test]
        fn a_share_is_at_most_the_whole(part: u128, more: u128) {
            let whole = part.saturating_add(more);
            prop_assert!(basis_points(part, whole) <= 10_000);
        }
    }
}

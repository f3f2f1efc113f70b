//! What comes out of etcd may have been written by anybody, and is printed on a terminal.

use std::borrow::Cow;

/// The text without what would steer a terminal or turn its reading order: such characters are
/// written as escapes.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| {
        if steers(character) {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Control characters (C0, C1) and the bidirectional formatting characters (Unicode Standard
/// Annex 9, section 2).
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The first `length` characters of a name that is long and random.
pub fn shortened(name: &str, length: usize) -> String {
    name.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_are_and_escapes_are_shown() {
        for (text, shown) in [
            ("web-0", "web-0"),
            ("größe", "größe"),
            ("a\tb\r\n", "a\\tb\\r\\n"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn a_shortened_name_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 2), "äö");
        assert_eq!(shortened("a", 12), "a");
    }
}

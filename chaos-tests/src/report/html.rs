//! Text in a page.

use std::fmt::{self, Write as _};

/// Text that stands for itself, between tags and in attributes.
pub(super) fn escape(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// See [`escape`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                // What no page may contain.
                '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' => {
                    out.write_char('\u{fffd}')?;
                }
                _ => out.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Milliseconds, as seconds for people.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// The beginning of a text that may be long.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Says how many were left out, if any were.
pub(super) fn left_out(page: &mut String, all: usize, most: usize, what: &str) {
    if all > most {
        let _ = writeln!(page, "<p>{} more {what} are left out.</p>", all - most);
    }
}

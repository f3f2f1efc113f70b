//! Many short texts in one block of memory.

use std::collections::HashMap;

/// Texts, each known by where it stands.
///
/// A hundred thousand small allocations that outlive the pages they came from would hold on to
/// several times their size.
#[derive(Debug, Default)]
pub struct Texts {
    all: String,
    shared: HashMap<String, Span>,
}

/// Where a text stands: 4 GiB are the names and uids of fifty million pods.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Texts {
    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.all.reserve(bytes);
    }

    /// Adds a text that no other is likely to be equal to.
    pub fn add(&mut self, text: &str) -> Span {
        let start = place(self.all.len());
        self.all.push_str(text);
        Span {
            start,
            end: place(self.all.len()),
        }
    }

    /// Adds a text that many others are equal to: it is kept once.
    pub fn add_shared(&mut self, text: String) -> Span {
        if let Some(known) = self.shared.get(&text) {
            return *known;
        }
        let span = self.add(&text);
        self.shared.insert(text, span);
        span
    }

    /// Gives back what is only needed to add more.
    pub fn complete(&mut self) {
        self.shared = HashMap::new();
        self.all.shrink_to_fit();
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.all.capacity()
    }

    /// The text that stands there.
    pub fn get(&self, span: Span) -> &str {
        let place = index(span.start)..index(span.end);
        self.all.get(place).unwrap_or_default()
    }
}

/// A place in a list of at most 4 Gi elements, at half its size.
pub fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The index that a [`place`] stands for.
pub fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

//! How much is measured.

/// Enough to mean something, or only enough to see that it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    quick: bool,
}

impl Effort {
    /// As asked for.
    pub(crate) const fn new(quick: bool) -> Self {
        Self { quick }
    }

    /// `full` of something, or so much of it as shows that it works.
    pub(crate) fn choose<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

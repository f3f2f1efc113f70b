//! How far something is that takes a while.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is drawn at most (a second).
const DRAWS: u8 = 10;

/// A bar on standard error, if that is a terminal. It is gone when this is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn shown(things: &'static str, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS);
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{wide_bar} {human_pos} of {human_len} {msg}, {eta} left",
            None => "{human_pos} {msg}, {elapsed}",
        };
        // A template that cannot be read would leave the usual one.
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar.with_message(things))
    }

    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many more are done.
    pub fn advance(&self, count: usize) {
        self.0.inc(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

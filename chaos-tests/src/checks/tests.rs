//! For every checker a history that it accepts, and one for every way in which it can refuse.

pub(crate) mod story;

mod collectors;
mod log;
mod plugin;
mod run;

use self::story::Story;
use super::{CHECKS, Finish, check};
use crate::history::History;

/// The checkers that find something, each once and in their order.
fn found(history: &History) -> Vec<&'static str> {
    let verdict = check(history);
    let mut names: Vec<_> = verdict.violations.iter().map(|one| one.check).collect();
    names.dedup();
    names
}

#[track_caller]
fn assert_passes(history: &History) {
    let verdict = check(history);
    assert_eq!(verdict.finish, Finish::Passed, "{verdict:#?}");
}

/// The run fails, by this checker and no other.
#[track_caller]
fn assert_found(story: &mut Story, check: &str) {
    let history = story.end();
    assert_eq!(found(history), [check], "{:#?}", super::check(history));
}

#[test]
fn a_quiet_run_passes() {
    assert_passes(Story::new().end());
    assert_passes(Story::of("real").end());
}

#[test]
fn the_documentation_names_every_checker() {
    let page = include_str!("../../../docs/chaos.md");
    for check in CHECKS {
        let row = format!("| `{}` | {} |", check.name, check.promise);
        assert!(page.contains(&row), "docs/chaos.md lacks: {row}");
    }
}

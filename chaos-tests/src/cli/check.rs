//! Judges a run, and writes down what the judges say.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Conclusion, say};
use crate::checks;
use crate::history::History;
use crate::report;

/// So many broken promises are told of; all are in the verdict.
const TOLD: usize = 10;

/// Judges a history in a file; the verdict and the report go beside it.
pub(super) fn run(file: &Path) -> Result<Conclusion> {
    let history = read(file)?;
    let directory = file.parent().context("a file is in a directory")?;
    judge(&history, directory)
}

/// Reads a history.
pub(super) fn read(file: &Path) -> Result<History> {
    let input = File::open(file).with_context(|| file.display().to_string())?;
    History::read(BufReader::new(input))
}

/// Judges a history; the verdict and the report go into the directory.
pub(super) fn judge(history: &History, directory: &Path) -> Result<Conclusion> {
    let verdict = checks::check(history);
    let path = directory.join("verdict.json");
    fs::write(&path, serde_json::to_vec_pretty(&verdict)?)
        .with_context(|| path.display().to_string())?;
    let page = directory.join("report.html");
    fs::write(&page, report::render(history, &verdict))?;
    for violation in verdict.violations.iter().take(TOLD) {
        let (check, what, at) = (violation.check, &violation.what, violation.at);
        say(&format!("  {check}, at {at} ms: {what}"));
    }
    let untold = verdict.violations.len().saturating_sub(TOLD) + verdict.more;
    if untold > 0 {
        say(&format!("  and {untold} more"));
    }
    for reason in &verdict.void {
        say(&format!("  void: {reason}"));
    }
    say(&format!(
        "{} events, {} acknowledged calls: {}",
        history.events.len(),
        verdict.acknowledged(),
        page.display()
    ));
    Ok(verdict.finish.into())
}

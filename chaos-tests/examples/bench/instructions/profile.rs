//! What callgrind wrote down of one run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The instructions of one run.
pub(super) struct Profile {
    total: u64,
    /// Functions and their share (%), callees included, the greatest first.
    functions: Vec<(String, f64)>,
}

impl Profile {
    /// Reads a file of callgrind's.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)?;
        let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
        let total = total.context("no summary")?.trim().parse()?;
        let output = Command::new("callgrind_annotate")
            .args(["--inclusive=yes", "--auto=no"])
            .arg(file)
            .output()?;
        ensure!(output.status.success(), "callgrind_annotate: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut functions: Vec<(String, f64)> = Vec::new();
        for (name, share) in text.lines().filter_map(function) {
            if functions.iter().all(|(known, _)| *known != name) {
                functions.push((name, share));
            }
        }
        Ok(Self { total, functions })
    }

    /// All instructions.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The same in millions.
    pub(super) fn millions(&self) -> String {
        format!(
            "{}.{:03}",
            self.total / 1_000_000,
            self.total / 1_000 % 1_000
        )
    }

    /// The functions and their share (%), callees included, the greatest first.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&str, f64)> {
        let functions = self.functions.iter();
        functions.map(|(name, share)| (name.as_str(), *share))
    }
}

/// Reads a line such as `8,410 (18.84%)  src/main.rs:store::f::h0123456789abcdef [/bin/plugin]`.
/// A recursive function stands there once more for what it calls of itself.
fn function(line: &str) -> Option<(String, f64)> {
    let (_, rest) = line.split_once('(')?;
    let (share, rest) = rest.split_once("%)")?;
    let name = rest.split(" [").next()?.trim();
    let (_, name) = name.split_once(':')?;
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 => name,
        _ => name,
    };
    let is_again = name.ends_with("'2");
    (!is_again).then_some(())?;
    Some((name.to_owned(), share.trim().parse().ok()?))
}

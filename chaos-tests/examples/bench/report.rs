//! What a run says: tables at once, then the targets; JSON and plots in files.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::plot::Plot;
use crate::stats::{Figure, Times};
use crate::table::Table;
use crate::target::{Asked, Target};

/// What was measured so far.
pub(crate) struct Report {
    machine: String,
    tables: Vec<Value>,
    times: Vec<Value>,
    targets: Vec<Target>,
    skipped: Vec<String>,
    plots: Vec<(&'static str, Plot)>,
    failures: usize,
    duplicates: usize,
}

impl Report {
    /// Of this machine.
    pub(crate) fn new(machine: String) -> Self {
        println!("{machine}");
        Self {
            machine,
            tables: Vec::new(),
            times: Vec::new(),
            targets: Vec::new(),
            skipped: Vec::new(),
            plots: Vec::new(),
            failures: 0,
            duplicates: 0,
        }
    }

    /// Prints a table below a title, and a note below it.
    pub(crate) fn table(&mut self, title: &str, table: &Table, note: &str) {
        println!("\n### {title}\n\n{table}\n{note}");
        let mut value = table.to_json();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("title".to_owned(), title.into());
            fields.insert("note".to_owned(), note.into());
        }
        self.tables.push(value);
    }

    /// Times, for programs.
    pub(crate) fn times(&mut self, topic: &str, what: &str, verb: &str, times: &Times) {
        let ms = |percent| times.percentile(percent).as_secs_f64() * 1000.0;
        self.times.push(json!({
            "topic": topic, "what": what, "verb": verb, "count": times.count(),
            "median_ms": ms(50), "p99_ms": ms(99), "slowest_ms": ms(100),
        }));
    }

    /// A ratio that is asked for.
    pub(crate) fn ratio(&mut self, what: &str, asked: Asked, measured: Figure) {
        self.target(what, asked, measured, "");
    }

    /// Anything that is asked for, in this unit.
    pub(crate) fn target(
        &mut self,
        what: &str,
        asked: Asked,
        measured: Figure,
        unit: &'static str,
    ) {
        self.targets.push(Target {
            what: what.to_owned(),
            asked,
            measured,
            unit,
        });
    }

    /// What cannot be measured here, and why.
    pub(crate) fn skip(&mut self, what: &str, reason: &str) {
        println!("\nskipped: {what}: {reason}");
        self.skipped.push(format!("{what}: {reason}"));
    }

    /// A picture, which is to be called this.
    pub(crate) fn plot(&mut self, name: &'static str, plot: Plot) {
        self.plots.push((name, plot));
    }

    /// What our plugin did wrong: calls that failed, addresses that were given out twice.
    pub(crate) const fn wrong(&mut self, failures: usize, duplicates: usize) {
        self.failures += failures;
        self.duplicates += duplicates;
    }

    /// Whether it did nothing wrong.
    pub(crate) const fn is_clean(&self) -> bool {
        self.failures == 0 && self.duplicates == 0
    }

    /// Prints the targets.
    pub(crate) fn conclude(&self, load: &str) {
        if !self.targets.is_empty() {
            let mut table = Table::new(["target", "asked", "measured", "spread", "met"]);
            for target in &self.targets {
                table.row(&target.cells());
            }
            println!(
                "\n### Targets\n\n{table}\nRatios of medians. The spread is the least and the \
                 greatest of the same ratio in parts of the run."
            );
        }
        let Self {
            failures,
            duplicates,
            ..
        } = self;
        println!("\n{failures} failures, {duplicates} duplicates");
        println!("load average at the end: {load}");
    }

    /// Writes the JSON and the plots into a directory.
    pub(crate) fn write(&self, out: &Path) -> Result<()> {
        let cannot = || format!("{} cannot be written to", out.display());
        std::fs::create_dir_all(out).with_context(cannot)?;
        let text = serde_json::to_string_pretty(&self.to_json())?;
        std::fs::write(out.join("bench.json"), text).with_context(cannot)?;
        for (name, plot) in &self.plots {
            let file = out.join(format!("{name}.svg"));
            std::fs::write(file, plot.to_string()).with_context(cannot)?;
        }
        println!("\n{}", out.join("bench.json").display());
        Ok(())
    }

    /// Everything, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let target = |target: &Target| {
            json!({
                "what": target.what,
                "asked": target.asked.to_string(),
                "measured": target.measured.value,
                "spread": target.measured.spread,
                "unit": target.unit,
                "met": target.is_met(),
            })
        };
        json!({
            "machine": self.machine,
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "failures": self.failures,
            "duplicates": self.duplicates,
            "skipped": self.skipped,
            "times": self.times,
            "tables": self.tables,
        })
    }
}

//! The planted bugs: does the simulation find each of them?

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::{Conclusion, say};
use crate::mutants::Mutant;
use crate::simulation::campaign::Campaign;

/// What is run.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// So many seeds at most for each
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// For so long at most for each
    #[arg(long, default_value_t = 120)]
    seconds: u64,
}

/// Runs seeds with one bug after the other until it is found, and says at which seed and by which checkers.
pub(super) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let mut conclusion = Conclusion::Passed;
    for mutant in Mutant::ALL {
        let campaign = Campaign {
            first: 0,
            most: arguments.seeds,
            time: Duration::from_secs(arguments.seconds),
            mutant: Some(*mutant),
            until_failure: true,
        };
        let summary = campaign.run()?;
        let name = mutant.name();
        if let Some((seed, verdict)) = summary.failed.first_key_value() {
            let checks: BTreeSet<_> = verdict.violations.iter().map(|one| one.check).collect();
            let checks: Vec<_> = checks.into_iter().collect();
            say(&format!("{name}: seed {seed}: {}", checks.join(", ")));
        } else {
            say(&format!("{name}: SURVIVES {} seeds", summary.seeds));
            conclusion = Conclusion::Failed;
        }
    }
    Ok(conclusion)
}

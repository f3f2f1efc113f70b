//! A few seeds of the simulation, and planted bugs that it must find. `chaos simulate` and `chaos mutants` run many.

use std::time::Duration;

use chaos_tests::checks::{self, CHECKS, Finish};
use chaos_tests::mutants::Mutant;
use chaos_tests::simulation::campaign::Campaign;
use chaos_tests::simulation::run::run;

#[test]
fn the_promises_are_kept() {
    for seed in 0..6 {
        let simulated = run(seed, None).unwrap();
        let verdict = checks::check(&simulated.history);
        assert_eq!(verdict.finish, Finish::Passed, "seed {seed}: {verdict:#?}");
        assert!(verdict.acknowledged() > 20);
    }
}

#[test]
fn a_seed_does_the_same_again_to_the_byte() {
    let lines = |seed| {
        let mut lines = Vec::new();
        run(seed, None).unwrap().history.write(&mut lines).unwrap();
        lines
    };
    for seed in [1, 20] {
        assert!(lines(seed) == lines(seed), "seed {seed}");
    }
    assert!(lines(1) != lines(2));
}

/// A planted bug whose documented seed is smaller is common enough to be looked for in every run of the tests;
/// `chaos mutants` looks for all.
const COMMON: u64 = 30;

/// What no planted bug has tripped here; `docs/chaos.md` says why.
const UNTRIPPED: [&str; 1] = ["probes"];

#[test]
fn the_documented_bugs_are_those_that_can_be_planted() {
    let documented = documented();
    let names: Vec<_> = documented.iter().map(|row| row.name.as_str()).collect();
    let planted: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
    assert_eq!(names, planted);
    for row in &documented {
        let known = |check: &&String| CHECKS.iter().any(|known| known.name == check.as_str());
        assert!(row.checks.iter().all(|check| known(&check)), "{row:?}");
        assert!(!row.checks.is_empty() || row.seed.is_none(), "{row:?}");
    }
    for check in CHECKS {
        let mut finders = documented.iter().flat_map(|row| &row.checks);
        let is_tripped = finders.any(|one| one == check.name);
        assert!(
            is_tripped != UNTRIPPED.contains(&check.name),
            "{}",
            check.name
        );
    }
}

#[test]
fn common_planted_bugs_are_found() {
    for row in documented() {
        if row.seed.is_none_or(|seed| seed >= COMMON) {
            continue;
        }
        let campaign = Campaign {
            first: 0,
            most: 4 * COMMON,
            time: Duration::from_mins(5),
            mutant: Some(row.name.parse().unwrap()),
            until_failure: true,
        };
        let summary = campaign.run().unwrap();
        let verdicts = summary.failed.values();
        let found = verdicts.flat_map(|verdict| &verdict.violations);
        assert!(found.count() > 0, "{} survives", row.name);
    }
}

/// A planted bug as `docs/chaos.md` has it.
#[derive(Debug)]
struct Documented {
    name: String,
    checks: Vec<String>,
    seed: Option<u64>,
}

fn documented() -> Vec<Documented> {
    let page = include_str!("../../docs/chaos.md");
    let header = "| planted bug | what is wrong | found by | at seed |";
    let rows = page.lines().skip_while(|line| *line != header).skip(2);
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let quoted = |cell: &str| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let [_, name, _, checks, seed, _] = cells[..] else {
            return None;
        };
        let name: Vec<String> = quoted(name);
        Some(Documented {
            name: name.concat(),
            checks: quoted(checks),
            seed: seed.parse().ok(),
        })
    };
    rows.take_while(|line| line.starts_with('|'))
        .filter_map(row)
        .collect()
}

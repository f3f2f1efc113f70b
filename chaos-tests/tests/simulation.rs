//! A few seeds of the simulation, and planted bugs that it must find. `chaos simulate` runs many.

use std::time::Duration;

use chaos_tests::checks::{self, Finish};
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

#[test]
fn planted_bugs_are_found() {
    for mutant in [
        Mutant::BlindPut,
        Mutant::OwnRecordIgnored,
        Mutant::TornPair,
        Mutant::NoRest,
        Mutant::RestNotCompared,
        Mutant::SealIgnored,
        Mutant::StaleReads,
        Mutant::GcOfAllNodes,
        Mutant::ReleaseByPodName,
        Mutant::SpoolNeverCleared,
        Mutant::BootForgotten,
        Mutant::NoGrace,
    ] {
        let campaign = Campaign {
            first: 0,
            most: 40,
            time: Duration::from_mins(2),
            mutant: Some(mutant),
            until_failure: true,
        };
        let summary = campaign.run().unwrap();
        assert!(!summary.failed.is_empty(), "{} survives", mutant.name());
    }
}

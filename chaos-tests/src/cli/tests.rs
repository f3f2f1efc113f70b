//! What is printed to be typed in again is understood.

use clap::Parser as _;

use super::{Cli, Command, real};
use crate::checks;
use crate::history::{Event, History, Run, What};
use crate::mutants::Mutant;
use crate::real::plan::Plan;
use crate::real::planted::RECIPES;
use crate::report;

fn parse(words: &str) -> Command {
    let parsed = Cli::try_parse_from(words.split_whitespace());
    parsed
        .unwrap_or_else(|error| panic!("{words}: {error}"))
        .command
}

/// How the report of a run says that it is run again.
fn again(leg: &str, mutant: Option<Mutant>) -> String {
    let run = Run {
        leg: leg.to_owned(),
        seed: 7,
        mutant: mutant.map(|mutant| mutant.name().to_owned()),
        ..Run::default()
    };
    let history = History {
        events: vec![Event {
            at: 0,
            what: What::Run(run),
        }],
    };
    let page = report::render(&history, &checks::check(&history));
    let (_, rest) = page.split_once("again <code>").unwrap();
    let (command, _) = rest.split_once("</code>").unwrap();
    command.to_owned()
}

#[test]
fn the_command_in_a_report_is_one_that_there_is() {
    let real = again("real", None);
    assert!(matches!(parse(&real), Command::Replay { seed, .. } if seed == "real:7"));
    let real = again("real", Some(Mutant::NoRest));
    assert!(matches!(parse(&real), Command::Replay { seed, .. } if seed == "real:7"));
    let simulated = again("simulation", None);
    assert!(matches!(parse(&simulated), Command::Replay { seed, .. } if seed == "7"));
    let simulated = again("simulation", Some(Mutant::NoRest));
    assert!(matches!(parse(&simulated), Command::Simulate(_)));
}

#[test]
fn what_a_run_is_repeated_with_says_all_that_it_was_called_with() {
    let given = "chaos real --seed 7 --faults leader_killed+plugin_killed,compaction --workload idle \
                 --mutant no_rest --mixed --seconds 9 --hold 2 --results elsewhere";
    let Command::Real(arguments) = parse(given) else {
        panic!("another command");
    };
    let words = arguments.words().unwrap();
    assert_eq!(words.first().map(String::as_str), Some("real"));
    let Command::Real(again) = parse(&format!("chaos {}", words.join(" "))) else {
        panic!("another command");
    };
    assert_eq!(format!("{again:?}"), format!("{arguments:?}"));
}

#[test]
fn everything_that_finds_a_planted_bug_is_there() {
    for recipe in RECIPES {
        let plan = Plan::named(recipe.workload).expect("a workload");
        let faults = recipe.faults.join(",");
        let Command::Real(arguments) = parse(&format!("chaos real --seed 1 --faults {faults}"))
        else {
            panic!("another command");
        };
        assert_eq!(real::schedule(&arguments, 1, &plan).unwrap(), recipe.faults);
    }
}

#[test]
fn a_schedule_follows_from_its_seed_and_its_workload() {
    let schedule = |workload: &str, seed: u64| {
        let Command::Real(arguments) = parse("chaos real --seconds 300") else {
            panic!("another command");
        };
        let plan = Plan::named(workload).expect("a workload");
        real::schedule(&arguments, seed, &plan).unwrap()
    };
    assert_eq!(schedule("churn", 1), schedule("churn", 1));
    assert_ne!(schedule("churn", 1), schedule("churn", 2));
    let of_seeds: Vec<_> = (0..20).flat_map(|seed| schedule("churn", seed)).collect();
    assert!(of_seeds.iter().any(|kinds| kinds.contains('+')));
    assert_eq!(
        schedule("idle", 1)[0].split('+').next(),
        Some("snapshot_restored")
    );
    let burst: Vec<_> = (0..20).flat_map(|seed| schedule("burst", seed)).collect();
    assert!(!burst.iter().any(|kinds| kinds.contains("pod_")));
    let short: Vec<_> = (0..20)
        .flat_map(|seed| schedule("hand_over", seed))
        .collect();
    assert!(!short.iter().any(|kinds| kinds.contains("node_not_ready")));
}

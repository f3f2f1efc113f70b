//! What is printed to be typed in again is understood.

use clap::Parser as _;

use super::{Cli, Command};
use crate::checks;
use crate::history::{Event, History, Run, What};
use crate::mutants::Mutant;
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
                 --mutant no_rest --seconds 9 --hold 2 --results elsewhere";
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

//! The numbers of `docs/performance.md`, measured on this machine, as Markdown tables.
//!
//! `make measure` builds and finds what it needs. Arguments choose topics: `round-trips`,
//! `processes`, `footprint`, `parallel`, `collector`, `operator`; none means all. Nothing here judges: times
//! depend on the machine, so those of the plugin stand beside host-local's, taken in turns with it.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is this program's output"
)]

mod collector;
#[path = "../../tests/counting/mod.rs"]
mod counting;
mod footprint;
mod machine;
mod operator;
mod parallel;
mod processes;
mod round_trips;
mod runner;
mod stats;
mod table;
mod usage;

use anyhow::{Result, ensure};

type Topic = (&'static str, fn() -> Result<()>);

const TOPICS: [Topic; 6] = [
    ("round-trips", round_trips::measure),
    ("processes", processes::measure),
    ("footprint", footprint::measure),
    ("parallel", parallel::measure),
    ("collector", collector::measure),
    ("operator", operator::measure),
];

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_topic = |name: &String| TOPICS.iter().any(|(topic, _)| topic == name);
    ensure!(
        arguments.iter().all(is_topic),
        "topics are {:?}",
        TOPICS.map(|(name, _)| name)
    );
    machine::describe()?;
    for (name, measure) in TOPICS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            measure()?;
        }
    }
    println!("\nload average at the end: {}", machine::load()?);
    Ok(())
}

//! What an address costs, beside a local file and beside the bare etcd, on this machine.
//!
//! `make bench` builds and finds what it needs. The times depend on the machine, so everything that is
//! compared is measured in turns, in one run, and what is asked of the plugin is asked as a ratio.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is this program's output"
)]

mod calls;
mod collector;
#[path = "../../tests/counting/mod.rs"]
mod counting;
mod effort;
mod footprint;
mod instructions;
mod machine;
mod operator;
mod parallel;
mod peer;
mod plot;
mod plugin;
mod rate;
mod report;
mod round_trips;
mod servers;
mod stats;
mod system_calls;
mod table;
mod taken;
mod target;
#[cfg(test)]
mod tests;
mod tool;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::effort::Effort;
use crate::peer::Peer;
use crate::report::Report;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// Starts, ADDs and DELs, one at a time: by order, occupancy, family, TLS, members.
    Calls,
    /// Many callers at once: wall times, failures, duplicates.
    Parallel,
    /// Allocations per second of one process with 64 workers.
    Rate,
    /// Bytes on disk, in memory and in etcd.
    Footprint,
    /// Instructions of a call, by function.
    Instructions,
    /// System calls of a call.
    SystemCalls,
    /// Requests to etcd of an allocation.
    RoundTrips,
    /// The collector's sweeps, elections and releases. Takes minutes, so it is to be named.
    Collector,
    /// The operator's commands with 100,000 allocations. Takes minutes, so it is to be named.
    Operator,
}

impl Topic {
    const fn measure(self) -> fn(&mut Bench) -> Result<()> {
        match self {
            Self::Calls => calls::measure,
            Self::Parallel => parallel::measure,
            Self::Rate => rate::measure,
            Self::Footprint => footprint::measure,
            Self::Instructions => instructions::measure,
            Self::SystemCalls => system_calls::measure,
            Self::RoundTrips => round_trips::measure,
            Self::Collector => collector::measure,
            Self::Operator => operator::measure,
        }
    }

    const fn is_to_be_named(self) -> bool {
        matches!(self, Self::Collector | Self::Operator)
    }
}

/// Measures the plugin beside host-local and the bare etcd. Ends with 1 if an address was given out
/// twice or a call of ours failed; whether a target was met is in the last table.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Measure this, and what else is named; all of the plugin unless given.
    #[arg(long, value_enum)]
    only: Vec<Topic>,
    /// Measure too little to mean anything, in seconds: to see that all of it works.
    #[arg(long)]
    quick: bool,
    /// Another IPAM plugin to measure beside, and the network's configuration that it reads.
    #[arg(long, value_name = "NAME=PROGRAM:CONFIG")]
    peer: Vec<Peer>,
    /// Where bench.json and the plots are written.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// A run.
struct Bench {
    effort: Effort,
    peers: Vec<Peer>,
    report: Report,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let report = measure(&arguments)?;
    report.write(&arguments.out)?;
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure(arguments: &Arguments) -> Result<Report> {
    let mut bench = Bench {
        effort: Effort::new(arguments.quick),
        peers: arguments.peer.clone(),
        report: Report::new(machine::describe()?),
    };
    for topic in Topic::value_variants() {
        let wanted = if arguments.only.is_empty() {
            !topic.is_to_be_named()
        } else {
            arguments.only.contains(topic)
        };
        if wanted {
            topic.measure()(&mut bench)?;
        }
    }
    bench.report.conclude(&machine::load()?);
    Ok(bench.report)
}

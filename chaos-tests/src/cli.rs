//! The command `chaos`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::real::driver::{self, Options};
use crate::real::isolation;
use crate::real::plan::Plan;

/// Runs the command.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks"
)]
pub fn main() -> ExitCode {
    let run = || -> Result<()> {
        if !isolation::is_inside() {
            let arguments: Vec<_> = std::env::args().skip(1).collect();
            let status = isolation::run_inside(&arguments)?;
            println!("{status}");
            return Ok(());
        }
        let options = Options {
            seed: 1,
            plan: Plan::named("churn").unwrap(),
            faults: std::env::args().skip(1).collect(),
            hold: Duration::from_secs(1),
            results: std::env::current_dir()?.join("target/chaos/real-1"),
        };
        let history = driver::run(&options, &|line| println!("{line}"))?;
        println!("{} events", history.events.len());
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

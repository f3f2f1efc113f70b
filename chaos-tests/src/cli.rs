//! The command `chaos`: what people and CI call.
//!
//! Its exit status says what came of it: 0 if the promises were kept, 1 if one was broken, 2 if nothing was
//! shown, because too little happened or because it cannot run here.

mod check;
mod model;
mod mutants;
mod real;
mod simulate;
mod soak;

#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::checks::Finish;
use crate::real::isolation;

/// Where results go unless it is said otherwise, from the root of the repository.
const RESULTS: &str = "target/chaos";

/// Prove the promises while etcd is being broken.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that one can wait for: what `make chaos` and CI run
    All(Results),
    /// Run the real code in virtual time, against a model of etcd and of a cluster
    Simulate(simulate::Arguments),
    /// Plant one bug after the other, and see whether the simulation finds it
    Mutants(mutants::Arguments),
    /// Compare the model of etcd with real servers
    Model {
        /// How long (seconds), over all versions of etcd
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Break real servers, real plugins and real collectors
    Real(real::Arguments),
    /// Break them for hours, with another seed, workload and schedule every few minutes
    Soak(soak::Arguments),
    /// Run a seed of the simulation again, bit for bit; or, of the real leg, the workload and the faults
    /// of `real:SEED`
    Replay {
        /// Which
        seed: String,
        #[command(flatten)]
        results: Results,
    },
    /// Judge a history that was written down
    Check {
        /// The history
        file: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
struct Results {
    /// The directory that each run gets one in
    #[arg(long, default_value = RESULTS)]
    results: PathBuf,
}

/// What came of it, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Conclusion {
    Passed,
    /// It cannot run here.
    Skipped,
    Void,
    Failed,
}

impl Display for Conclusion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Void => "void",
            Self::Failed => "FAILED",
        })
    }
}

impl From<Finish> for Conclusion {
    fn from(finish: Finish) -> Self {
        match finish {
            Finish::Passed => Self::Passed,
            Finish::Failed => Self::Failed,
            Finish::Void => Self::Void,
        }
    }
}

impl Conclusion {
    fn status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Skipped | Self::Void => 2,
        }
    }
}

/// Runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(conclusion) => {
            // Who has started it inside says so.
            if !isolation::is_inside() {
                say(&format!("chaos: {conclusion}"));
            }
            ExitCode::from(conclusion.status())
        }
        Err(error) => {
            complain(&format!("chaos: void: {error:#}"));
            ExitCode::from(Conclusion::Void.status())
        }
    }
}

fn run(command: Command) -> Result<Conclusion> {
    match command {
        Command::All(results) => all(&results),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Model { seconds } => model::run(seconds),
        Command::Real(arguments) => real::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Replay { seed, results } => match seed.strip_prefix("real:") {
            Some(seed) => real::replay(seed.parse()?, &results),
            None => simulate::replay(seed.parse()?, &results),
        },
        Command::Check { file } => check::run(&file),
    }
}

/// One part after the other, whatever comes of them; the worst counts.
fn all(results: &Results) -> Result<Conclusion> {
    let simulated = simulate::run(&simulate::Arguments::of_all(results.clone()))?;
    say(&format!("simulation: {simulated}"));
    let model = model::run(20)?;
    say(&format!("model: {model}"));
    let real = real::apart(&real::Arguments::of_all(results.clone()))?;
    say(&format!("real: {real}"));
    Ok(simulated.max(model).max(real))
}

/// The commit of the repository, where git knows one.
fn commit() -> String {
    let mut git = std::process::Command::new("git");
    git.args(["rev-parse", "--short", "HEAD"]);
    let output = git.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what a command says")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "what a command complains of")]
fn complain(text: &str) {
    eprintln!("{text}");
}

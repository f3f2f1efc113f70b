//! The binary `ipamctl`: everything is in the library, where tests reach it.

use std::io::{BufReader, IsTerminal as _, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use ipamctl::cli::{Cli, called_as};
use ipamctl::output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let program: PathBuf = std::env::args_os().next().unwrap_or_default().into();
    let mut command = called_as(&program);
    let matches = command.get_matches_mut();
    let cli =
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    let (mut out, mut err) = (stdout().lock(), stderr().lock());
    // Not locked: a command may be told to read standard input, and nobody is asked then.
    let mut answers = BufReader::new(stdin());
    let output = Output::new(cli.output, &mut out, &mut err);
    let output = if stdin().is_terminal() {
        output.asking(&mut answers)
    } else {
        output
    };
    ipamctl::run(&cli, output).await
}

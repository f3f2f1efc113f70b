//! The binary `ipamctl`: everything is in the library, where tests reach it.

use std::io::{BufReader, IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use ipamctl::cli::Cli;
use ipamctl::output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
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

//! The binary `ipamctl`: everything is in the library, where tests reach it.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use ipamctl::cli::Cli;
use ipamctl::output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let (mut out, mut err, mut answers) = (stdout().lock(), stderr().lock(), stdin().lock());
    let output = Output::new(cli.output, &mut out, &mut err);
    let output = if stdin().is_terminal() {
        output.asking(&mut answers)
    } else {
        output
    };
    ipamctl::run(&cli, output).await
}

//! The binary `ipamctl`: everything is in the library, where tests reach it.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use ipamctl::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    ipamctl::run(&cli, &mut stdout().lock(), &mut stderr().lock()).await
}
